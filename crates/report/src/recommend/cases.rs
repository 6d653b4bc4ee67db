//! The arms of a group as the advice sees them: score, cost, limits broken, and whether it is a baseline.

use super::{Alternative, Candidate, Cost, Question, Scored, cost, limits};
use crate::run::{Arm, Run};
use crate::selection::{self, Selected};
use crate::statistics::{AgainstBest, Answers, Interval};
use crate::summary::{ArmSummary, GroupSummary};
use crate::units;

/// An arm that has a score.
pub(super) struct Case<'a> {
    pub(super) summary: &'a ArmSummary,
    pub(super) arm: &'a Arm<'a>,
    pub(super) scored: Scored,
    pub(super) answers: Answers,
    pub(super) baseline: bool,
    pub(super) reasons: Vec<String>,
}

impl Case<'_> {
    pub(super) fn candidate(&self) -> Candidate {
        Candidate {
            answers: self.answers.clone(),
            mean: self.scored.mean,
            cost: self.scored.cost,
            baseline: self.baseline,
        }
    }

    pub(super) fn alternative(
        &self,
        against: AgainstBest,
        to: Option<&Case<'_>>,
        cost: Cost,
    ) -> Alternative {
        let (saves, costs_more) = to
            .map(|other| cost::savings(self.summary, other.summary, cost))
            .unwrap_or_default();
        Alternative {
            scored: self.scored.clone(),
            standing: against.standing,
            against,
            saves,
            costs_more,
        }
    }
}

/// Of each arm, whether it uses no pretrained model: as the registry had it, and in runs of earlier versions where nothing of a model's size is
/// computed, which shows in that no FLOPs of a prediction are known and that it has fewer parameters than the model of the others.
pub(super) fn baselines(run: &Run, summary: &GroupSummary) -> Vec<bool> {
    let without_additions = |arm: &ArmSummary| {
        let added = arm.added_params.unwrap_or(0);
        arm.total_params.map(|total| total.saturating_sub(added))
    };
    let model = summary.arms.iter().filter_map(without_additions).max();
    let is = |arm: &ArmSummary| match run.note(&arm.method).and_then(|note| note.level.as_ref()) {
        Some(level) => level == record::BASELINE,
        None => {
            let small = arm
                .total_params
                .zip(model)
                .is_some_and(|(own, model)| own < model / 2);
            small && arm.infer_flops_per_sample.is_none()
        }
    };
    summary.arms.iter().map(is).collect()
}

pub(super) fn case<'a>(
    summary: &'a ArmSummary,
    arm: &'a Arm<'a>,
    baseline: bool,
    question: &Question,
) -> Option<Case<'a>> {
    let accuracy = summary.accuracy?;
    let cost = question.cost.of(&summary.costs);
    let mut reasons = limits::broken(summary, arm, &question.limits);
    let mut scored = Scored {
        label: summary.label.clone(),
        mean: accuracy.mean,
        interval: accuracy.interval,
        error: None,
        cost,
    };
    let mut answers = arm.answers();
    if let Some(allowed) = question.max_error {
        match within_error(arm, allowed) {
            Ok((selected, error)) => {
                (scored.mean, scored.interval) =
                    (selected.coverage.mean, selected.coverage.interval);
                scored.error = Some(error);
                answers = selected.answered;
            }
            Err(reason) => reasons.push(reason),
        }
    }
    Some(Case {
        summary,
        arm,
        scored,
        answers,
        baseline,
        reasons,
    })
}

/// What an arm answers, where the errors that were measured are shown to keep to `allowed`: the upper end of their interval is no higher.
fn within_error(arm: &Arm<'_>, allowed: f64) -> Result<(Selected, (f64, Interval)), String> {
    let percent = units::percent;
    let Some(selected) = selection::select(arm, allowed) else {
        return Err("probabilities of the answers are not on record".to_owned());
    };
    match selected.error {
        Some(error) if error.interval.high <= allowed => {
            Ok((selected, (error.mean, error.interval)))
        }
        Some(error) => Err(format!(
            "{} % of the answered are wrong [{}, {}], allowed {} %",
            percent(error.mean),
            percent(error.interval.low),
            percent(error.interval.high),
            units::three(100.0 * allowed)
        )),
        None => Err(format!(
            "no share of the texts is shown to be answered with at most {} % wrong",
            units::three(100.0 * allowed)
        )),
    }
}
