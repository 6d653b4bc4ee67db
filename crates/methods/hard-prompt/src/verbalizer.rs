//! What stands for the classes in the model: sets of label tokens, or vectors of the label words.

use crate::config::NAME;
use ::prompt::{AskedModel, Mode, Pieces, label_tokens, lone_word_tokens, refuse_indistinct};
use adapt::{FitError, to_floats};
use burn::tensor::Tensor;
use transformer::{Encoded, Hooks, Pass, Pooling, Unhooked, pool};

/// One entry a class.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verbalizer {
    /// The tokens of the class's words; Shin et al. 2020, §2.2.
    Tokens(Vec<Vec<u32>>),
    /// Unit vectors of the class's words.
    Vectors { unit: Vec<Vec<f32>>, scale: f64 },
}

impl Verbalizer {
    /// `lead`: spaces before the label in the template.
    ///
    /// # Errors
    /// A word that the tokenizer refuses, or words that the model cannot tell apart.
    pub(crate) fn new(
        words: &[String],
        classes: &[String],
        lead: &str,
        model: &AskedModel,
        scale: f64,
    ) -> Result<Self, FitError> {
        let refuse_indistinct =
            |tokens: &[Vec<u32>]| refuse_indistinct(NAME, model, classes, words, tokens);
        match model.preferred_mode() {
            Mode::Prompt | Mode::Cloze => {
                let mut tokens = label_tokens(words, lead, &Pieces::new(&model.tokenizer)?)?;
                for tokens in &mut tokens {
                    let unknown = model.tokenizer.unk_id();
                    tokens.retain(|&token| Some(token) != unknown);
                    tokens.sort_unstable();
                    tokens.dedup();
                }
                refuse_indistinct(&tokens)?;
                Ok(Self::Tokens(tokens))
            }
            Mode::Similarity => {
                refuse_indistinct(&lone_word_tokens(words, &model.tokenizer)?)?;
                let texts: Vec<_> = words.iter().map(|word| (word.as_str(), None)).collect();
                let encoded = model.tokenizer.encode(&texts, model.shape.max_length)?;
                let vector = |word: &Encoded| word_vector(&word.ids, model);
                let unit = encoded.iter().map(vector).collect();
                Ok(Self::Vectors { unit, scale })
            }
        }
    }

    /// How many classes there are.
    pub(crate) fn classes(&self) -> usize {
        match self {
            Self::Tokens(sets) => sets.len(),
            Self::Vectors { unit, .. } => unit.len(),
        }
    }

    /// Label tokens, which the trigger may not contain.
    pub(crate) fn tokens(&self) -> Vec<u32> {
        match self {
            Self::Tokens(sets) => sets.concat(),
            Self::Vectors { .. } => Vec::new(),
        }
    }
}

/// The unit vector of a word by itself: no padding, the same alone or together.
fn word_vector(word: &[u32], model: &AskedModel) -> Vec<f32> {
    to_floats(unit(mean_states(model, &[word], &Unhooked)))
}

/// The mean of the final states of each row, `[b, hidden]`.
pub(crate) fn mean_states(model: &AskedModel, rows: &[&[u32]], hooks: &dyn Hooks) -> Tensor<2> {
    let states = model
        .backbone
        .forward(&model.batch(rows), &Pass::with(hooks));
    pool(&states, Pooling::Mean)
}

/// Rows of length 1, `[b, hidden]`.
pub(crate) fn unit(states: Tensor<2>) -> Tensor<2> {
    let squares = states.clone().powi_scalar(2).sum_dim(1); // [b, 1]
    states / squares.sqrt().clamp_min(1e-12)
}
