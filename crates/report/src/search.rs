//! What the searches behind `--tune` tried on validation and chose, as rows of a table.

use crate::run::Group;
use crate::units;
use serde_json::Value;

/// Headings of [`rows`].
pub(crate) const HEADINGS: [&str; 3] = ["method", "tried: validation accuracy %", "chosen"];

/// What the table means; stands above it.
pub(crate) const LEGEND: &str = "Every method had the same number of search trials, scored on the validation split with one seed; its other seeds use what was chosen. \
(end): the chosen value is the first or the last of its range, and better ones may lie beyond.";

/// One row for every search of the group, in the order of its arms.
pub(crate) fn rows(group: &Group<'_>) -> Vec<[String; 3]> {
    let of_arm = |arm: &crate::Arm<'_>| {
        let label = arm.label.clone();
        let searches = arm
            .trials
            .iter()
            .filter_map(|trial| trial.record.details.get("tune"));
        let rows = searches.filter_map(|tune| {
            let trials = tune.get("trials")?.as_array()?;
            let tried: Vec<String> = trials.iter().map(tried).collect();
            Some([label.clone(), tried.join("; "), chosen(tune, trials)])
        });
        rows.collect::<Vec<_>>()
    };
    group.arms.iter().flat_map(of_arm).collect()
}

/// `learning_rate 9.1e-4: 81.0`, or how it failed.
fn tried(trial: &Value) -> String {
    let result = match trial["validation_accuracy"].as_f64() {
        Some(accuracy) => units::percent(accuracy),
        None => "failed".to_owned(),
    };
    format!("{}: {result}", settings(trial).join(", "))
}

fn settings(trial: &Value) -> Vec<String> {
    let pairs = trial["settings"].as_array().into_iter().flatten();
    let pair = |pair: &Value| match (pair[0].as_str(), pair[1].as_f64()) {
        (Some(name), Some(value)) => format!("{name} {value:.1e}"),
        _ => pair.to_string(),
    };
    pairs.map(pair).collect()
}

/// The values of the best configuration for what was searched.
fn chosen(tune: &Value, trials: &[Value]) -> String {
    let names = trials
        .first()
        .and_then(|trial| trial["settings"].as_array());
    let name = |pair: &Value| pair[0].as_str().map(str::to_owned);
    let value = |name: String| {
        let at_edge = tune["at_edge"]
            .as_array()
            .is_some_and(|edges| edges.iter().any(|edge| *edge == *name));
        let end = if at_edge { " (end)" } else { "" };
        match tune["best"][&name].as_f64() {
            Some(value) => format!("{name} {value:.1e}{end}"),
            None => format!("{name} {}{end}", tune["best"][&name]),
        }
    };
    let values: Vec<String> = names
        .into_iter()
        .flatten()
        .filter_map(name)
        .map(value)
        .collect();
    values.join(", ")
}
