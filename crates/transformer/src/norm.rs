//! Layer normalisation (Ba et al. 2016), with or without its bias, and root-mean-square normalisation (Zhang & Sennrich 2019), one type for all.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::shape::NormKind;

/// A normalisation with its gain. Named as in PyTorch: `weight` is the gain γ, `bias` is β.
#[derive(Module, Debug)]
pub struct Norm {
    /// γ, `[width]`. Gemma's files hold γ - 1.
    pub weight: Param<Tensor<1>>,
    /// β, `[width]`, in [`NormKind::Layer`].
    pub bias: Option<Param<Tensor<1>>>,
    /// Added to the variance (or mean square) under the root.
    pub epsilon: f64,
    /// What is divided by: the deviation from the mean, or the root mean square.
    #[module(skip)]
    pub kind: NormKind,
}

impl Norm {
    /// Normalises the last dimension, `[.., width] -> [.., width]`.
    pub fn apply<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self.kind {
            NormKind::Layer | NormKind::LayerWithoutBias => {
                ops::layer_norm(x, self.weight.val(), self.beta(), self.epsilon)
            }
            NormKind::Rms => ops::rms_norm(x, self.weight.val(), self.epsilon),
        }
    }

    /// `norm(x + residual)`, in one pass over memory where the backend has it.
    pub fn apply_sum<const D: usize>(&self, x: Tensor<D>, residual: Tensor<D>) -> Tensor<D> {
        match self.kind {
            NormKind::Layer | NormKind::LayerWithoutBias => {
                let (weight, bias) = (self.weight.val(), self.beta());
                ops::add_layer_norm(x, residual, weight, bias, self.epsilon)
            }
            NormKind::Rms => ops::rms_norm(ops::add(x, residual), self.weight.val(), self.epsilon),
        }
    }

    /// Normalises each of `heads` heads by itself, `[b, t, heads * width] -> [b, t, heads * width]`; a norm as wide as all heads together
    /// takes them as one.
    pub fn apply_to_heads(&self, x: Tensor<3>) -> Tensor<3> {
        let [b, t, all] = x.dims();
        let [width] = self.weight.dims();
        if width == all {
            self.apply(x)
        } else {
            let heads = x.reshape([b, t, all / width, width]); // [b, t, h * d] -> [b, t, h, d]
            self.apply(heads).reshape([b, t, all])
        }
    }

    fn beta(&self) -> Option<Tensor<1>> {
        self.bias.as_ref().map(|bias| bias.val())
    }
}
