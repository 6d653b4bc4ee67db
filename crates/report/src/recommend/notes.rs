//! What is to be known of the arms that are named: seeds beyond a limit, seeds that fell out, disturbed times, trials that failed.

use super::cases::Case;
use super::{Decision, Question, limits};
use crate::costs::Neighbours;
use crate::statistics::Standing;
use crate::summary::{ArmSummary, GroupSummary};
use crate::units;

/// What is to be known of the arms that fit.
pub(super) fn of_candidates(
    fits: &[&Case<'_>],
    decision: &Decision,
    question: &Question,
) -> Vec<String> {
    let mut notes = Vec::new();
    for (at, case) in fits.iter().enumerate() {
        let label = &case.scored.label;
        let open = matches!(
            decision.against[at].map(|found| found.standing),
            Some(Standing::Best | Standing::AsGood | Standing::Open)
        );
        if at == decision.choice || open {
            let beyond = limits::seeds_beyond(case.summary, case.arm, &question.limits);
            if !beyond.is_empty() {
                notes.push(format!("{label}: {}", beyond.join("; ")));
            }
            notes.extend(doubts(case.summary));
        }
        if case.scored.cost.is_none() {
            notes.push(format!("{label}: its cost was not measured"));
        }
        if decision.against[at].is_none() && fits.len() > 1 {
            notes.push(format!(
                "{label}: not compared, since it shares no predictions with the others"
            ));
        }
    }
    if question.limits.max_labels.is_some() {
        let unknown =
            |case: &&Case<'_>| limits::labels(case.arm).is_some_and(|l| l.validation.is_none());
        let n = fits.iter().filter(|case| unknown(case)).count();
        notes.push("Labels for validation are counted as labels".to_owned());
        if n > 0 {
            notes.push(format!(
                "The records of {n} of the arms do not say how many labels validated; only those for training are counted there"
            ));
        }
    }
    notes
}

/// Seeds that fell out, and times that were not an arm's own.
fn doubts(arm: &ArmSummary) -> Vec<String> {
    let unstable = arm.unstable.iter();
    let mut doubts: Vec<String> = unstable
        .map(|(seed, accuracy)| {
            format!(
                "{} is unstable: seed {seed} has {} %",
                arm.label,
                units::percent(*accuracy)
            )
        })
        .collect();
    if let Some(Neighbours { trials, disturbed }) = arm.costs.neighbours.filter(|n| n.disturbed > 0)
    {
        doubts.push(if disturbed == trials {
            format!("{}: every trial ran beside a busy neighbour, and its times are not its own", arm.label)
        } else {
            format!("{}: {disturbed} of {trials} trials ran beside a busy neighbour, and their times are left out", arm.label)
        });
    }
    doubts
}

/// Arms with trials that did not finish.
pub(super) fn of_unfinished(summary: &GroupSummary) -> Vec<String> {
    let failed = summary.arms.iter().filter(|arm| arm.failed > 0);
    let said = failed.map(|arm| {
        let (label, failed, all) = (&arm.label, arm.failed, arm.failed + arm.finished);
        if arm.finished == 0 {
            format!("{label} is left out: no trial finished")
        } else {
            format!("{label}: {failed} of {all} trials did not finish, and it rests on the others")
        }
    });
    said.collect()
}
