//! Linear maps: `x · W + b`, with W [d_in, d_out] as burn keeps it.

use crate::flex::{self, dense, dims, matrix, viewable};
use crate::tape::{Saved, Tape};
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use kernels::gemm;

/// `x · weight + bias`: [.., d_in] x [d_in, d_out] -> [.., d_out].
///
/// A transposed `weight` is used as it is, without a copy.
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    let Some(tape) = Tape::of(&[&x, &weight, &bias]) else {
        return burn::tensor::module::linear(x, weight, bias);
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
        x: weight_edge.tracked.then_some(x),
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
    x: Option<FlexTensor>,
    weight: Option<FlexTensor>,
}

impl Saved<3> for Linear {
    fn backward(self, grad: FlexTensor, wanted: [bool; 3]) -> [Option<FlexTensor>; 3] {
        let dy = dense(grad);
        let dx = self
            .weight
            .filter(|_| wanted[0])
            .map(|weight| input_gradient(&dy, &weight));
        let dw = self
            .x
            .filter(|_| wanted[1])
            .map(|x| weight_gradient(&x, &dy));
        let db = wanted[2].then(|| bias_gradient(&dy));
        [dx, dw, db]
    }
}

/// `dy · Wᵀ`.
pub(crate) fn input_gradient(dy: &FlexTensor, weight: &FlexTensor) -> FlexTensor {
    let weight = matrix(weight);
    flex::tensor(
        gemm::linear_dx(flex::values(dy), weight),
        &with_last(dims(dy), weight.rows()),
    )
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
