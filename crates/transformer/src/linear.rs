//! A linear map `y = xW + b`, weights kept as `[d_in, d_out]`.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

/// `y = xW + b`. The fields are public so that a method can see W (DoRA) or train b alone (BitFit).
#[derive(Module, Debug)]
pub struct Linear {
    /// `[d_in, d_out]`: the transpose of what PyTorch's `nn.Linear` stores, the same as GPT-2's Conv1D.
    pub weight: Param<Tensor<2>>,
    /// `[d_out]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl Linear {
    /// The map as it was pretrained, `[.., d_in] -> [.., d_out]`.
    pub fn apply<const D: usize>(&self, x: &Tensor<D>) -> Tensor<D> {
        let bias = self.bias.as_ref().map(|bias| bias.val());
        ops::linear(x.clone(), self.weight.val(), bias)
    }

    /// Width of the input.
    pub fn d_in(&self) -> usize {
        self.weight.dims()[0]
    }

    /// Width of the output.
    pub fn d_out(&self) -> usize {
        self.weight.dims()[1]
    }
}
