//! Linear maps: `x · W + b`, with W [d_in, d_out] as burn keeps it.

use crate::broadcast::{add_vector, mul_weight};
use crate::device::compiles_kernels;
use crate::flex::{self, dense, dims, matrix, viewable};
use crate::recompute::Kept;
use crate::tape::{Saved, Tape, Want};
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use kernels::gemm::{self, Matrix, Threads, matmul_add, row_count};

/// `x · weight + bias`: [.., d_in] x [d_in, d_out] -> [.., d_out].
///
/// A transposed `weight` is used as it is, without a copy.
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    let Some(tape) = Tape::of(&[&x, &weight, &bias]) else {
        if !compiles_kernels(&x.device()) {
            return burn::tensor::module::linear(x, weight, bias);
        }
        let y = mul_weight(x, weight);
        return match bias {
            Some(bias) => add_vector(y, bias),
            None => y,
        };
    };
    let ((x, x_edge), (weight, weight_edge)) = (tape.take(x), tape.take(weight));
    let (bias, bias_edge) = tape.take_option(bias);
    let (x, weight, bias) = (dense(x), viewable(weight), bias.map(dense));
    let y = gemm::linear(
        flex::values(&x),
        matrix(&weight),
        bias.as_ref().map(flex::values),
    );
    let y = flex::tensor(y, &with_last(dims(&x), matrix(&weight).columns()));
    let saved = Linear {
        x: weight_edge.tracked.then(|| Kept::of(x, &x_edge)),
        weight: x_edge.tracked.then_some(weight),
    };
    tape.finish([x_edge, weight_edge, bias_edge], y, || saved)
}

/// These sizes with another last one.
pub(crate) fn with_last(mut dims: Vec<usize>, last: usize) -> Vec<usize> {
    if let Some(size) = dims.last_mut() {
        *size = last;
    }
    dims
}

/// Each tensor is kept only if the gradient of the other is wanted.
#[derive(Clone, Debug)]
struct Linear {
    x: Option<Kept>,
    weight: Option<FlexTensor>,
}

impl Saved<3> for Linear {
    fn backward(
        self,
        grad: FlexTensor,
        [want_x, want_weight, want_bias]: [Want; 3],
    ) -> [Option<FlexTensor>; 3] {
        let dy = dense(grad);
        let dx = self
            .weight
            .and_then(|weight| input_gradient(&dy, &weight, want_x));
        let dw = self
            .x
            .and_then(|x| want_weight.give(|| weight_gradient(&x.value(), &dy)));
        let db = want_bias.give(|| bias_gradient(&dy));
        [dx, dw, db]
    }
}

/// `dy · Wᵀ`, on top of what is there already.
pub(crate) fn input_gradient(
    dy: &FlexTensor,
    weight: &FlexTensor,
    want: Want,
) -> Option<FlexTensor> {
    let weight = matrix(weight);
    match want {
        Want::No => None,
        Want::New => {
            let dx = gemm::linear_dx(flex::values(dy), weight);
            Some(flex::tensor(dx, &with_last(dims(dy), weight.rows())))
        }
        Want::Add(earlier) => {
            let mut dx = dense(earlier);
            gemm::linear_dx_add(flex::values_mut(&mut dx), flex::values(dy), weight);
            Some(dx)
        }
    }
}

/// `y += x · w`, [rows, n] x [n, m].
pub(crate) fn add_product(y: &mut FlexTensor, x: &FlexTensor, w: Matrix) {
    let rows = Matrix::new(
        flex::values(x),
        row_count(flex::values(x), last(x)),
        last(x),
    );
    matmul_add(flex::values_mut(y), rows, w, 1.0, Threads::All);
}

/// `xᵀ · dy`, [d_in, d_out].
pub(crate) fn weight_gradient(x: &FlexTensor, dy: &FlexTensor) -> FlexTensor {
    let (d_in, d_out) = (last(x), last(dy));
    #[cfg(test)]
    crate::tests::count_weight_gradient();
    flex::tensor(
        gemm::linear_dw(flex::values(x), flex::values(dy), d_in, d_out),
        &[d_in, d_out],
    )
}

/// The sum of the rows of `dy`, [d_out].
pub(crate) fn bias_gradient(dy: &FlexTensor) -> FlexTensor {
    flex::tensor(gemm::column_sum(flex::values(dy), last(dy)), &[last(dy)])
}

/// The last size of a tensor.
pub(crate) fn last(tensor: &FlexTensor) -> usize {
    dims(tensor).last().copied().unwrap_or(1)
}
