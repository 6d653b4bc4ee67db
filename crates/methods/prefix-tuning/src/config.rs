//! Settings of prefix tuning.

use crate::adaptation::{Prefix, PrefixAdaptation, Reparametrisation};
use crate::words::keys_and_values;
use adapt::{
    Attach, Change, FitError, Hue, InFront, Inserted, Level, Look, MethodInfo, Outline, Peft,
    Trained, init,
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use transformer::{Depth, Shape};

/// `prefix-tuning` in the registry.
pub static PREFIX_TUNING: Trained<PrefixTuning> = Trained::new();

adapt::settings! {
    /// Settings of prefix tuning.
    pub struct PrefixTuning {
        /// Peak learning rate. Liu et al. 2021 sweep 5e-3 to 1e-1.
        learning_rate: f64 = 1e-2 => adapt::Range::LEARNING_RATE,
        /// p. Liu et al. 2021, figure 3: under 20 for simple classification.
        tokens: NonZeroUsize = NonZeroUsize::new(20).expect("not zero") => adapt::Range::whole(1, 1 << 20),
        /// Where keys and values start. `words`: those that the model itself computes for `init_text`; `random`: normal. Li & Liang 2021,
        /// §7.4: real words help with few labels.
        init: Init = Init::Words,
        /// The words that `init = "words"` starts from; the class names where empty.
        init_text: String = String::new(),
        /// Whether keys and values come from a small network, K_p and V_p = MLP(P′), P′ ∈ ℝ^{p×h}: Li & Liang 2021, §4.3; starts random.
        reparametrise: bool = false,
        /// Inner width of that network.
        width: NonZeroUsize = NonZeroUsize::new(128).expect("not zero") => adapt::Range::WIDTH,
    }
}

/// Where the keys and values start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Normal draws with the model's own initial deviation.
    Random,
    /// What the model computes for given words, repeated to p tokens.
    Words,
}

impl Peft for PrefixTuning {
    const INFO: MethodInfo = MethodInfo {
        name: "prefix-tuning",
        definition: "Trained keys and values stand in front of every layer's own.",
        paper: "Li & Liang 2021, arXiv:2101.00190; Liu et al. 2021, P-tuning v2, arXiv:2110.07602",
        level: Level::InsertedComputation,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Orange,
            outline: Outline::Cross,
        }),
    };

    const VARIANTS: &'static [&'static str] = &[
        r#"{"tokens": 3, "reparametrise": true, "width": 7}"#,
        r#"{"tokens": 3, "init": "words"}"#,
    ];

    type Adaptation = PrefixAdaptation;

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<PrefixAdaptation, FitError> {
        let (tokens, layers, width) = (
            self.tokens.get(),
            to.shape.layers,
            to.shape.key_value_width(),
        );
        let deviation = to.shape.initializer_range;
        if self.reparametrise {
            let network =
                Reparametrisation::new(to.shape, tokens, self.width.get(), &mut to.rng, to.device);
            return Ok(PrefixAdaptation::new(Vec::new(), Some(network), tokens));
        }
        let values = match self.init {
            Init::Random => (0..layers)
                .map(|_| [(); 2].map(|()| to.rng.normal(tokens * width, deviation)))
                .collect(),
            Init::Words => {
                let text = if self.init_text.is_empty() {
                    to.classes.join(" ").replace('_', " ")
                } else {
                    self.init_text.clone()
                };
                keys_and_values(to, &text, tokens)?
            }
        };
        let layers = values
            .into_iter()
            .map(|[keys, values]| Prefix {
                key: init::param(keys, [1, tokens, width], to.device),
                value: init::param(values, [1, tokens, width], to.device),
            })
            .collect();
        Ok(PrefixAdaptation::new(layers, None, tokens))
    }

    fn acts_from(&self, _shape: &Shape) -> Depth {
        // The text's positions are shifted, so not even the embeddings are what they were.
        Depth::Embeddings
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        let (p, e, all) = (
            self.tokens.get(),
            self.width.get(),
            2 * shape.layers * shape.key_value_width(),
        );
        let count = if self.reparametrise {
            p * shape.hidden + (shape.hidden * e + e) + (e * all + all)
        } else {
            p * all
        };
        count as u64
    }

    /// Every text sees new keys, so the model's answer changes at once.
    fn identity_at_start(&self) -> bool {
        false
    }

    fn in_front(&self) -> InFront {
        InFront {
            tokens: self.tokens.get(),
            replaces_ids: false,
        }
    }

    fn inserted(&self, shape: &Shape) -> Option<Inserted> {
        let network_params = match self.reparametrise {
            true => self.trainable_params(shape),
            false => 0,
        };
        Some(Inserted {
            network_params,
            ..Inserted::default()
        })
    }

    fn change(&self, adaptation: &PrefixAdaptation) -> Option<Change> {
        Some(Change::Prefix {
            layers: adaptation.key_values(),
            network_width: self.reparametrise.then(|| self.width.get()),
        })
    }
}
