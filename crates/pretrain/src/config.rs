//! Settings of a pretraining, and what is refused among them before a text is read.

use crate::PretrainError;
use crate::distil::{Teaching, no_teacher};
use serde::{Deserialize, Serialize};
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
    /// Width of the embeddings of a masked model; none: that of the residual stream. Narrower ones are mapped to it (ELECTRA; Clark et al. 2020,
    /// arXiv:2003.10555, §3.4), so that a larger vocabulary fits into the same size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embedding: Option<usize>,
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
    /// From what a teacher makes of each token alone.
    Teacher,
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
    /// Tasks (directories, as `--task` of the program takes them) whose texts are left out of corpus and labelled texts, sentence by sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<PathBuf>,
    /// Files of lines `label<TAB>text` for a causal model's in-context episodes, beside those made from the corpus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labelled: Vec<PathBuf>,
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
    /// Another model to learn from, beside the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teaching: Option<Teaching>,
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
        if !self.labelled.is_empty() && self.episode_share == 0.0 {
            return refuse("labelled texts are for in-context episodes, of which there are none; give --episodes above 0, or leave --labelled out".to_owned());
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
        self.check_teaching()?;
        match &self.source {
            Source::New(sizes) => self.check_sizes(sizes),
            Source::From(_) => Ok(()),
        }
    }

    fn check_teaching(&self) -> Result<(), PretrainError> {
        let Some(teaching) = &self.teaching else {
            return match self.embeddings {
                Embeddings::Teacher => Err(no_teacher()),
                Embeddings::Random | Embeddings::Cooccurrence => Ok(()),
            };
        };
        teaching.check()?;
        if let Source::New(Sizes { family, .. }) = &self.source {
            teaching.check_student(family.is_causal(), family.name())?;
        }
        if teaching.is_causal() {
            return match self.embeddings {
                Embeddings::Teacher => Err(PretrainError::Settings(
                    "a causal teacher's words alone say little; give --embeddings cooccurrence or random".to_owned(),
                )),
                Embeddings::Random | Embeddings::Cooccurrence => Ok(()),
            };
        }
        let beside = [
            ("--neighbours", self.neighbour_weight),
            ("--left-to-right", self.left_to_right_share),
            ("--short", self.short_share),
        ];
        for (name, value) in beside {
            if value > 0.0 {
                return Err(PretrainError::Settings(format!(
                    "{name} is {value} with a teacher, whose texts are excerpts of all lengths read from both sides; give {name} 0"
                )));
            }
        }
        if self.mask_share == 0.0 {
            return Err(PretrainError::Settings(
                "a --mask of 0 leaves nothing to predict; give a share above 0".to_owned(),
            ));
        }
        Ok(())
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
        if let Some(embedding) = sizes.embedding {
            if sizes.family.is_causal() {
                return refuse("embeddings of another width are for masked models; leave --embedding out, or give --architecture bert".to_owned());
            }
            if embedding == 0 || embedding > sizes.hidden {
                return refuse(format!(
                    "embeddings of width {embedding} under states of width {}, expected between 1 and that",
                    sizes.hidden
                ));
            }
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
        if sizes.vocab <= sizes.embedding_width() + 32
            && self.embeddings == Embeddings::Cooccurrence
        {
            return refuse(format!(
                "a vocabulary of {} tokens in a width of {} is too small for embeddings from co-occurrence; give --embeddings random",
                sizes.vocab,
                sizes.embedding_width()
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
