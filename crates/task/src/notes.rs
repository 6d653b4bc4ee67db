//! What a reader of results must know about the texts: empty, repeated, contradicting, leaked.

use std::collections::{HashMap, HashSet};

use crate::error::listed;
use crate::split::{VALIDATION_SEED, VALIDATION_SHARE};
use crate::task::Split;

pub(crate) fn validation_drawn(validation: &Split, rest: &Split) -> String {
    format!(
        "no validation file: {} of {} training examples drawn as validation ({:.0} %, stratified, seed {VALIDATION_SEED})",
        validation.len(),
        validation.len() + rest.len(),
        VALIDATION_SHARE * 100.0,
    )
}

pub(crate) fn of_texts(train: &Split, validation: &Split, test: &Split) -> Vec<String> {
    let mut notes = Vec::new();
    for (name, split) in [("train", train), ("validation", validation), ("test", test)] {
        let empty = |text: &str| text.trim().is_empty();
        let texts = split.texts();
        let count = texts
            .iter()
            .filter(|(text, second)| empty(text) || second.is_some_and(empty))
            .count();
        if count > 0 {
            notes.push(format!(
                "{count} of {} texts of {name} are empty: kept",
                split.len()
            ));
        }
    }
    let mut labels: HashMap<(&str, Option<&str>), HashSet<usize>> = HashMap::new();
    for (text, example) in train.texts().into_iter().zip(train) {
        labels.entry(text).or_default().insert(example.label);
    }
    let repeated = train.len() - labels.len();
    if repeated > 0 {
        notes.push(format!(
            "{repeated} of {} training examples repeat an earlier text",
            train.len()
        ));
    }
    let torn = labels.values().filter(|labels| labels.len() > 1).count();
    if torn > 0 {
        notes.push(format!(
            "{torn} of {} training texts have more than one label",
            labels.len()
        ));
    }
    for (name, split) in [("validation", validation), ("test", test)] {
        let leaked = split
            .texts()
            .into_iter()
            .filter(|text| labels.contains_key(text))
            .count();
        if leaked > 0 {
            notes.push(format!(
                "leak: {leaked} of {} texts of {name} also occur in train",
                split.len()
            ));
        }
    }
    let seen: HashSet<_> = validation.texts().into_iter().collect();
    let shared = test
        .texts()
        .into_iter()
        .filter(|text| seen.contains(text))
        .count();
    if shared > 0 {
        notes.push(format!(
            "leak: {shared} of {} texts of test also occur in validation",
            test.len()
        ));
    }
    notes
}

pub(crate) fn of_classes(train: &Split, names: &[String]) -> Option<String> {
    let counts = train.class_counts(names.len());
    let absent: Vec<&String> = names
        .iter()
        .zip(counts)
        .filter(|(_, count)| *count == 0)
        .map(|(name, _)| name)
        .collect();
    (!absent.is_empty()).then(|| {
        format!(
            "no training example of {} of {} classes: {}",
            absent.len(),
            names.len(),
            listed(&absent, 8)
        )
    })
}
