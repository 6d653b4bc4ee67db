//! A frozen or trained linear map plus a low-rank one: LoRA without ever forming `W + s·A·B`.
//! Hu et al. 2021, <https://arxiv.org/abs/2106.09685>, eq. 3.

use crate::flex::{self, dense, dims, matrix, viewable};
use crate::linear::{add_product, bias_gradient, input_gradient, last, weight_gradient, with_last};
use crate::recompute::Kept;
use crate::tape::{Saved, Tape, Want};
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use kernels::gemm::{self, Matrix, Threads, matmul_add, row_count};

/// `x · weight + bias + scale · (x · a) · b`: [.., d_in] -> [.., d_out], with `a` [d_in, r] and `b` [r, d_out].
///
/// The low-rank part is added by the matrix product itself, forward and backward, and a frozen `weight` gets no gradient.
pub fn linear_low_rank<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
    a: Tensor<2>,
    b: Tensor<2>,
    scale: f64,
) -> Tensor<D> {
    let Some(tape) = Tape::of(&[&x, &weight, &bias, &a, &b]) else {
        let inner = burn::tensor::module::linear(x.clone(), a, None);
        return burn::tensor::module::linear(x, weight, bias)
            + burn::tensor::module::linear(inner, b, None) * scale;
    };
    let ((x, x_edge), (weight, weight_edge)) = (tape.take(x), tape.take(weight));
    let ((a, a_edge), (b, b_edge)) = (tape.take(a), tape.take(b));
    let (bias, bias_edge) = tape.take_option(bias);
    let (x, weight, bias) = (dense(x), viewable(weight), bias.map(dense));
    let (a, b, scale) = (viewable(a), viewable(b), scale as f32);
    let mut y = gemm::linear(
        flex::values(&x),
        matrix(&weight),
        bias.as_ref().map(flex::values),
    );
    let inner = gemm::linear(flex::values(&x), matrix(&a), None); // [rows, d_in] x [d_in, r]
    let rank = matrix(&a).columns();
    let inner_rows = Matrix::new(&inner, row_count(&inner, rank), rank);
    matmul_add(&mut y, inner_rows, matrix(&b), scale, Threads::All);
    let y = flex::tensor(y, &with_last(dims(&x), matrix(&weight).columns()));
    let inner = flex::tensor(inner, &with_last(dims(&x), rank));
    let saved = LowRank {
        x: (weight_edge.tracked || a_edge.tracked).then(|| Kept::of(x, &x_edge)),
        inner: b_edge.tracked.then_some(inner),
        weight: x_edge.tracked.then_some(weight),
        a: x_edge.tracked.then_some(a),
        b: (x_edge.tracked || a_edge.tracked).then_some(b),
        scale,
    };
    tape.finish([x_edge, weight_edge, bias_edge, a_edge, b_edge], y, || {
        saved
    })
}

#[derive(Clone, Debug)]
struct LowRank {
    x: Option<Kept>,
    /// x · a, [rows, r].
    inner: Option<FlexTensor>,
    weight: Option<FlexTensor>,
    a: Option<FlexTensor>,
    b: Option<FlexTensor>,
    scale: f32,
}

impl Saved<5> for LowRank {
    fn backward(self, grad: FlexTensor, wanted: [Want; 5]) -> [Option<FlexTensor>; 5] {
        let [want_x, want_weight, want_bias, want_a, want_b] = wanted;
        let dy = dense(grad);
        let rows = row_count(flex::values(&dy), last(&dy));
        let dy_rows = Matrix::new(flex::values(&dy), rows, last(&dy));
        // d_inner = scale · dy · bᵀ, [rows, d_out] x [d_out, r]
        let d_inner = self.b.as_ref().map(|b| {
            let b = matrix(b);
            let mut d_inner = vec![0.0; rows * b.rows()];
            gemm::matmul_into(&mut d_inner, dy_rows, b.t(), self.scale, Threads::All);
            flex::tensor(d_inner, &with_last(dims(&dy), b.rows()))
        });
        let dx = self.weight.zip(self.a).and_then(|(weight, a)| {
            let mut dx = input_gradient(&dy, &weight, want_x)?;
            add_product(
                &mut dx,
                d_inner.as_ref().expect("b is kept for the gradient of x"),
                matrix(&a).t(),
            );
            Some(dx)
        });
        let x = self.x.map(Kept::value);
        let dw = x
            .as_ref()
            .and_then(|x| want_weight.give(|| weight_gradient(x, &dy)));
        let da = x
            .as_ref()
            .zip(d_inner.as_ref())
            .and_then(|(x, d)| want_a.give(|| weight_gradient(x, d)));
        let db = self.inner.and_then(|inner| {
            want_b.give(|| {
                // scale · innerᵀ · dy, [r, rows] x [rows, d_out]
                let rank = last(&inner);
                let mut db = vec![0.0; rank * last(&dy)];
                let inner = Matrix::new(flex::values(&inner), rows, rank);
                gemm::matmul_into(&mut db, inner.t(), dy_rows, self.scale, Threads::All);
                flex::tensor(db, &[rank, last(&dy)])
            })
        });
        [dx, dw, want_bias.give(|| bias_gradient(&dy)), da, db]
    }
}
