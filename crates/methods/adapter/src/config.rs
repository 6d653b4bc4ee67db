//! The adapters' settings.

use crate::adaptation::{AdapterAdaptation, BlockAdapters, Bottleneck};
use adapt::{Attach, FitError, Peft};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use transformer::{Depth, Shape};

/// The adapters' settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Where in a block.
    pub placement: Placement,
    /// m.
    pub bottleneck: NonZeroUsize,
    /// f.
    pub activation: Activation,
    /// s.
    pub scale: f64,
    /// Standard deviation of the initial weights.
    pub init_deviation: f64,
}

/// Where in a block the adapters stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// After both sub-layers.
    Houlsby,
    /// After the feed-forward.
    Pfeiffer,
    /// Beside the feed-forward.
    Parallel,
}

/// The non-linearity between the two maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// x Φ(x).
    Gelu,
    /// max(x, 0).
    Relu,
    /// x σ(x).
    Silu,
    /// tanh x.
    Tanh,
}

impl From<Activation> for ops::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Gelu => Self::GeluErf,
            Activation::Relu => Self::Relu,
            Activation::Silu => Self::Silu,
            Activation::Tanh => Self::Tanh,
        }
    }
}

impl Default for Adapter {
    fn default() -> Self {
        Self {
            learning_rate: 5e-4,
            placement: Placement::Houlsby,
            bottleneck: NonZeroUsize::new(32).expect("not zero"),
            activation: Activation::Gelu,
            scale: 1.0,
            init_deviation: 0.01,
        }
    }
}

impl Peft for Adapter {
    type Adaptation = AdapterAdaptation;

    fn name(&self) -> &'static str {
        "adapter"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<AdapterAdaptation, FitError> {
        let (hidden, layers, device) = (to.shape.hidden, to.shape.layers, to.device);
        let mut bottleneck = || {
            Bottleneck::new(
                hidden,
                self.bottleneck.get(),
                self.init_deviation,
                &mut to.rng,
                device,
            )
        };
        let blocks = (0..layers)
            .map(|_| BlockAdapters {
                attention: (self.placement == Placement::Houlsby).then(&mut bottleneck),
                feed_forward: bottleneck(),
            })
            .collect();
        Ok(AdapterAdaptation::new(blocks, self.clone()))
    }

    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Block(0)
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        let (h, m) = (shape.hidden, self.bottleneck.get());
        let per_block = if self.placement == Placement::Houlsby {
            2
        } else {
            1
        };
        (shape.layers * per_block * (2 * h * m + m + h)) as u64
    }

    /// Near the identity, not at it: both maps start with small random weights, as in the paper.
    fn identity_at_start(&self) -> bool {
        self.init_deviation == 0.0
    }
}
