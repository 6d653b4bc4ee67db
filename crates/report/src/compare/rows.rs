//! Whether a row number means the same test example in both runs. Only then are answers paired.

use crate::names::Identity;
use crate::run::{Arm, Group};
use std::collections::{BTreeMap, BTreeSet};

/// What may be compared of two groups or arms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Row by row.
    Same,
    /// The two accuracies, unpaired; why.
    Other(String),
    /// Nothing: the classes differ; how.
    OtherClasses(String),
}

/// By the digests of the task's files and by the classes.
pub(crate) fn of_groups(first: &Group<'_>, second: &Group<'_>) -> Rows {
    let counts = [first, second].map(class_count);
    if let [Some(a), Some(b)] = counts
        && a != b
    {
        return Rows::OtherClasses(format!("{a} classes and {b}"));
    }
    if let (Some(a), Some(b)) = (classes(first), classes(second))
        && !a.can_be(&b)
    {
        return Rows::OtherClasses(different_classes(a.names(), b.names()));
    }
    match [first.task_identity(), second.task_identity()] {
        [a, b] if a.digest.is_empty() || b.digest.is_empty() => {
            Rows::Other("the digest of the task's files is not on record in both runs".to_owned())
        }
        [a, b] if a.digest != b.digest => Rows::Other(format!(
            "the task's files differ (SHA-256 {}.. and {}..)",
            Identity::short_digest(&a),
            Identity::short_digest(&b)
        )),
        _ => Rows::Same,
    }
}

/// The names of the classes; where predictions do not list them, those that label a test example.
fn classes<'a>(group: &Group<'a>) -> Option<Classes<'a>> {
    let trials = group.arms.iter().flat_map(|arm| arm.trials.iter().copied());
    let mut predictions = trials.filter_map(|trial| trial.predictions.as_ref());
    let one = predictions.next()?;
    let count = class_count(group)?;
    Some(if one.classes.len() as u64 == count {
        Classes::All(one.classes.iter().map(String::as_str).collect())
    } else {
        let rows = std::iter::once(one)
            .chain(predictions)
            .flat_map(record::Predictions::rows);
        Classes::Seen(rows.map(|row| row.label).collect())
    })
}

/// Class names.
enum Classes<'a> {
    All(BTreeSet<&'a str>),
    /// Those that label a test example; a small sample may lack some.
    Seen(BTreeSet<&'a str>),
}

impl Classes<'_> {
    fn can_be(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All(a), Self::All(b)) => a == b,
            (Self::All(a) | Self::Seen(a), Self::All(b) | Self::Seen(b)) => {
                a.is_subset(b) || b.is_subset(a)
            }
        }
    }

    fn names(&self) -> &BTreeSet<&str> {
        match self {
            Self::All(names) | Self::Seen(names) => names,
        }
    }
}

fn class_count(group: &Group<'_>) -> Option<u64> {
    let mut trials = group.arms.iter().flat_map(|arm| &arm.trials);
    trials.find_map(|trial| trial.record.classes)
}

fn different_classes(first: &BTreeSet<&str>, second: &BTreeSet<&str>) -> String {
    let only = |a: &BTreeSet<&str>, b: &BTreeSet<&str>| {
        let names: Vec<String> = a.difference(b).map(|name| format!("{name:?}")).collect();
        match names.len() {
            0 => "none".to_owned(),
            n if n > 4 => format!("{} and {} more", names[..4].join(", "), n - 4),
            _ => names.join(", "),
        }
    };
    format!(
        "classes of the first only: {}; of the second only: {}",
        only(first, second),
        only(second, first)
    )
}

/// By the rows that were answered and their labels, as far as predictions are at hand.
pub(crate) fn of_arms(first: &Arm<'_>, second: &Arm<'_>) -> Rows {
    let labels = [first, second].map(labels);
    let [Some(a), Some(b)] = labels else {
        return Rows::Same;
    };
    let (a, b) = match [a, b] {
        [Ok(a), Ok(b)] => (a, b),
        [Err(row), _] => return Rows::Other(within("first", row)),
        [_, Err(row)] => return Rows::Other(within("second", row)),
    };
    if a.len() != b.len() {
        return Rows::Other(format!("there are {} test rows and {}", a.len(), b.len()));
    }
    if let Some((row, _)) = a.iter().find(|(row, _)| !b.contains_key(*row)) {
        return Rows::Other(format!("test row {row} is only in the first run"));
    }
    let differ = |(row, label): &(&u64, &&str)| b[*row] != **label;
    let mut differing = a.iter().filter(differ);
    match differing.next() {
        None => Rows::Same,
        Some((row, label)) => Rows::Other(format!(
            "{} of {} test rows have another label, among them row {row}: {label:?} and {:?}",
            1 + differing.count(),
            a.len(),
            b[row]
        )),
    }
}

fn within(which: &str, row: u64) -> String {
    format!("test row {row} has different labels under different seeds of the {which} run")
}

/// The label of each row; a row that has two.
fn labels<'a>(arm: &Arm<'a>) -> Option<Result<BTreeMap<u64, &'a str>, u64>> {
    let mut labels = BTreeMap::new();
    for trial in arm.finished() {
        for row in trial.predictions.iter().flat_map(|p| p.rows()) {
            let label = labels.entry(row.row).or_insert(row.label);
            if *label != row.label {
                return Some(Err(row.row));
            }
        }
    }
    (!labels.is_empty()).then_some(Ok(labels))
}

/// Whether both gave the same answer to every row under every seed.
pub(crate) fn same_answers(first: &Arm<'_>, second: &Arm<'_>) -> bool {
    let [a, b] = [first, second].map(answered);
    a.is_some() && a == b
}

/// What was predicted, by seed and row; `None` where that of a finished trial is not at hand, or none finished.
fn answered<'a>(arm: &Arm<'a>) -> Option<BTreeMap<u64, Vec<(u64, &'a str)>>> {
    let of_trials = arm.finished().map(|trial| {
        let rows = trial.predictions.as_ref()?.rows();
        let answers = rows.map(|row| (row.row, row.predicted));
        Some((trial.record.spec.seed, answers.collect()))
    });
    let by_seed: BTreeMap<_, _> = of_trials.collect::<Option<_>>()?;
    (!by_seed.is_empty()).then_some(by_seed)
}
