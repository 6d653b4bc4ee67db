//! A verdict for a build that is to fail where a change made accuracy worse.
//!
//! An arm is worse where its accuracy is lower beyond chance (95 %, Holm's correction over all arms, so that many arms raise no false alarm) and
//! by more than the threshold. It holds where the interval's lower end is above minus the threshold, or where both runs gave the same answers. What
//! is neither is not settled: more seeds or test examples would tell.

use super::{ArmComparison, RunComparison};
use crate::units;

/// What the arms come to. Lines are `model on task: arm: what`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// Worse than the threshold allows, gone, or with more failed trials.
    pub worse: Vec<String>,
    /// Not shown to be worse, nor shown not to be.
    pub unsettled: Vec<String>,
    /// Shown not to be worse than the threshold.
    pub holding: usize,
}

/// Judges `comparison` by `threshold`, the points of accuracy (as a share) that an arm may lose.
pub fn gate(comparison: &RunComparison, threshold: f64) -> Gate {
    let mut gate = Gate::default();
    for gone in &comparison.only_first {
        let gone = format!("{}: {}: not in the second run", gone.title, gone.label);
        gate.worse.push(gone);
    }
    for arm in &comparison.arms {
        judge(&mut gate, arm, threshold);
    }
    gate
}

fn judge(gate: &mut Gate, arm: &ArmComparison, threshold: f64) {
    let of = |what: &str| format!("{}: {}: {what}", arm.title, arm.label);
    let (before, after) = arm.failed;
    if after > before {
        let trials = format!("{after} trials did not finish, {before} in the first run");
        gate.worse.push(of(&trials));
    }
    let Some(difference) = arm.accuracy else {
        if arm.accuracies.0.is_some() {
            gate.worse.push(of("no accuracy in the second run"));
        }
        return;
    };
    let said = super::text::points(&difference);
    let limit = units::three(100.0 * threshold);
    if arm.same_answers {
        gate.holding += 1;
    } else if arm.differs() && difference.mean < -threshold {
        gate.worse.push(of(&format!("{said} points")));
    } else if difference.interval.low > -threshold {
        gate.holding += 1;
    } else {
        let reaches = format!("{said} points: the interval reaches below -{limit}");
        gate.unsettled.push(of(&reaches));
    }
}
