//! Settings of prefix tuning.

use crate::adaptation::{Prefix, PrefixAdaptation, Reparametrisation};
use crate::words::keys_and_values;
use adapt::{Attach, Change, FitError, Peft, init};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use transformer::{Depth, Shape};

/// Settings of prefix tuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefixTuning {
    /// Peak learning rate.
    pub learning_rate: f64,
    /// p.
    pub tokens: NonZeroUsize,
    /// Where keys and values start.
    pub init: Init,
    /// The words that `init = "words"` starts from; the class names where empty.
    pub init_text: String,
    /// Whether keys and values come from a small network.
    pub reparametrise: bool,
    /// Inner width of that network.
    pub width: NonZeroUsize,
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

impl Default for PrefixTuning {
    fn default() -> Self {
        let n = |n| NonZeroUsize::new(n).expect("not zero");
        Self {
            learning_rate: 1e-2,
            tokens: n(20),
            init: Init::Words,
            init_text: String::new(),
            reparametrise: false,
            width: n(128),
        }
    }
}

impl Peft for PrefixTuning {
    type Adaptation = PrefixAdaptation;

    fn name(&self) -> &'static str {
        "prefix-tuning"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<PrefixAdaptation, FitError> {
        let (tokens, layers, width) = (
            self.tokens.get(),
            to.shape.layers,
            to.shape.key_value_width(),
        );
        if tokens + 2 > to.shape.max_length {
            return Err(FitError::NotApplicable(format!(
                "prefix-tuning.tokens is {tokens}; the model's window of {} tokens leaves no room for a text",
                to.shape.max_length
            )));
        }
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

    fn extra_tokens(&self) -> f64 {
        self.tokens.get() as f64
    }

    fn positions_taken(&self) -> usize {
        self.tokens.get()
    }

    fn change(&self, adaptation: &PrefixAdaptation) -> Option<Change> {
        Some(Change::Prefix {
            layers: adaptation.key_values(),
            network_width: self.reparametrise.then(|| self.width.get()),
        })
    }
}
