//! The words that stand for the classes.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where label words come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelSource {
    /// The class names, underscores read as spaces.
    Names,
    /// The task's descriptions of its classes.
    Descriptions,
}

/// The words that stand for the classes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LabelWords {
    /// Taken from the task.
    From(LabelSource),
    /// One a class, in the task's class order.
    List(Vec<String>),
    /// Word by class name.
    ByName(BTreeMap<String, String>),
}

/// One word (or phrase) a class, in class order.
///
/// # Errors
/// A class without a word, a word for no class, or descriptions that the task does not have.
pub fn label_words(
    from: &LabelWords,
    classes: &[String],
    descriptions: Option<&[String]>,
) -> Result<Vec<String>, String> {
    let words: Vec<String> = match from {
        LabelWords::From(LabelSource::Names) => classes.iter().map(|name| readable(name)).collect(),
        LabelWords::From(LabelSource::Descriptions) => match descriptions {
            Some(phrases) => phrases.to_vec(),
            None => return Err("the task has no descriptions of its classes; use \"names\", or add them to labels.txt after a tab".to_owned()),
        },
        LabelWords::List(words) if words.len() == classes.len() => words.clone(),
        LabelWords::List(words) => {
            return Err(format!("found {} words, expected one for each of {} classes: {}", words.len(), classes.len(), classes.join(", ")));
        }
        LabelWords::ByName(words) => {
            if let Some(unknown) = words.keys().find(|name| !classes.contains(name)) {
                return Err(format!("the task has no class \"{unknown}\"; its classes are: {}", classes.join(", ")));
            }
            match classes.iter().map(|name| words.get(name).cloned().ok_or(name)).collect() {
                Ok(words) => words,
                Err(name) => return Err(format!("no word for class \"{name}\"")),
            }
        }
    };
    match words.iter().position(|word| word.trim().is_empty()) {
        None => Ok(words),
        Some(class) => Err(format!(
            "the word for class \"{}\" is empty",
            classes[class]
        )),
    }
}

/// `card_arrival` reads `card arrival`.
fn readable(name: &str) -> String {
    name.split(['_', ' '])
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes() -> Vec<String> {
        ["card_arrival", "refund__not_showing_up"]
            .map(str::to_owned)
            .to_vec()
    }

    #[test]
    fn class_names_are_made_readable() {
        let words = label_words(&LabelWords::From(LabelSource::Names), &classes(), None).unwrap();
        assert_eq!(words, ["card arrival", "refund not showing up"]);
    }

    #[test]
    fn words_by_name_follow_the_class_order_and_miss_none() {
        let map = |pairs: &[(&str, &str)]| {
            LabelWords::ByName(
                pairs
                    .iter()
                    .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                    .collect(),
            )
        };
        let both = map(&[
            ("refund__not_showing_up", "refund"),
            ("card_arrival", "card"),
        ]);
        assert_eq!(
            label_words(&both, &classes(), None).unwrap(),
            ["card", "refund"]
        );
        let error = |words| label_words(&words, &classes(), None).unwrap_err();
        assert!(error(map(&[("card_arrival", "card")])).contains("refund__not_showing_up"));
        assert!(error(map(&[("cards", "card")])).contains("\"cards\""));
        assert!(error(LabelWords::List(vec!["one".to_owned()])).contains("found 1 words"));
        assert!(error(LabelWords::From(LabelSource::Descriptions)).contains("descriptions"));
        assert!(
            error(LabelWords::List(vec!["one".to_owned(), " ".to_owned()])).contains("is empty")
        );
    }
}
