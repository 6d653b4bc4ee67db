//! One line for each way of adapting: accuracy with its interval, its standing against the best, and what it costs.

use crate::costs::Costs;
use crate::notes;
use crate::run::{Arm, Group, Run};
use crate::statistics::{self, AgainstBest, Answers, Estimate, Scores, Spread, Standing};
use record::TrialRecord;

/// Points (as a share) that an arm may lie behind the best and still count as good.
pub const DEFAULT_MARGIN: f64 = 0.01;

/// A line of the summary.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArmSummary {
    /// Name in tables and charts.
    pub label: String,
    /// Method.
    pub method: String,
    /// Variant.
    pub variant: String,
    /// Device.
    pub device: String,
    /// Trials that finished.
    pub finished: usize,
    /// Trials that did not.
    pub failed: usize,
    /// Training examples.
    pub n_train: Option<u64>,
    /// Accuracy and its interval.
    pub accuracy: Option<Estimate>,
    /// Mean macro-F1 over seeds.
    pub macro_f1: Option<f64>,
    /// Mean test loss over seeds, nats.
    pub test_loss: Option<f64>,
    /// Mean validation accuracy over seeds.
    pub validation_accuracy: Option<f64>,
    /// Place against the best of the others.
    pub standing: Standing,
    /// The comparison behind it; `None` where there are no shared predictions to compare.
    pub against: Option<AgainstBest>,
    /// Parameters with a gradient.
    pub trainable_params: Option<u64>,
    /// Parameters added.
    pub added_params: Option<u64>,
    /// All parameters at inference.
    pub total_params: Option<u64>,
    /// Bytes to keep beside the shared weights.
    pub stored_bytes: Option<u64>,
    /// Floating-point operations of training, median over seeds.
    pub train_flops: Option<f64>,
    /// Floating-point operations of one prediction, median over seeds.
    pub infer_flops_per_sample: Option<f64>,
    /// Times and memory.
    pub costs: Costs,
}

/// The summary of one model on one task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupSummary {
    /// Model as given.
    pub model: String,
    /// Task as given.
    pub task: String,
    /// Model and task as titles.
    pub title: String,
    /// What its files start with.
    pub slug: String,
    /// How far behind the best an arm may lie to count as good, as a share.
    pub margin: f64,
    /// Lines in display order.
    pub arms: Vec<ArmSummary>,
    /// What a reader must know beside the numbers, each a sentence without its full stop.
    pub notes: Vec<String>,
}

/// Summaries of all groups of a run, in order.
pub fn summarise(run: &Run) -> Vec<GroupSummary> {
    summarise_with(run, DEFAULT_MARGIN)
}

/// As [`summarise`]; an arm counts as good where it is shown to lie less than `margin` (a share) behind the best.
pub fn summarise_with(run: &Run, margin: f64) -> Vec<GroupSummary> {
    run.groups()
        .iter()
        .map(|group| GroupSummary {
            notes: notes::of_group(run, group),
            ..summarise_group(group, margin)
        })
        .collect()
}

fn summarise_group(group: &Group<'_>, margin: f64) -> GroupSummary {
    let answers: Vec<Answers> = group.arms.iter().map(Arm::answers).collect();
    let mut arms: Vec<ArmSummary> = group
        .arms
        .iter()
        .zip(&answers)
        .map(|(arm, answers)| summarise_arm(arm, answers))
        .collect();
    place(&mut arms, &answers, margin);
    GroupSummary {
        model: group.model.to_owned(),
        task: group.task.to_owned(),
        title: group.title(),
        slug: group.slug.clone(),
        margin,
        arms,
        notes: Vec::new(),
    }
}

fn summarise_arm(arm: &Arm<'_>, answers: &Answers) -> ArmSummary {
    let spec = &arm.trials[0].record.spec;
    let over = |field: fn(&TrialRecord) -> Option<f64>| {
        statistics::mean(arm.finished().map(|trial| field(&trial.record)))
    };
    let median = |field: fn(&TrialRecord) -> Option<f64>| {
        Spread::of(arm.finished().map(|trial| field(&trial.record))).map(|s| s.median)
    };
    let first = |field: fn(&TrialRecord) -> Option<u64>| {
        arm.trials.iter().find_map(|trial| field(&trial.record))
    };
    ArmSummary {
        label: arm.label.clone(),
        method: spec.method.clone(),
        variant: spec.variant.clone(),
        device: spec.device.clone(),
        finished: arm.finished().count(),
        failed: arm.failed().count(),
        n_train: first(|r| r.n_train),
        accuracy: accuracy(arm, answers),
        macro_f1: over(|r| r.test_macro_f1),
        test_loss: over(|r| r.test_loss),
        validation_accuracy: over(|r| r.validation_accuracy),
        standing: Standing::Unknown,
        against: None,
        trainable_params: first(|r| r.trainable_params),
        added_params: first(|r| r.added_params),
        total_params: first(|r| r.total_params),
        stored_bytes: first(|r| r.stored_bytes),
        train_flops: median(|r| r.train_flops),
        infer_flops_per_sample: median(|r| r.infer_flops_per_sample),
        costs: Costs::of(arm),
    }
}

/// From predictions where every finished trial has them, else from the trials' accuracies.
fn accuracy(arm: &Arm<'_>, answers: &Answers) -> Option<Estimate> {
    if answers.seeds().len() == arm.finished().count() {
        // Seeds tested on different examples share no row and are estimated from their accuracies.
        if let Some(estimate) = statistics::estimate(answers) {
            return Some(estimate);
        }
    }
    let scores: Vec<Scores> = arm
        .finished()
        .filter_map(|trial| {
            Some(Scores {
                accuracy: trial.record.test_accuracy?,
                rows: trial.record.n_test?,
            })
        })
        .collect();
    statistics::estimate_from_scores(&scores)
}

/// Each arm's place against the best of the others, by the predictions. An arm that lacks those of some finished trial is not placed: what it
/// would be compared by is not what its accuracy says.
fn place(arms: &mut [ArmSummary], answers: &[Answers], margin: f64) {
    let whole: Vec<Answers> = arms
        .iter()
        .zip(answers)
        .map(|(arm, answers)| {
            if answers.seeds().len() == arm.finished {
                answers.clone()
            } else {
                Answers::default()
            }
        })
        .collect();
    let placed = statistics::against_best(&whole, margin);
    for (arm, against) in arms.iter_mut().zip(placed) {
        arm.standing = against.map_or(Standing::Unknown, |against| against.standing);
        arm.against = against;
    }
    let mut known = arms.iter_mut().filter(|arm| arm.accuracy.is_some());
    if let (Some(only), None) = (known.next(), known.next()) {
        only.standing = Standing::Best;
    }
}
