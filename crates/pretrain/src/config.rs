//! Settings of a pretraining, and what is refused among them before a text is read.

use crate::PretrainError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Which model is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Masked language model with a word-piece vocabulary.
    Bert,
    /// Causal language model with a byte-level vocabulary and learned positions.
    Gpt2,
    /// Causal language model with a byte-level vocabulary, rotary positions and a gated feed-forward.
    Llama,
}

/// Sizes of a new model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// The family.
    pub family: Family,
    /// Tokens in the vocabulary.
    pub vocab: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Blocks.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the feed-forward's inner activation; 4 x hidden where it is plain, 8/3 x hidden in multiples of 32 where it is gated.
    pub intermediate: Option<usize>,
}

/// With which word embeddings a new model begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Embeddings {
    /// Normally distributed, as all other weights.
    Random,
    /// From the tokens' neighbours in the corpus: singular directions of their mutual information.
    #[default]
    Cooccurrence,
}

/// Where the model comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Fresh weights and a tokenizer trained on the corpus.
    New(Sizes),
    /// A model directory in Hugging Face layout, whose pretraining goes on.
    From(PathBuf),
}

/// Share of the steps after which the phase of looking up begins: by then single words and pairs of words are known.
pub const LOOK_UP_FROM: f64 = 0.15;

/// Everything that decides the result, the corpus' texts aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pretraining {
    /// The model to begin with.
    pub source: Source,
    /// Text files: one paragraph a line, documents apart by empty lines.
    pub corpus: Vec<PathBuf>,
    /// Text files to measure the loss on; none: every hundredth document, at least one, is kept out of the corpus.
    pub held_out: Vec<PathBuf>,
    /// Tokens to train on, counted as they enter the model; more than the corpus has means several passes.
    pub tokens: u64,
    /// Tokens in a sequence, special tokens included.
    pub length: usize,
    /// Sequences in a batch.
    pub batch: usize,
    /// Share of the steps whose sequences are cut into two, and into four, shorter ones: the texts of most tasks are short.
    pub short_share: f64,
    /// Share of a causal model's sequences that are in-context episodes.
    pub episode_share: f64,
    /// Share of a causal model's sequences that repeat a passage until they are full, so that looking up what stood before (induction
    /// heads; Olsson et al. 2022, arXiv:2209.11895) is worth learning.
    pub repeat_share: f64,
    /// Share of a causal model's steps, from [`LOOK_UP_FROM`] of them on, that read repeated passages and episodes alone, cut short: looking back is
    /// learnt within some hundred such steps, and hardly at all where it is one part of the mixture among others.
    pub look_up_share: f64,
    /// How many times a label of an episode counts in the loss.
    pub label_weight: usize,
    /// Share of a masked model's tokens that are to be predicted.
    pub mask_share: f64,
    /// Share of a masked model's steps that predict every next token from the left instead: each gives several times as many predictions to
    /// learn from (UniLM; Dong et al. 2019, arXiv:1905.03197).
    pub left_to_right_share: f64,
    /// Weight of a masked model's second loss, on the steps with shorter sequences: which of the step's sequences is the neighbour of this one, told
    /// by the mean of its states (Giorgi et al. 2021, *DeCLUTR*, arXiv:2006.03659); in every other step, which is this one under another mask.
    pub neighbour_weight: f64,
    /// Word embeddings of a new model.
    pub embeddings: Embeddings,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Share of the steps in which the rate rises; then it falls linearly to 0.
    pub warmup_share: f64,
    /// Decoupled weight decay of matrices.
    pub weight_decay: f64,
    /// Largest norm of all gradients together.
    pub clip_norm: f64,
    /// Seed of weights, order, masks and episodes.
    pub seed: u64,
}

impl Family {
    /// Whether it predicts the next token.
    pub fn is_causal(self) -> bool {
        self != Family::Bert
    }
}

impl Pretraining {
    /// Refuses what cannot work.
    ///
    /// # Errors
    /// A setting outside its range, or two that exclude each other.
    pub fn check(&self) -> Result<(), PretrainError> {
        let refuse = |text: String| Err(PretrainError::Settings(text));
        let share = |name: &str, value: f64| match (0.0..=1.0).contains(&value) {
            true => Ok(()),
            false => Err(PretrainError::Settings(format!(
                "{name} is {value}, expected a share between 0 and 1"
            ))),
        };
        share("short_share", self.short_share)?;
        share("episode_share", self.episode_share)?;
        share("repeat_share", self.repeat_share)?;
        share(
            "episode_share + repeat_share",
            self.episode_share + self.repeat_share,
        )?;
        share("look_up_share", self.look_up_share)?;
        share("mask_share", self.mask_share)?;
        share("left_to_right_share", self.left_to_right_share)?;
        share("warmup_share", self.warmup_share)?;
        if !(self.neighbour_weight >= 0.0 && self.neighbour_weight.is_finite()) {
            return refuse(format!(
                "neighbour_weight is {}, expected 0 or more",
                self.neighbour_weight
            ));
        }
        if self.neighbour_weight > 0.0 && self.short_share == 0.0 {
            return refuse("recognising neighbours happens in the steps with shorter sequences, of which there are none; give a --short above 0, or --neighbours 0".to_owned());
        }
        if self.corpus.is_empty() {
            return refuse("no corpus, expected at least one text file".to_owned());
        }
        if self.length < 16 {
            return refuse(format!(
                "sequences of {} tokens, expected at least 16",
                self.length
            ));
        }
        if self.batch == 0 || self.tokens == 0 || self.label_weight == 0 {
            return refuse("batch, tokens and label_weight must be at least 1".to_owned());
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return refuse(format!(
                "a learning rate of {}, expected a positive number",
                self.learning_rate
            ));
        }
        match &self.source {
            Source::New(sizes) => self.check_sizes(sizes),
            Source::From(_) => Ok(()),
        }
    }

    fn check_sizes(&self, sizes: &Sizes) -> Result<(), PretrainError> {
        let refuse = |text: String| Err(PretrainError::Settings(text));
        if sizes.heads == 0
            || sizes.layers == 0
            || sizes.hidden == 0
            || !sizes.hidden.is_multiple_of(sizes.heads)
        {
            return refuse(format!(
                "{} heads in a width of {}, expected a divisor of the width, and at least one block",
                sizes.heads, sizes.hidden
            ));
        }
        if sizes.family == Family::Llama && !(sizes.hidden / sizes.heads).is_multiple_of(2) {
            return refuse(format!(
                "heads of width {}, expected an even one for rotary positions",
                sizes.hidden / sizes.heads
            ));
        }
        if sizes.vocab < 300 {
            return refuse(format!(
                "a vocabulary of {} tokens, expected at least 300: all bytes and some words",
                sizes.vocab
            ));
        }
        if sizes.family.is_causal() && self.neighbour_weight > 0.0 {
            return refuse("recognising neighbours is for masked models; give --neighbours 0, or --architecture bert".to_owned());
        }
        if sizes.vocab <= sizes.hidden + 32 && self.embeddings == Embeddings::Cooccurrence {
            return refuse(format!(
                "a vocabulary of {} tokens in a width of {} is too small for embeddings from co-occurrence; give --embeddings random",
                sizes.vocab, sizes.hidden
            ));
        }
        if sizes.family == Family::Bert && self.look_up_share > 0.0 {
            return refuse("a phase of looking up is for causal models; give --look-up 0, or another --architecture".to_owned());
        }
        if sizes.family == Family::Bert && self.episode_share > 0.0 {
            return refuse("in-context episodes are for causal models; give --episodes 0, or another --architecture".to_owned());
        }
        Ok(())
    }

    /// Tokens that enter the model in one step.
    pub fn tokens_a_step(&self) -> u64 {
        (self.batch * self.length) as u64
    }

    /// Whether this step is one of the phase of looking up.
    pub fn looks_up(&self, step: u64) -> bool {
        let done = step as f64 / self.steps() as f64;
        (LOOK_UP_FROM..LOOK_UP_FROM + self.look_up_share).contains(&done)
    }

    /// Optimiser steps.
    pub fn steps(&self) -> u64 {
        self.tokens.div_ceil(self.tokens_a_step())
    }
}

impl Sizes {
    /// The feed-forward's inner width.
    pub fn inner(&self) -> usize {
        self.intermediate.unwrap_or(match self.family {
            Family::Bert | Family::Gpt2 => 4 * self.hidden,
            Family::Llama => (8 * self.hidden / 3).div_ceil(32) * 32,
        })
    }

    /// `config.json` as `transformers` writes it. `vocab`: what the tokenizer really has.
    pub(crate) fn config_json(&self, vocab: usize, length: usize, special: SpecialIds) -> Value {
        let inner = self.inner();
        // 0.02 at a width of 768, as BERT and GPT-2 have it, and in proportion to 1/√width, so that
        // sums over the width begin as large in a narrow model.
        let spread = (0.02 * (768.0 / self.hidden as f64).sqrt() * 1e4).round() / 1e4;
        // "dtype" is what readers compute in; the weights are stored as half of that.
        match self.family {
            Family::Bert => json!({
                "architectures": ["BertForMaskedLM"], "model_type": "bert", "dtype": "float32",
                "vocab_size": vocab, "hidden_size": self.hidden, "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
                "intermediate_size": inner, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
                "max_position_embeddings": length, "type_vocab_size": 2, "initializer_range": spread, "layer_norm_eps": 1e-12,
                "pad_token_id": special.pad, "tie_word_embeddings": true,
            }),
            Family::Gpt2 => json!({
                "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "dtype": "float32",
                "vocab_size": vocab, "n_embd": self.hidden, "n_layer": self.layers, "n_head": self.heads, "n_inner": inner,
                "activation_function": "gelu_new", "resid_pdrop": 0.1, "embd_pdrop": 0.1, "attn_pdrop": 0.1,
                "n_positions": length, "initializer_range": spread, "layer_norm_epsilon": 1e-5,
                "bos_token_id": special.end, "eos_token_id": special.end, "tie_word_embeddings": true,
            }),
            Family::Llama => json!({
                "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "float32",
                "vocab_size": vocab, "hidden_size": self.hidden, "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
                "num_key_value_heads": self.heads, "intermediate_size": inner, "hidden_act": "silu", "attention_dropout": 0.0,
                "max_position_embeddings": length, "initializer_range": spread, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
                "bos_token_id": special.end, "eos_token_id": special.end, "tie_word_embeddings": true,
            }),
        }
    }
}

/// Ids that `config.json` names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpecialIds {
    pub(crate) pad: Option<u32>,
    pub(crate) end: Option<u32>,
}
