//! Settings of prompt tuning and P-tuning.

use crate::adaptation::{Prompt, SoftPromptAdaptation};
use crate::encoder::PromptEncoder;
use adapt::{
    Attach, Change, FitError, Hue, InFront, Inserted, Level, Look, MethodInfo, Outline, Peft,
    PromptNetwork, Trained, init,
};
use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use transformer::{Depth, Shape};

/// `soft-prompt` in the registry.
pub static SOFT_PROMPT: Trained<SoftPrompt> = Trained::new();

adapt::settings! {
    /// Settings of prompt tuning and P-tuning.
    pub struct SoftPrompt {
        /// Peak learning rate. Lester et al. 2021 use 0.3 with Adafactor; with AdamW 1e-2 is usual (PEFT's comparison: 1e-3 to 1e-2).
        learning_rate: f64 = 1e-2 => adapt::Range::LEARNING_RATE,
        /// p. Lester et al. 2021, figure 3a: little is gained beyond 20.
        tokens: NonZeroUsize = NonZeroUsize::new(20).expect("not zero") => adapt::Range::whole(1, 1 << 20),
        /// Where the vectors start. `vocabulary`: rows of the word embedding, drawn; `random`: normal; `text`: the words of `init_text`,
        /// repeated. Lester et al. 2021, figure 3b.
        init: Init = Init::Vocabulary,
        /// The words that `init = "text"` starts from.
        init_text: String = String::new(),
        /// What computes the prompt from the trained vectors: `none`, or `mlp` and `lstm`, which are P-tuning's, as PEFT builds them.
        encoder: Encoder = Encoder::None,
        /// Inner width of P-tuning's network.
        encoder_width: NonZeroUsize = NonZeroUsize::new(128).expect("not zero") => adapt::Range::WIDTH,
    }
}

/// Where the prompt's vectors start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Normal draws with the model's own initial deviation.
    Random,
    /// Drawn rows of the word embedding.
    Vocabulary,
    /// The embeddings of given words, repeated.
    Text,
}

/// What computes the prompt from the trained vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoder {
    /// Nothing: prompt tuning.
    None,
    /// Three linear maps with ReLU between them.
    Mlp,
    /// A two-layer bidirectional LSTM and two linear maps with ReLU between them.
    Lstm,
}

impl Peft for SoftPrompt {
    const INFO: MethodInfo = MethodInfo {
        name: "soft-prompt",
        definition: "Trained token embeddings stand in front of the text.",
        paper: "Lester et al. 2021, prompt tuning, arXiv:2104.08691; Liu et al. 2021, P-tuning, arXiv:2103.10385",
        level: Level::InsertedComputation,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Orange,
            outline: Outline::Hexagon,
        }),
    };

    const VARIANTS: &'static [&'static str] = &[
        r#"{"tokens": 3, "encoder": "mlp", "encoder_width": 7}"#,
        r#"{"tokens": 3, "encoder": "lstm", "encoder_width": 6}"#,
        r#"{"tokens": 3, "init": "vocabulary"}"#,
    ];

    type Adaptation = SoftPromptAdaptation;

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<SoftPromptAdaptation, FitError> {
        // Among the embeddings, which are narrower than the hidden states where a projection lies between them.
        let (tokens, width) = (self.tokens.get(), to.shape.embedding);
        let values = match self.init {
            Init::Random => to.rng.normal(tokens * width, to.shape.initializer_range),
            Init::Vocabulary => {
                let rows = (0..tokens)
                    .map(|_| to.rng.below(to.shape.vocab) as u32)
                    .collect::<Vec<_>>();
                word_vectors(to, &rows)
            }
            Init::Text => {
                let words = to.tokenizer.encode_plain(&self.init_text)?;
                if words.is_empty() {
                    let reason = "soft-prompt.init is \"text\" and init_text has no words; set soft-prompt.init_text";
                    return Err(FitError::NotApplicable(reason.to_owned()));
                }
                let rows: Vec<u32> = words.iter().copied().cycle().take(tokens).collect();
                word_vectors(to, &rows)
            }
        };
        let encoder = PromptEncoder::new(
            self.encoder,
            width,
            self.encoder_width.get(),
            &mut to.rng,
            to.device,
        );
        Ok(SoftPromptAdaptation {
            prompt: Prompt {
                vectors: init::param(values, [tokens, width], to.device),
            },
            encoder,
        })
    }

    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Embeddings
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        let (p, h, e) = (self.tokens.get(), shape.embedding, self.encoder_width.get());
        let encoder = match self.encoder {
            Encoder::None => 0,
            Encoder::Mlp => (h * e + e) + (e * e + e) + (e * h + h),
            Encoder::Lstm => {
                let lstm = 2 * (4 * e * (h + e) + 8 * e) + 2 * (4 * e * (2 * e + e) + 8 * e);
                lstm + (4 * e * e + 2 * e) + (2 * e * h + h)
            }
        };
        (p * h + encoder) as u64
    }

    /// The text stands behind new tokens, so the model's answer changes at once.
    fn identity_at_start(&self) -> bool {
        false
    }

    fn in_front(&self) -> InFront {
        InFront {
            tokens: self.tokens.get(),
            replaces_ids: true,
        }
    }

    fn inserted(&self, shape: &Shape) -> Option<Inserted> {
        let vectors = (self.tokens.get() * shape.embedding) as u64;
        Some(Inserted {
            network_params: self.trainable_params(shape) - vectors,
            ..Inserted::default()
        })
    }

    fn change(&self, adaptation: &SoftPromptAdaptation) -> Option<Change> {
        let network = |recurrent: bool| PromptNetwork {
            recurrent,
            width: self.encoder_width.get(),
        };
        Some(Change::Prompt {
            vectors: adaptation.prompt(),
            network: match self.encoder {
                Encoder::None => None,
                Encoder::Mlp => Some(network(false)),
                Encoder::Lstm => Some(network(true)),
            },
        })
    }
}

/// Rows of the word embedding as the model scales them, one after the other.
fn word_vectors(to: &Attach<'_>, rows: &[u32]) -> Vec<f32> {
    let table = to.backbone.embeddings.word.weight.val();
    let ids = burn::tensor::Tensor::<1, burn::tensor::Int>::from_data(
        TensorData::new(
            rows.iter().map(|&r| i64::from(r)).collect::<Vec<_>>(),
            [rows.len()],
        ),
        &table.device(),
    );
    let vectors = table.select(0, ids); // [vocab,h] -> [p,h]
    adapt::to_floats(match to.shape.embedding_scale {
        Some(scale) => vectors * scale,
        None => vectors,
    })
}
