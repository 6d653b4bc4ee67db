//! The adapters' settings.

use crate::adaptation::{AdapterAdaptation, BlockAdapters, Bottleneck};
use adapt::{
    Attach, FitError, Hue, Inserted, Level, Look, MethodInfo, Narrow, Outline, Peft, Trained,
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use transformer::{Depth, Shape};

/// `adapter` in the registry.
pub static ADAPTER: Trained<Adapter> = Trained::new();

adapt::settings! {
    /// The adapters' settings.
    pub struct Adapter {
        /// Peak learning rate. Houlsby et al. 2019 sweep 3e-5 to 3e-3.
        learning_rate: f64 = 5e-4 => adapt::Range::LEARNING_RATE,
        /// Where in a block, see above. `houlsby` is the first and strongest of the three at equal m in He et al. 2022 for classification.
        placement: Placement = Placement::Houlsby,
        /// m. Houlsby et al. 2019 sweep 2 to 64 on GLUE for h = 1024.
        bottleneck: NonZeroUsize = NonZeroUsize::new(32).expect("not zero") => adapt::Range::WIDTH,
        /// f: `gelu`, that of the models adapted, or `relu`, `silu`, `tanh`.
        activation: Activation = Activation::Gelu,
        /// s. For `parallel` He et al. 2022 use 4.
        scale: f64 = 1.0 => adapt::Range::above(0.0, 1e6),
        /// Standard deviation of the initial weights. Houlsby et al. 2019, §3.6: at most 1e-2, so that the block starts near the identity.
        init_deviation: f64 = 0.01 => adapt::Range::from(0.0, 1e3),
    }
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

impl Adapter {
    fn params_of_block(&self, shape: &Shape) -> usize {
        let (h, m) = (shape.hidden, self.bottleneck.get());
        let bottlenecks = if self.placement == Placement::Houlsby {
            2
        } else {
            1
        };
        bottlenecks * (2 * h * m + m + h)
    }
}

impl Peft for Adapter {
    const INFO: MethodInfo = MethodInfo {
        name: "adapter",
        definition: "Small bottleneck layers with a skip connection are inserted after the sub-layers of each block.",
        paper: "Houlsby et al. 2019, arXiv:1902.00751; Pfeiffer et al. 2021, arXiv:2005.00247; He et al. 2022, arXiv:2110.04366",
        level: Level::InsertedComputation,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Vermilion,
            outline: Outline::Square,
        }),
    };

    const VARIANTS: &'static [&'static str] = &[
        r#"{"placement": "houlsby", "bottleneck": 5}"#,
        r#"{"placement": "pfeiffer", "bottleneck": 5, "activation": "tanh"}"#,
        r#"{"placement": "parallel", "bottleneck": 5, "scale": 2.0}"#,
    ];

    type Adaptation = AdapterAdaptation;

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<AdapterAdaptation, FitError> {
        let (hidden, blocks, device) = (to.shape.hidden, to.shape.blocks, to.device);
        let mut bottleneck = || {
            Bottleneck::new(
                hidden,
                self.bottleneck.get(),
                self.init_deviation,
                &mut to.rng,
                device,
            )
        };
        let blocks = (0..blocks)
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
        (shape.blocks * self.params_of_block(shape)) as u64
    }

    /// Every weight and bias of a bottleneck is used once by each layer.
    fn added_per_token(&self, shape: &Shape) -> u64 {
        (shape.layers * self.params_of_block(shape)) as u64
    }

    fn inserted(&self, _shape: &Shape) -> Option<Inserted> {
        let narrow = Narrow {
            width: self.bottleneck.get(),
            reads_block_input: self.placement == Placement::Parallel,
            is_scaled: self.scale != 1.0,
        };
        Some(Inserted {
            after_attention: (self.placement == Placement::Houlsby).then_some(narrow),
            after_feed_forward: Some(narrow),
            ..Inserted::default()
        })
    }

    /// Near the identity, not at it: both maps start with small random weights, as in the paper.
    fn identity_at_start(&self) -> bool {
        self.init_deviation == 0.0
    }
}
