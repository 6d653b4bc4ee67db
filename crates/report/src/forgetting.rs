//! What each way of adapting made the model forget, beside what the task gained: rows of a table.

use crate::statistics::Spread;
use crate::summary::{ArmSummary, GroupSummary};
use crate::units;

pub(crate) const TITLE: &str = "Forgetting";

/// Headings of [`rows`].
pub(crate) const HEADINGS: [&str; 5] = [
    "method",
    "accuracy %",
    "loss before",
    "loss after",
    "KL divergence",
];

/// What the table means; stands above it.
pub(crate) const LEGEND: &str = "Loss: of the pretrained model's language head on held-out text that belongs to no task, nats a token, before the \
training and after it with what was trained in place (median over seeds, smallest to largest). KL divergence: how far its probabilities of tokens \
moved from the pretrained model's; 0 where nothing in the model moved. What was inserted into a frozen model can be taken off again, and then \
nothing is forgotten.";

/// One row for each way of adapting that was asked, the most accurate first; none where the model has no language head.
pub(crate) fn rows(group: &GroupSummary) -> Vec<[String; HEADINGS.len()]> {
    let mut arms: Vec<&ArmSummary> = group
        .arms
        .iter()
        .filter(|arm| arm.costs.retain_kl.is_some())
        .collect();
    let mean = |arm: &ArmSummary| arm.accuracy.map_or(f64::NEG_INFINITY, |e| e.mean);
    arms.sort_by(|a, b| mean(b).total_cmp(&mean(a)));
    arms.into_iter().map(row).collect()
}

fn row(arm: &ArmSummary) -> [String; HEADINGS.len()] {
    let cell = |spread: Option<Spread>| spread.as_ref().map(with_range).unwrap_or_default();
    let accuracy = arm.accuracy.map(|e| units::percent(e.mean));
    [
        arm.label.clone(),
        accuracy.unwrap_or_default(),
        cell(arm.costs.retain_loss_before),
        cell(arm.costs.retain_loss_after),
        cell(arm.costs.retain_kl),
    ]
}

/// `3.21 (3.18 to 3.30)`; the median alone where all are equal as shown.
fn with_range(spread: &Spread) -> String {
    let [median, min, max] = [spread.median, spread.min, spread.max].map(nats);
    if min == max {
        median
    } else {
        format!("{median} ({min} to {max})")
    }
}

/// Two digits behind the point where there is something to show in them, and 0 for nothing alone.
fn nats(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if value.abs() < 0.095 {
        format!("{value:.1e}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::Costs;
    use crate::statistics::Estimate;

    fn arm(label: &str, mean: f64, divergences: &[f64]) -> ArmSummary {
        let kl = Spread::of(divergences.iter().map(|&kl| Some(kl)));
        let mut accuracy = Estimate::default();
        accuracy.mean = mean;
        ArmSummary {
            label: label.to_owned(),
            accuracy: Some(accuracy),
            costs: Costs {
                retain_loss_before: kl.map(|_| Spread::of([Some(3.2)]).unwrap()),
                retain_loss_after: kl.map(|kl| Spread::of([Some(3.2 + kl.median)]).unwrap()),
                retain_kl: kl,
                ..Costs::default()
            },
            ..ArmSummary::default()
        }
    }

    #[test]
    fn the_most_accurate_stands_first_and_zero_is_told_from_little() {
        let group = GroupSummary {
            arms: vec![
                arm("features", 0.5, &[0.0]),
                arm("none", 0.9, &[]),
                arm("lora", 0.7, &[0.3, 0.2, 0.6]),
                arm("biases", 0.6, &[0.000_12]),
            ],
            ..GroupSummary::default()
        };
        let expected = [
            ["lora", "70.0", "3.20", "3.50", "0.30 (0.20 to 0.60)"],
            ["biases", "60.0", "3.20", "3.20", "1.2e-4"],
            ["features", "50.0", "3.20", "3.20", "0"],
        ];
        assert_eq!(rows(&group), expected.map(|row| row.map(str::to_owned)));
    }
}
