//! One line for each way of adapting: accuracy with its interval, its standing against the best, and what it costs.

use crate::calibration::{self, ArmCalibration};
use crate::costs::Costs;
use crate::large;
use crate::machines::{self, Machines};
use crate::money;
use crate::notes;
use crate::run::{Arm, Group, Run};
use crate::search::{self, AtEdge};
use crate::selection::{self, COLUMN_ERROR};
use crate::statistics::{self, AgainstBest, Answers, Estimate, Scores, Share, Spread, Standing};
use crate::units;
use rayon::prelude::*;
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
    /// Validation examples, labels as well; earlier versions recorded them only where they were limited.
    pub n_validation: Option<u64>,
    /// Accuracy and its interval.
    pub accuracy: Option<Estimate>,
    /// Mean macro-F1 over seeds.
    pub macro_f1: Option<f64>,
    /// Mean test loss over seeds, nats.
    pub test_loss: Option<f64>,
    /// Mean validation accuracy over seeds.
    pub validation_accuracy: Option<f64>,
    /// Share of the test examples that is answered within an error of 5 %, the rest going to a person.
    pub coverage: Option<Share>,
    /// What its probabilities are worth.
    pub calibration: ArmCalibration,
    /// Place against the best of the others.
    pub standing: Standing,
    /// The comparison behind it; `None` where there are no shared predictions to compare.
    pub against: Option<AgainstBest>,
    /// Whether all of several seeds gave the same predictions, as those of a method without chance do.
    pub deterministic: bool,
    /// Seeds far below the arm's median, with their accuracies.
    pub unstable: Vec<(u64, f64)>,
    /// What a reader must know of the arm beside its figures, in a few words each.
    pub marks: Vec<String>,
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
    /// Candidates that its search trained or fitted, of the first trial that searched.
    pub search_trials: Option<u64>,
    /// Whether anything was searched, and the setting whose choice lies at an end of what was tried.
    pub search_edge: Option<Option<AtEdge>>,
    /// Seeds that finished on another kind of machine than the one whose times are shown.
    pub elsewhere: Vec<u64>,
    /// Times, on machines of one kind, and memory.
    pub costs: Costs,
}

/// The summary of one model on one task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupSummary {
    /// Model as given.
    pub model: String,
    /// Task as given.
    pub task: String,
    /// Model and task as titles, and the training examples where there are several numbers of them.
    pub title: String,
    /// Model and task as titles.
    pub family: String,
    /// Where the run has several numbers of training examples for model and task, that of this group.
    pub point: Option<u64>,
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
    let groups = run.groups();
    let summaries = groups.par_iter().map(|group| {
        let machines = Machines::of(run, group);
        let mut summary = summarise_group(group, &machines, margin);
        summary.notes = notes::of_group(run, group, &machines);
        summary.notes.extend(money::notes(group));
        summary.notes.extend(machines.note(&summary.arms));
        summary.notes.extend(large::word_on_charts(&summary));
        summary.notes.extend(calibration::out_of_scope(&summary));
        summary.notes.extend(notes::of_standings(&summary));
        summary
    });
    summaries.collect()
}

fn summarise_group(group: &Group<'_>, machines: &Machines, margin: f64) -> GroupSummary {
    let answers: Vec<Answers> = group.arms.iter().map(Arm::answers).collect();
    let mut arms: Vec<ArmSummary> = group
        .arms
        .iter()
        .zip(&answers)
        .map(|(arm, answers)| summarise_arm(arm, answers, machines))
        .collect();
    place(&mut arms, &answers, margin);
    GroupSummary {
        model: group.model.to_owned(),
        task: group.task.to_owned(),
        title: group.title(),
        family: group.family_title(),
        point: group.point,
        slug: group.slug.clone(),
        margin,
        arms,
        notes: Vec::new(),
    }
}

fn summarise_arm(arm: &Arm<'_>, answers: &Answers, machines: &Machines) -> ArmSummary {
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
    let unstable = unstable(arm);
    let search_edge = search_edge(arm);
    let of_seeds = unstable
        .iter()
        .map(|(seed, accuracy)| format!("unstable: seed {seed} at {}", units::percent(*accuracy)));
    let of_search = search_edge.iter().flatten();
    let marks = of_seeds.chain(of_search.map(|edge| format!("{} at an edge", edge.setting)));
    ArmSummary {
        deterministic: is_deterministic(arm),
        marks: marks.collect(),
        unstable,
        label: arm.label.clone(),
        method: spec.method.clone(),
        variant: spec.variant.clone(),
        device: spec.device.clone(),
        finished: arm.finished().count(),
        failed: arm.failed().count(),
        n_train: first(|r| r.n_train),
        n_validation: first(|r| {
            let limit = r.spec.budget.validation_limit;
            r.n_validation.or(limit.map(|n| n as u64))
        }),
        accuracy: accuracy(arm, answers),
        macro_f1: over(|r| r.test_macro_f1),
        test_loss: over(|r| r.test_loss),
        validation_accuracy: over(|r| r.validation_accuracy),
        coverage: selection::select(arm, COLUMN_ERROR).map(|selected| selected.coverage),
        calibration: calibration::of_arm(arm),
        standing: Standing::Unknown,
        against: None,
        trainable_params: first(|r| r.trainable_params),
        added_params: first(|r| r.added_params),
        total_params: first(|r| r.total_params),
        stored_bytes: first(|r| r.stored_bytes),
        train_flops: median(|r| r.train_flops),
        infer_flops_per_sample: median(|r| r.infer_flops_per_sample),
        search_trials: first(|r| r.search_trials),
        search_edge,
        elsewhere: machines::elsewhere(arm, machines),
        costs: Costs::timed(arm, &|record| machines.is_shown(record)),
    }
}

/// Seeds below the arm's median by more than 5 points and 4 robust standard deviations (1.4826 times the median absolute deviation).
fn unstable(arm: &Arm<'_>) -> Vec<(u64, f64)> {
    let accuracies: Vec<(u64, f64)> = arm
        .finished()
        .filter_map(|trial| Some((trial.record.spec.seed, trial.record.test_accuracy?)))
        .collect();
    let Some(all) = Spread::of(accuracies.iter().map(|(_, a)| Some(*a))) else {
        return Vec::new();
    };
    let deviations = accuracies.iter().map(|(_, a)| Some((a - all.median).abs()));
    let robust_sd = 1.4826 * Spread::of(deviations).map_or(0.0, |spread| spread.median);
    let far = (4.0 * robust_sd).max(0.05);
    let mut found = accuracies;
    found.retain(|(_, accuracy)| all.n > 2 && all.median - accuracy > far);
    found
}

/// Whether several seeds predicted the same for every row. Where all are right as well, they may have done so by merit.
fn is_deterministic(arm: &Arm<'_>) -> bool {
    let mut predictions = arm.finished().map(|trial| trial.predictions.as_ref());
    let by_merit = |trial: &record::Trial| trial.record.test_accuracy == Some(1.0);
    let Some(Some(first)) = predictions.next() else {
        return false;
    };
    let mut others = predictions.peekable();
    others.peek().is_some()
        && others.all(|other| other.is_some_and(|other| other.predicts_as(first)))
        && !arm.finished().any(by_merit)
}

/// The edge of an arm's search; `None` where none was made.
fn search_edge(arm: &Arm<'_>) -> Option<Option<AtEdge>> {
    let searched = |trial: &&record::Trial| {
        trial.record.search_edge.is_some() || search::Search::of(trial).is_some()
    };
    let mut trials = arm.trials.iter().copied();
    trials
        .find(|trial| searched(trial))
        .map(|_| search::at_edge(arm))
}

/// From predictions where every finished trial has them, else from the trials' accuracies.
pub(crate) fn accuracy(arm: &Arm<'_>, answers: &Answers) -> Option<Estimate> {
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
