//! The words that stand for the classes.

use crate::config::{HardPrompt, LabelSource, LabelWords};
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
        .map(|from| words(from, classes, descriptions))
        .collect()
}

fn words(
    from: &LabelWords,
    classes: &[String],
    descriptions: Option<&[String]>,
) -> Result<Vec<String>, FitError> {
    let refuse = |reason: String| {
        Err(FitError::NotApplicable(format!(
            "hard-prompt.label_words: {reason}"
        )))
    };
    let words: Vec<String> = match from {
        LabelWords::From(LabelSource::Names) => classes.iter().map(|name| readable(name)).collect(),
        LabelWords::From(LabelSource::Descriptions) => match descriptions {
            Some(phrases) => phrases.to_vec(),
            None => return refuse("the task has no descriptions of its classes; use \"names\", or add them to labels.txt after a tab".to_owned()),
        },
        LabelWords::List(words) if words.len() == classes.len() => words.clone(),
        LabelWords::List(words) => {
            return refuse(format!("found {} words, expected one for each of {} classes: {}", words.len(), classes.len(), classes.join(", ")));
        }
        LabelWords::ByName(words) => {
            if let Some(unknown) = words.keys().find(|name| !classes.contains(name)) {
                return refuse(format!("the task has no class \"{unknown}\"; its classes are: {}", classes.join(", ")));
            }
            match classes.iter().map(|name| words.get(name).cloned().ok_or(name)).collect() {
                Ok(words) => words,
                Err(name) => return refuse(format!("no word for class \"{name}\"")),
            }
        }
    };
    match words.iter().position(|word| word.trim().is_empty()) {
        None => Ok(words),
        Some(class) => refuse(format!(
            "the word for class \"{}\" is empty",
            classes[class]
        )),
    }
}

/// `card_arrival` reads `card arrival`.
fn readable(name: &str) -> String {
    let words = name.split(['_', ' ']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}
