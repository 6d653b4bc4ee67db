//! `crossings.csv` and `label_curves.csv`. What was not measured, and an end of an interval beyond what was measured, is an empty cell.

use super::{ArmCurve, ArmPoint, LabelCurves, PairCurve};
use crate::statistics::{Growth, Place, Verdict};
use crate::tables::standing;

const CROSSINGS: [&str; 13] = [
    "model",
    "task",
    "first",
    "second",
    "verdict",
    "overtakes",
    "n_train",
    "n_train_low",
    "n_train_high",
    "n_validation",
    "ahead_at_most",
    "n_train_from",
    "n_train_to",
];

/// One row for every two ways of adapting.
pub(crate) fn crossings_csv(all: &[LabelCurves]) -> Vec<u8> {
    let rows = all
        .iter()
        .flat_map(|curves| curves.pairs.iter().map(|pair| crossing(curves, pair)));
    record::table_csv(&CROSSINGS, rows)
}

fn crossing(curves: &LabelCurves, pair: &PairCurve) -> Vec<String> {
    let [first, second] = [pair.first, pair.second].map(|at| curves.arms[at].label.clone());
    let found = &pair.found;
    let (verdict, is_crossing) = match found.verdict() {
        Verdict::Shown => ("shown", true),
        Verdict::Seen => ("seen", true),
        Verdict::None => ("none", false),
        Verdict::Open => ("open", false),
        Verdict::Several => ("several", false),
    };
    let riser = if found.first_rises { &first } else { &second };
    let ahead = if found.first_ends_ahead() {
        &first
    } else {
        &second
    };
    let of = |place: Place| match place {
        Place::At(labels) if is_crossing => labels.to_string(),
        _ => String::new(),
    };
    vec![
        curves.model.clone(),
        curves.task.clone(),
        first.clone(),
        second.clone(),
        verdict.to_owned(),
        if is_crossing {
            riser.clone()
        } else {
            String::new()
        },
        of(found.at),
        of(found.low),
        of(found.high),
        cell(curves.validation),
        ahead.clone(),
        pair.range.0.to_string(),
        pair.range.1.to_string(),
    ]
}

const CURVES: [&str; 20] = [
    "model",
    "task",
    "label",
    "method",
    "variant",
    "device",
    "n_train",
    "n_validation",
    "n_seeds",
    "n_test",
    "test_accuracy_mean",
    "test_accuracy_low",
    "test_accuracy_high",
    "standing",
    "next_doubling_points",
    "next_doubling_low",
    "next_doubling_high",
    "foretold_accuracy",
    "foretold_off_low",
    "foretold_off_high",
];

/// One row for each way of adapting and number of training examples. What the next doubling adds, and what the points before foretold of the last, stands
/// in the row of the last; both in points but for the accuracy.
pub(crate) fn label_curves_csv(all: &[LabelCurves]) -> Vec<u8> {
    let rows = all.iter().flat_map(|curves| {
        let arms = curves.arms.iter();
        arms.flat_map(move |arm| arm.points.iter().map(move |point| row(curves, arm, point)))
    });
    record::table_csv(&CURVES, rows)
}

fn row(curves: &LabelCurves, arm: &ArmCurve, point: &ArmPoint) -> Vec<String> {
    let is_last = |growth: &Growth| growth.from == point.labels as f64;
    let growth = arm.growth.filter(is_last);
    let check = growth.and_then(|growth| growth.check);
    let accuracy = &point.accuracy;
    vec![
        curves.model.clone(),
        curves.task.clone(),
        arm.label.clone(),
        arm.method.clone(),
        arm.variant.clone(),
        arm.device.clone(),
        point.labels.to_string(),
        cell(curves.validation),
        accuracy.seeds.to_string(),
        accuracy.rows.to_string(),
        accuracy.mean.to_string(),
        accuracy.interval.low.to_string(),
        accuracy.interval.high.to_string(),
        standing(point.standing).to_owned(),
        cell(growth.map(|growth| 100.0 * growth.gain)),
        cell(growth.map(|growth| 100.0 * growth.interval.low)),
        cell(growth.map(|growth| 100.0 * growth.interval.high)),
        cell(check.map(|check| check.foretold)),
        cell(check.map(|check| 100.0 * check.off.1.low)),
        cell(check.map(|check| 100.0 * check.off.1.high)),
    ]
}

fn cell<T: ToString>(value: Option<T>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}
