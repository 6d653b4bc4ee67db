//! The words that stand for the classes.

use crate::config::HardPrompt;
use ::prompt::{LabelSource, LabelWords, label_words};
use adapt::FitError;

/// The sets to use: one for the gradient search, all for the choice among templates.
///
/// # Errors
/// A class without a word, a word for no class, or descriptions that the task does not have.
pub(crate) fn sets(
    config: &HardPrompt,
    classes: &[String],
    descriptions: Option<&[String]>,
) -> Result<Vec<Vec<String>>, FitError> {
    let mut from = vec![LabelWords::From(LabelSource::Names)];
    match &config.label_words {
        Some(given) => from.clone_from(given),
        None if !config.by_gradient() && descriptions.is_some() => {
            from.push(LabelWords::From(LabelSource::Descriptions));
        }
        None => (),
    }
    from.iter()
        .map(|from| label_words(from, classes, descriptions))
        .collect::<Result<_, _>>()
        .map_err(|reason| FitError::NotApplicable(format!("hard-prompt.label_words: {reason}")))
}
