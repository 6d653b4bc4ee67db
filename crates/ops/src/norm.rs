//! Layer norm, with or without its bias, layer norm of a sum, and RMS norm, over the last dimension.

use crate::broadcast::{add_vector, mul_vector};
use crate::flex::{self, dense, dims, values};
use crate::recompute::{Recipe, Sourced};
use crate::tape::{Edge, Saved, Tape, Want, any_tracked};
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use kernels::norm as kernel;

/// `gamma · (x - mean) / √(var + eps) + beta` over the last dimension, with `gamma` and `beta` `[h]`; without `beta`
/// nothing is added.
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gamma: Tensor<1>,
    beta: Option<Tensor<1>>,
    eps: f64,
) -> Tensor<D> {
    normed(x, None, gamma, beta, eps)
}

/// [`layer_norm`] of `x + residual`: the end of a sub-layer of BERT, in one pass.
pub fn add_layer_norm<const D: usize>(
    x: Tensor<D>,
    residual: Tensor<D>,
    gamma: Tensor<1>,
    beta: Option<Tensor<1>>,
    eps: f64,
) -> Tensor<D> {
    assert_eq!(
        x.dims(),
        residual.dims(),
        "input and residual differ in shape"
    );
    normed(x, Some(residual), gamma, beta, eps)
}

/// `gamma · x / √(mean(x²) + eps)` over the last dimension, with `gamma` `[h]`.
pub fn rms_norm<const D: usize>(x: Tensor<D>, gamma: Tensor<1>, eps: f64) -> Tensor<D> {
    let Some(tape) = Tape::of(&[&x, &gamma]) else {
        let square = (x.clone() * x.clone()).mean_dim(D - 1); // [.., h] -> [.., 1]
        return mul_vector(x / (square + eps).sqrt(), gamma);
    };
    let ((x, x_edge), (gamma, gamma_edge)) = (tape.take(x), tape.take(gamma));
    let (mut x, gamma) = (dense(x), dense(gamma));
    let edges = [x_edge, gamma_edge];
    if !any_tracked(&edges) {
        kernel::rms_norm_in_place(flex::values_mut(&mut x), values(&gamma), eps as f32);
        return constant(tape, edges, x);
    }
    let normed = kernel::rms_norm_saving(values(&x), values(&gamma), eps as f32);
    let (y, saved) = Normed::new(normed, &dims(&x), gamma, None);
    tape.finish(edges, y, || saved)
}

fn normed<const D: usize>(
    x: Tensor<D>,
    residual: Option<Tensor<D>>,
    gamma: Tensor<1>,
    beta: Option<Tensor<1>>,
    eps: f64,
) -> Tensor<D> {
    let Some(tape) = Tape::of(&[&x, &residual, &gamma, &beta]) else {
        let x = match residual {
            Some(residual) => x + residual,
            None => x,
        };
        let centred = x.clone() - x.mean_dim(D - 1); // [.., h] - [.., 1]
        let variance = (centred.clone() * centred.clone()).mean_dim(D - 1);
        let standard = centred / (variance + eps).sqrt();
        let scaled = mul_vector(standard, gamma);
        return match beta {
            Some(beta) => add_vector(scaled, beta),
            None => scaled,
        };
    };
    let ((x, x_edge), (residual, residual_edge)) = (tape.take(x), tape.take_option(residual));
    let ((gamma, gamma_edge), (beta, beta_edge)) = (tape.take(gamma), tape.take_option(beta));
    let (mut x, mut residual) = (dense(x), residual.map(dense));
    let (gamma, beta) = (dense(gamma), beta.map(dense));
    let edges = [x_edge, residual_edge, gamma_edge, beta_edge];
    if !any_tracked(&edges) {
        // Write over whichever of the two nobody else holds.
        if let Some(residual) = residual
            .as_mut()
            .filter(|residual| residual.is_unique() && !x.is_unique())
        {
            std::mem::swap(&mut x, residual);
        }
        let residual = residual.as_ref().map(values);
        kernel::layer_norm_in_place(
            flex::values_mut(&mut x),
            residual,
            values(&gamma),
            beta.as_ref().map(values),
            eps as f32,
        );
        return constant(tape, edges, x);
    }
    let residual = residual.as_ref().map(values);
    let normed = kernel::layer_norm_saving(
        values(&x),
        residual,
        values(&gamma),
        beta.as_ref().map(values),
        eps as f32,
    );
    let (y, saved) = Normed::new(normed, &dims(&x), gamma, beta);
    tape.finish(edges, y, || saved)
}

/// Wraps a result without tracked inputs.
fn constant<const D: usize, const N: usize>(
    tape: Tape,
    edges: [Edge; N],
    y: FlexTensor,
) -> Tensor<D>
where
    Normed: Saved<N>,
{
    tape.finish(edges, y, || -> Normed {
        unreachable!("no input is tracked")
    })
}

#[derive(Clone, Debug)]
struct Normed {
    normal: FlexTensor,
    inverse_deviation: FlexTensor,
    gamma: FlexTensor,
    beta: Option<FlexTensor>,
}

impl Normed {
    fn new(
        normed: kernel::Normed,
        dims: &[usize],
        gamma: FlexTensor,
        beta: Option<FlexTensor>,
    ) -> (FlexTensor, Sourced<Self>) {
        let kernel::Normed {
            y,
            normal,
            inverse_deviation,
        } = normed;
        let rows = inverse_deviation.len();
        let saved = Self {
            normal: flex::tensor(normal, dims),
            inverse_deviation: flex::tensor(inverse_deviation, &[rows]),
            gamma,
            beta,
        };
        (flex::tensor(y, dims), Sourced::new(saved))
    }
}

impl Recipe for Normed {
    fn compute(&mut self) -> FlexTensor {
        let (gamma, beta) = (values(&self.gamma), self.beta.as_ref().map(values));
        let y = kernel::scaled_and_shifted(values(&self.normal), gamma, beta);
        flex::tensor(y, &dims(&self.normal))
    }
}

/// Layer norm: x, residual, gamma, beta. The residual gets the gradient of x.
impl Saved<4> for Normed {
    fn backward(mut self, grad: FlexTensor, wanted: [Want; 4]) -> [Option<FlexTensor>; 4] {
        let [want_x, want_residual, want_gamma, want_beta] = wanted;
        let dy = dense(grad);
        let (inverse, gamma) = (values(&self.inverse_deviation), values(&self.gamma));
        let (dy, normal, n) = (values(&dy), flex::values_mut(&mut self.normal), gamma.len());
        let (d_gamma, d_beta) = if want_gamma.any() || want_beta.any() {
            let g = kernel::layer_norm_backward(dy, normal, inverse, gamma);
            (
                want_gamma.give(|| flex::tensor(g.d_gamma, &[n])),
                want_beta.give(|| flex::tensor(g.d_beta, &[n])),
            )
        } else {
            kernel::layer_norm_dx(dy, normal, inverse, gamma);
            (None, None)
        };
        let dx = self.normal;
        [
            want_x.give(|| dx.clone()),
            want_residual.give(|| dx),
            d_gamma,
            d_beta,
        ]
    }
}

/// RMS norm: x, gamma.
impl Saved<2> for Normed {
    fn backward(
        mut self,
        grad: FlexTensor,
        [want_x, want_gamma]: [Want; 2],
    ) -> [Option<FlexTensor>; 2] {
        let dy = dense(grad);
        let (inverse, gamma) = (values(&self.inverse_deviation), values(&self.gamma));
        let (dy, normal, n) = (values(&dy), flex::values_mut(&mut self.normal), gamma.len());
        let d_gamma = if want_gamma.any() {
            let g = kernel::rms_norm_backward(dy, normal, inverse, gamma);
            want_gamma.give(|| flex::tensor(g.d_gamma, &[n]))
        } else {
            kernel::rms_norm_dx(dy, normal, inverse, gamma);
            None
        };
        [want_x.give(|| self.normal), d_gamma]
    }
}
