//! What a reader of results must know about the texts: empty, repeated, contradicting, leaked.

use std::collections::{HashMap, HashSet};

use crate::classes::Classes;
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
    notes.extend(notes_of_leaks(train, validation, test));
    notes
}

/// Notes on texts that stand in more than one of these splits: a score on texts that were trained or chosen on says little about new ones.
/// For the splits as a trial uses them; those of the whole task are among [`Task::notes`](crate::Task::notes).
pub fn notes_of_leaks(train: &Split, validation: &Split, test: &Split) -> Vec<String> {
    let sides = [
        ("validation", validation, "train", train),
        ("test", test, "train", train),
        ("test", test, "validation", validation),
    ];
    sides
        .into_iter()
        .filter_map(|(name, split, other, seen)| leak(name, split, other, seen))
        .collect()
}

fn leak(name: &str, split: &Split, other: &str, seen: &Split) -> Option<String> {
    let seen: HashSet<_> = seen.texts().into_iter().collect();
    let texts = split.texts();
    let leaked = texts.iter().filter(|text| seen.contains(*text)).count();
    let all = match leaked == split.len() && leaked > 1 {
        true => format!(": {name} measures nothing that {other} does not"),
        false => String::new(),
    };
    (leaked > 0).then(|| {
        format!(
            "leak: {leaked} of {} texts of {name} also occur in {other}{all}",
            split.len()
        )
    })
}

/// Notes on a draw of training examples, as `--train-limit` makes them: the classes of which it has none.
pub fn notes_of_draw(drawn: &Split, classes: &[String]) -> Vec<String> {
    let counts = drawn.class_counts(classes.len());
    let absent = absent(&counts, classes);
    let note = || {
        let (have, they) = match absent.len() {
            1 => ("has", "it"),
            _ => ("have", "they"),
        };
        format!(
            "{} of {} classes {have} no training example among {}: {they} cannot be learnt ({})",
            absent.len(),
            classes.len(),
            drawn.len(),
            listed(&absent, 8)
        )
    };
    (!absent.is_empty()).then(note).into_iter().collect()
}

pub(crate) fn of_classes(train: &Split, classes: &Classes) -> Option<String> {
    let counts = train.class_counts(classes.names.len());
    let absent = absent(&counts, &classes.names);
    let counted = match classes.without_zero {
        true => "; numbers count from 0, and no label is 0: check that they do not count from 1",
        false => "",
    };
    (!absent.is_empty()).then(|| {
        format!(
            "no training example of {} of {} classes: {}{counted}",
            absent.len(),
            classes.names.len(),
            listed(&absent, 8)
        )
    })
}

fn absent<'n>(counts: &[usize], names: &'n [String]) -> Vec<&'n str> {
    let named = names.iter().zip(counts);
    let absent = named.filter(|(_, count)| **count == 0);
    absent.map(|(name, _)| name.as_str()).collect()
}

/// Every example of `split` has one class, where train has several: labels that are hidden, or a file in the order of its classes that was cut.
pub(crate) fn of_one_class(name: &str, split: &Split, classes: &Classes) -> Option<String> {
    let first = split.examples.first()?.label;
    let all = split.len() > 1 && split.iter().all(|example| example.label == first);
    all.then(|| {
        format!(
            "all {} examples of {name} have the label `{}`: check that its labels are not hidden and its rows are in no order",
            split.len(),
            classes.names[first]
        )
    })
}
