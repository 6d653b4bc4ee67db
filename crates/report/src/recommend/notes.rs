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
    let mut named = Vec::new();
    for (at, case) in fits.iter().enumerate() {
        let label = &case.scored.label;
        let open = matches!(
            decision.against[at].map(|found| found.standing),
            Some(Standing::Best | Standing::AsGood | Standing::Open)
        );
        if at == decision.choice || open {
            let beyond =
                limits::seeds_beyond(case.summary, case.arm, &question.limits, case.source);
            if !beyond.is_empty() {
                notes.push(format!("{label}: {}", beyond.join("; ")));
            }
            notes.extend(unstable(case.summary));
            named.push(case.summary);
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
    notes.extend(beside_neighbours(&named));
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

/// Seeds that fell out.
fn unstable(arm: &ArmSummary) -> impl Iterator<Item = String> {
    arm.unstable.iter().map(|(seed, accuracy)| {
        format!(
            "{} is unstable: seed {seed} has {} %",
            arm.label,
            units::percent(*accuracy)
        )
    })
}

/// Whose times are not their own, and whose rest on some of the trials: a sentence each.
fn beside_neighbours(arms: &[&ArmSummary]) -> Vec<String> {
    let (mut all, mut some) = (Vec::new(), Vec::new());
    for arm in arms {
        match arm.costs.neighbours {
            Some(Neighbours { trials, disturbed }) if disturbed == trials => {
                all.push(arm.label.clone());
            }
            Some(Neighbours { trials, disturbed }) if disturbed > 0 => {
                some.push(format!("{} {disturbed} of {trials}", arm.label));
            }
            _ => {}
        }
    }
    let mut notes = Vec::new();
    if !all.is_empty() {
        notes.push(format!(
            "Every trial of these ran beside a busy neighbour, and their times are not their own: {}",
            all.join(", ")
        ));
    }
    if !some.is_empty() {
        notes.push(format!(
            "Trials that ran beside a busy neighbour are left out of the times: {}",
            some.join(", ")
        ));
    }
    notes
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::Costs;

    #[test]
    fn busy_neighbours_take_a_sentence_for_all_arms_and_not_one_for_each() {
        let arm = |label: &str, disturbed| ArmSummary {
            label: label.to_owned(),
            costs: Costs {
                neighbours: Some(Neighbours {
                    trials: 3,
                    disturbed,
                }),
                ..Costs::default()
            },
            ..ArmSummary::default()
        };
        let arms = [arm("lora", 3), arm("ia3", 0), arm("vera", 1), arm("knn", 3)];
        let arms: Vec<&ArmSummary> = arms.iter().collect();
        assert_eq!(
            beside_neighbours(&arms),
            [
                "Every trial of these ran beside a busy neighbour, and their times are not their own: lora, knn",
                "Trials that ran beside a busy neighbour are left out of the times: vera 1 of 3",
            ]
        );
        assert!(beside_neighbours(&arms[1..2]).is_empty());
    }
}
