//! Train or call, in money: calls of a served model at the prices that the run was given, what runs here by the time that it takes this machine.
//!
//! What an hour of this machine costs nobody measures, so charts and tables count it as one dollar, and say so: every figure of what runs here is
//! that many times as much at another price. `recommend` takes a price.

use crate::break_even::{self, BreakEven, CostLine, PredictSource, crossed, map, per_prediction};
use crate::costs::Costs;
use crate::run::{Arm, Group};
use crate::statistics::Spread;
use crate::summary::{ArmSummary, GroupSummary};
use crate::units;
use record::Trial;

/// What an hour of this machine counts where nobody says what it costs.
pub const USD_PER_HOUR: f64 = 1.0;

/// Headings of [`rows`].
pub(crate) const HEADINGS: [&str; 6] = [
    "method",
    "USD for 1,000 predictions",
    "tokens a call, in and out",
    "calls",
    "failed",
    "one prediction, median and 95th percentile",
];

/// What that table means.
pub(crate) const LEGEND: &str = "Calls of served models, medians over seeds: tokens as the server counted them, at the prices that the run was given. \
Failed: attempts that brought no answer. The time of a prediction is that from a call to its answer, with as many calls under way as the settings say, \
and without waits for a busy server.";

/// What the table of break-even in money means; stands above it.
pub(crate) fn break_even_legend() -> String {
    format!(
        "After so many predictions, with the range that the trials allow, the one has cost less money in all. Calls are counted at the prices that the \
         run was given; search, training and predictions that run here at {} an hour of this machine (recommend --usd-per-hour takes another price).",
        units::usd(USD_PER_HOUR)
    )
}

/// Whether anything of the group has a price.
pub(crate) fn is_priced(group: &GroupSummary) -> bool {
    let mut arms = group.arms.iter();
    arms.any(|arm| arm.costs.usd_per_1000_predictions.is_some())
}

/// What a prediction costs; `None` where a served model has no price, or where nothing was timed.
pub(crate) fn each_usd(costs: &Costs, source: PredictSource, usd_per_hour: f64) -> Option<Spread> {
    if costs.calls.is_some() {
        return costs
            .usd_per_1000_predictions
            .map(|usd| map(usd, |usd| usd / 1e3));
    }
    let seconds = per_prediction(costs, source)?;
    Some(map(seconds, |seconds| seconds / 3600.0 * usd_per_hour))
}

/// What a thousand predictions cost, by the times of single texts where there are such.
pub(crate) fn usd_per_1000(costs: &Costs) -> Option<Spread> {
    let source = if costs.predict_ms_p50.is_some() {
        PredictSource::Alone
    } else {
        PredictSource::Batched
    };
    each_usd(costs, source, USD_PER_HOUR).map(|usd| map(usd, |usd| 1e3 * usd))
}

/// Costs and crossings in money; `None` where nothing of the group has a price.
pub(crate) fn break_even_in_money(group: &GroupSummary, usd_per_hour: f64) -> Option<BreakEven> {
    if !is_priced(group) {
        return None;
    }
    let source = break_even::source(group);
    let line = |(at, arm): (usize, &ArmSummary)| {
        let timed = break_even::line(at, arm, source)?;
        Some(CostLine {
            start: map(timed.start, |seconds| seconds / 3600.0 * usd_per_hour),
            each: each_usd(&arm.costs, source, usd_per_hour)?,
            ..timed
        })
    };
    let lines = group.arms.iter().enumerate().filter_map(line);
    crossed(lines.collect(), source)
}

/// One row for every arm that asks a server.
pub(crate) fn rows(group: &GroupSummary) -> Vec<[String; 6]> {
    let served = group.arms.iter().filter(|arm| arm.costs.calls.is_some());
    served.map(row).collect()
}

fn row(arm: &ArmSummary) -> [String; 6] {
    let costs = &arm.costs;
    let said = |spread: Option<Spread>, unit: fn(f64) -> String| {
        spread.map(|spread| unit(spread.median)).unwrap_or_default()
    };
    let a_call = |tokens: Option<Spread>| {
        let calls = costs.calls.filter(|calls| calls.median > 0.0)?;
        Some(units::count((tokens?.median / calls.median).round()))
    };
    let tokens = a_call(costs.input_tokens).zip(a_call(costs.output_tokens));
    let milliseconds = |spread: Option<Spread>| said(spread, |ms| units::seconds(ms / 1e3));
    let times = [costs.predict_ms_p50, costs.predict_ms_p95].map(milliseconds);
    [
        arm.label.clone(),
        said(costs.usd_per_1000_predictions, units::three),
        tokens
            .map(|(input, output)| format!("{input}, {output}"))
            .unwrap_or_default(),
        said(costs.calls, units::count),
        said(costs.failed_calls, units::count),
        times
            .into_iter()
            .filter(|time| !time.is_empty())
            .collect::<Vec<_>>()
            .join(", "),
    ]
}

/// What a reader must know of answers that are not simply a label.
pub(crate) fn notes(group: &Group<'_>) -> Vec<String> {
    group.arms.iter().filter_map(note).collect()
}

fn note(arm: &Arm<'_>) -> Option<String> {
    let count = |name: &str| {
        let of_trial = |trial: &&Trial| trial.record.details.get("answers")?.get(name)?.as_u64();
        arm.finished()
            .filter_map(|trial| of_trial(&trial))
            .sum::<u64>()
    };
    let served = arm.finished().filter(|trial| trial.record.calls.is_some());
    let all: u64 = served.filter_map(|trial| trial.record.n_test).sum();
    let wrong = [
        ("no_label", "no label"),
        ("refused", "refused"),
        ("too_long", "longer than the model reads"),
        ("unanswered", "not answered in spite of all attempts"),
    ];
    let wrong = wrong.map(|(name, said)| (count(name), said));
    let said = wrong.iter().filter(|(count, _)| *count > 0);
    let said: Vec<String> = said
        .map(|(count, said)| format!("{count} {said}"))
        .collect();
    let mut sentences = Vec::new();
    if !said.is_empty() {
        sentences.push(format!("{}; they count as wrong", said.join(", ")));
    }
    let without = count("without_probabilities");
    if without > 0 {
        sentences.push(format!(
            "{without} without probabilities, so that there are no figures of these"
        ));
    }
    (!sentences.is_empty())
        .then(|| format!("{}, {all} answers: {}", arm.label, sentences.join(". ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(seconds: f64, ms: f64) -> ArmSummary {
        ArmSummary {
            label: "own".to_owned(),
            costs: Costs {
                adapt_s: Spread::of([Some(seconds)]),
                predict_ms_p50: Spread::of([Some(ms)]),
                ..Costs::default()
            },
            ..ArmSummary::default()
        }
    }

    fn served(price: Option<f64>) -> ArmSummary {
        ArmSummary {
            label: "served".to_owned(),
            costs: Costs {
                adapt_s: Spread::of([Some(0.0)]),
                predict_ms_p50: Spread::of([Some(300.0)]),
                predict_ms_p95: Spread::of([Some(1200.0)]),
                calls: Spread::of([Some(200.0)]),
                failed_calls: Spread::of([Some(0.0)]),
                input_tokens: Spread::of([Some(50_000.0)]),
                output_tokens: Spread::of([Some(400.0)]),
                usd_per_1000_predictions: Spread::of([price]),
                ..Costs::default()
            },
            ..ArmSummary::default()
        }
    }

    fn group(arms: Vec<ArmSummary>) -> GroupSummary {
        GroupSummary {
            arms,
            ..GroupSummary::default()
        }
    }

    #[test]
    fn training_pays_off_where_calls_have_cost_as_much_as_the_machine() {
        // 36 s are a hundredth of an hour; a prediction here is a hundredth of a cent at one dollar an hour.
        let found =
            break_even_in_money(&group(vec![own(36.0, 3.6), served(Some(0.5))]), 1.0).unwrap();
        let [crossing] = found.crossings[..] else {
            panic!("one crossing expected")
        };
        assert_eq!((crossing.dear_start, crossing.cheap_start), (0, 1));
        let expected = 0.01 / (0.0005 - 0.000_001);
        assert!(
            (crossing.predictions / expected - 1.0).abs() < 1e-9,
            "{crossing:?}"
        );
        let dearer =
            break_even_in_money(&group(vec![own(36.0, 3.6), served(Some(0.5))]), 3.0).unwrap();
        assert!(dearer.crossings[0].predictions > 2.9 * crossing.predictions);
    }

    #[test]
    fn without_a_price_a_served_model_has_no_cost_in_money() {
        assert_eq!(
            break_even_in_money(&group(vec![own(36.0, 3.6), served(None)]), 1.0),
            None
        );
        assert_eq!(usd_per_1000(&served(None).costs), None);
        assert!((usd_per_1000(&own(36.0, 3.6).costs).unwrap().median - 0.001).abs() < 1e-12);
    }

    #[test]
    fn only_what_asks_a_server_is_in_the_table() {
        let rows = rows(&group(vec![own(36.0, 3.6), served(Some(0.5))]));
        assert_eq!(
            rows,
            [["served", "0.5", "250, 2", "200", "0", "300 ms, 1.2 s"].map(str::to_owned)]
        );
    }
}
