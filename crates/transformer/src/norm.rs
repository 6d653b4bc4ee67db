//! Layer normalisation (Ba et al. 2016) and root-mean-square normalisation (Zhang & Sennrich 2019), one type for both.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

/// Layer norm where there is a bias, RMS norm where there is none. Named as in PyTorch: `weight` is the gain γ, `bias` is β.
#[derive(Module, Debug)]
pub struct Norm {
    /// γ, `[hidden]`.
    pub weight: Param<Tensor<1>>,
    /// β, `[hidden]`; `None` makes this an RMS norm.
    pub bias: Option<Param<Tensor<1>>>,
    /// Added to the variance (or mean square) under the root.
    pub epsilon: f64,
}

impl Norm {
    /// Normalises the last dimension, `[.., hidden] -> [.., hidden]`.
    pub fn apply<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match &self.bias {
            Some(bias) => ops::layer_norm(x, self.weight.val(), bias.val(), self.epsilon),
            None => ops::rms_norm(x, self.weight.val(), self.epsilon),
        }
    }

    /// `norm(x + residual)`, in one pass over memory where the backend has it.
    pub fn apply_sum<const D: usize>(&self, x: Tensor<D>, residual: Tensor<D>) -> Tensor<D> {
        match &self.bias {
            Some(bias) => {
                ops::add_layer_norm(x, residual, self.weight.val(), bias.val(), self.epsilon)
            }
            None => ops::rms_norm(ops::add(x, residual), self.weight.val(), self.epsilon),
        }
    }
}
