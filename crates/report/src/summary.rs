//! One line for each way of adapting: accuracy with its interval, its standing against the best, and what it costs.

use crate::costs::Costs;
use crate::notes;
use crate::run::{Arm, Group, Run};
use crate::search::{self, AtEdge};
use crate::statistics::{self, Answers, CONFIDENCE, Difference, Estimate, Scores, Spread};
use record::TrialRecord;

/// Where an arm stands in its group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Highest mean accuracy.
    Best,
    /// Cannot be told apart from the best at 95 %, corrected for the number of comparisons.
    LikeBest,
    /// Lower than the best beyond chance.
    Worse,
    /// No accuracy: nothing finished.
    #[default]
    Unknown,
}

/// The comparison with the group's best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Against {
    /// This arm minus the best.
    pub difference: Difference,
    /// Its p-value after Holm's correction over the group.
    pub p_holm: f64,
}

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
    /// Place against the best.
    pub standing: Standing,
    /// The comparison behind it; `None` for the best itself.
    pub against: Option<Against>,
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
    /// Lines in display order.
    pub arms: Vec<ArmSummary>,
    /// What a reader must know beside the numbers, each a sentence without its full stop.
    pub notes: Vec<String>,
}

/// Summaries of all groups of a run, in order.
pub fn summarise(run: &Run) -> Vec<GroupSummary> {
    run.groups()
        .iter()
        .map(|group| GroupSummary {
            notes: notes::of_group(run, group),
            ..summarise_group(group)
        })
        .collect()
}

fn summarise_group(group: &Group<'_>) -> GroupSummary {
    let answers: Vec<Answers> = group.arms.iter().map(Arm::answers).collect();
    let mut arms: Vec<ArmSummary> = group
        .arms
        .iter()
        .zip(&answers)
        .map(|(arm, answers)| summarise_arm(arm, answers))
        .collect();
    rank(&mut arms, &answers);
    GroupSummary {
        model: group.model.to_owned(),
        task: group.task.to_owned(),
        title: group.title(),
        slug: group.slug.clone(),
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
        search_trials: first(|r| r.search_trials),
        search_edge: search_edge(arm),
        costs: Costs::of(arm),
    }
}

/// The edge of an arm's search; `None` where none was made.
fn search_edge(arm: &Arm<'_>) -> Option<Option<AtEdge>> {
    let searched = |trial: &&record::Trial| {
        trial.record.search_edge.is_some() || search::Search::of(trial).is_some()
    };
    let mut trials = arm.trials.iter().copied();
    trials
        .find(|trial| searched(&trial))
        .map(|_| search::at_edge(arm))
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

/// Finds the best by mean accuracy and compares every other arm with it.
fn rank(arms: &mut [ArmSummary], answers: &[Answers]) {
    let mean = |arm: &ArmSummary| arm.accuracy.map(|a| a.mean);
    // The first of equals in display order.
    let Some(best) = (0..arms.len())
        .filter(|i| arms[*i].accuracy.is_some())
        .reduce(|a, b| {
            if mean(&arms[b]) > mean(&arms[a]) {
                b
            } else {
                a
            }
        })
    else {
        return;
    };
    let best_accuracy = arms[best].accuracy;
    let compared: Vec<(usize, Difference)> = (0..arms.len())
        .filter(|i| *i != best)
        .filter_map(|i| {
            Some((
                i,
                statistics::difference(
                    (&answers[i], &arms[i].accuracy?),
                    (&answers[best], &best_accuracy?),
                ),
            ))
        })
        .collect();
    let p_values: Vec<f64> = compared
        .iter()
        .map(|(_, difference)| difference.p_value)
        .collect();
    for ((i, difference), p_holm) in compared.into_iter().zip(statistics::holm(&p_values)) {
        arms[i].against = Some(Against { difference, p_holm });
        arms[i].standing = if p_holm < 1.0 - CONFIDENCE {
            Standing::Worse
        } else {
            Standing::LikeBest
        };
    }
    arms[best].standing = Standing::Best;
}
