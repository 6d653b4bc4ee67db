//! The classification head: one linear map on the pooled final hidden state, the same for every method that trains one.

use crate::init::{self, InitRng};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use transformer::{Pooling, Shape};

/// Deviation of the head's initial weights: BERT's `initializer_range` (Devlin et al. 2019).
const INITIAL_DEVIATION: f64 = 0.02;

/// pooled hidden state → class logits.
#[derive(Module, Debug)]
pub struct Head {
    /// `[hidden, classes]`
    pub weight: Param<Tensor<2>>,
    /// `[classes]`
    pub bias: Param<Tensor<1>>,
}

impl Head {
    /// A head with small random weights and no bias.
    pub fn new(hidden: usize, classes: usize, rng: &mut InitRng, device: &Device) -> Self {
        Self {
            weight: init::normal(rng, [hidden, classes], INITIAL_DEVIATION, device),
            bias: init::constant(0.0, [classes], device),
        }
    }

    /// # Shapes
    /// - pooled: `[batch, hidden]`
    /// - result: `[batch, classes]`
    pub fn forward(&self, pooled: Tensor<2>) -> Tensor<2> {
        pooled.matmul(self.weight.val()) + self.bias.val().unsqueeze() // [b,h] x [h,c] + [1,c] -> [b,c]
    }
}

/// Mean of the tokens for encoders, the last token for decoders: it alone has seen the whole text.
pub fn default_pooling(shape: &Shape) -> Pooling {
    if shape.causal {
        Pooling::LastToken
    } else {
        Pooling::Mean
    }
}
