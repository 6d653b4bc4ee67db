//! What stands for the classes in the model: sets of label tokens, or vectors of the label words.

use crate::layout::Row;
use crate::model::{Mode, Model, floats};
use adapt::FitError;
use burn::tensor::Tensor;

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
    /// Two classes whose words have the same tokens, or a word without any.
    pub(crate) fn new(
        words: &[String],
        classes: &[String],
        lead: &str,
        model: &Model,
        scale: f64,
    ) -> Result<Self, FitError> {
        if model.mode == Mode::Similarity {
            return Self::vectors(words, model, scale);
        }
        let tokens = |word: &String| {
            let mut tokens = model.encode_behind(&format!("{lead}{}", word.trim()));
            let unknown = model.tokenizer.unk_id();
            tokens.retain(|&token| Some(token) != unknown);
            tokens.sort_unstable();
            tokens.dedup();
            tokens
        };
        let sets: Vec<Vec<u32>> = words.iter().map(tokens).collect();
        for (class, set) in sets.iter().enumerate() {
            if set.is_empty() {
                return Err(FitError::NotApplicable(format!(
                    "hard-prompt: {} has no token for \"{}\", the label word of class \"{}\"; set hard-prompt.label_words",
                    model.name, words[class], classes[class]
                )));
            }
            if let Some(other) = sets[..class].iter().position(|other| other == set) {
                return Err(FitError::NotApplicable(format!(
                    "hard-prompt: classes \"{}\" and \"{}\" have label words with the same tokens (\"{}\" and \"{}\"); set hard-prompt.label_words",
                    classes[other], classes[class], words[other], words[class]
                )));
            }
        }
        Ok(Self::Tokens(sets))
    }

    fn vectors(words: &[String], model: &Model, scale: f64) -> Result<Self, FitError> {
        let texts: Vec<_> = words.iter().map(|word| (word.as_str(), None)).collect();
        let row = |ids: Vec<u32>| Row {
            ids,
            place: 0,
            trigger_at: 0,
        };
        let encoded = model.tokenizer.encode(&texts, model.shape.max_length)?;
        let rows = encoded.into_iter().map(|text| row(text.ids));
        let unit = |row: Row| {
            let state: Tensor<2> = model.states(&[&row], &transformer::Unhooked); // one at a time: no padding, the same alone or together
            let length = state
                .clone()
                .powi_scalar(2)
                .sum_dim(1)
                .sqrt()
                .clamp_min(1e-12);
            floats(state / length)
        };
        Ok(Self::Vectors {
            unit: rows.map(unit).collect(),
            scale,
        })
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
