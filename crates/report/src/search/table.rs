//! The searches of a group as a table: what was chosen, what that cost, and on how little it rests.

use super::{Kind, Search, Tried, at_edge};
use crate::run::{Arm, Group};
use crate::units;

/// How many columns the table has.
const COLUMNS: usize = 8;

/// Headings of [`rows`].
pub(crate) const HEADINGS: [&str; COLUMNS] = [
    "method",
    "chosen",
    "/ default",
    "epochs",
    "trials",
    "time",
    "runner-up: loss [95 %], examples",
    "tried: validation accuracy %",
];

/// Choices that so few validation examples decide may be those of chance.
const FEW: f64 = 5.0;

/// What the table means and how firm its choices are; stands above it. Empty where nothing was searched.
pub(crate) fn legend(group: &Group<'_>) -> String {
    let searches: Vec<Search> = group.arms.iter().flat_map(Search::all).collect();
    let Some(first) = searches.first() else {
        return String::new();
    };
    let how = match first.kind {
        Kind::Halving => {
            "Every method had the same number of optimisation steps: successive halving over learning rate and epochs under two seeds, \
             chosen by the mean validation loss at the best temperature, accuracy breaking ties; a range with the best rate at its end was widened up to three times"
        }
        Kind::Random => {
            "Every method had the same number of random settings, each trained for all epochs under two seeds, chosen by the mean validation \
             loss, accuracy breaking ties"
        }
        Kind::Grid => {
            "Every method had the same number of search trials, scored on the validation split with one seed and chosen by accuracy"
        }
    };
    let meaning = "The other seeds use what was chosen. / default: the chosen value of the first setting over its default. Runner-up: the best candidate with another value; \
                   its mean validation loss minus that of the chosen one, with the interval over seeds and validation examples, and how \
                   many more examples the chosen one has right (below 0: fewer). (low end), (high end): the chosen value is the lowest or the highest tried, and better ones may lie beyond";
    format!("{how}. {meaning}.{}", rests_on(&searches))
}

/// How many choices a handful of validation examples decides.
fn rests_on(searches: &[Search]) -> String {
    let ahead: Vec<f64> = searches.iter().filter_map(Search::examples_ahead).collect();
    let few = ahead.iter().filter(|ahead| ahead.abs() <= FEW).count();
    let examples = searches
        .iter()
        .filter_map(|search| search.validation_examples)
        .max();
    match examples {
        Some(examples) => format!(
            " {few} of {} choices rest on at most {FEW} of {examples} validation examples.",
            ahead.len()
        ),
        None => String::new(),
    }
}

/// One row for every search of the group, in the order of its arms.
pub(crate) fn rows(group: &Group<'_>) -> Vec<[String; COLUMNS]> {
    let of_arm = |arm: &Arm<'_>| {
        let searches = Search::all(arm);
        let rows = searches.into_iter().map(|search| row(arm, &search));
        rows.collect::<Vec<_>>()
    };
    group.arms.iter().flat_map(of_arm).collect()
}

fn row(arm: &Arm<'_>, search: &Search) -> [String; COLUMNS] {
    let chosen = search.chosen();
    let ratio = chosen
        .rate()
        .zip(search.default)
        .filter(|(_, default)| *default > 0.0);
    let tried: Vec<String> = search.tried.iter().map(result).collect();
    [
        arm.label.clone(),
        settings(arm, search),
        ratio.map_or(String::new(), |(rate, default)| {
            units::three(rate / default)
        }),
        chosen
            .epochs
            .map_or(String::new(), |epochs| epochs.to_string()),
        search.trials.to_string(),
        search.seconds.map_or(String::new(), units::seconds),
        runner_up(search),
        tried.join("; "),
    ]
}

/// The chosen values, and where one lies at an end.
fn settings(arm: &Arm<'_>, search: &Search) -> String {
    let edge = at_edge(arm);
    let value = |(name, value): &(String, f64)| {
        let end = match &edge {
            Some(edge) if edge.setting == *name => match edge.end {
                Some(super::End::Low) => " (low end)",
                Some(super::End::High) => " (high end)",
                None => " (end)",
            },
            _ => "",
        };
        format!("{name} {value:.1e}{end}")
    };
    let values: Vec<String> = search.chosen().settings.iter().map(value).collect();
    values.join(", ")
}

/// `1.1e-3: +0.012 [-0.004, 0.028], by seed +0.010, +0.014; 3 of 300`.
fn runner_up(search: &Search) -> String {
    let Some(tried) = search.runner_up() else {
        return String::new();
    };
    let rate = tried.rate().unwrap_or(f64::NAN);
    let chosen = search.chosen();
    let mut text = format!("{rate:.1e}");
    if let Some((loss, best)) = tried.loss.zip(chosen.loss) {
        text += &format!(": {:+.3}", loss - best);
    }
    if let Some((_, interval)) = tried.against_chosen {
        text += &format!(" [{:.3}, {:.3}]", interval.low, interval.high);
    }
    if tried.seeds.len() > 1 && tried.seeds.len() == chosen.seeds.len() {
        let pairs = tried.seeds.iter().zip(&chosen.seeds);
        let by_seed: Vec<String> = pairs.map(|(a, b)| format!("{:+.3}", a.1 - b.1)).collect();
        text += &format!(", by seed {}", by_seed.join(", "));
    }
    if let Some((ahead, all)) = search.examples_ahead().zip(search.validation_examples) {
        text += &format!("; {} of {all}", units::three(ahead));
    }
    text
}

/// `learning_rate 9.1e-4, 2 epochs: 81.0`, or how it failed.
fn result(tried: &Tried) -> String {
    let values = tried.settings.iter();
    let mut parts: Vec<String> = values
        .map(|(name, value)| format!("{name} {value:.1e}"))
        .collect();
    match tried.epochs {
        Some(1) => parts.push("1 epoch".to_owned()),
        Some(epochs) => parts.push(format!("{epochs} epochs")),
        None => {}
    }
    let result = match tried.accuracy {
        Some(accuracy) => units::percent(accuracy),
        None => "failed".to_owned(),
    };
    format!("{}: {result}", parts.join(", "))
}
