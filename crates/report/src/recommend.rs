//! Which way of adapting to choose under given limits, on the evidence of a run, and what would change the answer.

use crate::plot::pareto_front;
use crate::statistics::{Standing, against_best};
use crate::summary::{ArmSummary, GroupSummary};
use crate::{Run, summarise, units};

/// What a user can afford; `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Most resident memory while training.
    pub max_memory_bytes: Option<f64>,
    /// Longest training (preparation, first step, training).
    pub max_train_s: Option<f64>,
    /// Most bytes to keep for the task.
    pub max_stored_bytes: Option<f64>,
    /// Longest prediction of one text.
    pub max_predict_s: Option<f64>,
}

/// Why an arm is out, with what it needs and what was allowed, as people read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// The arm.
    pub label: String,
    /// One reason a limit.
    pub reasons: Vec<String>,
    /// Whether it is more accurate than the choice, beyond chance or not.
    pub more_accurate: bool,
}

/// The advice for one model on one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// Model and task.
    pub title: String,
    /// The cheapest to train among those that cannot be told apart from the most accurate within the limits; `None` if nothing
    /// fits.
    pub choice: Option<String>,
    /// Most accurate within the limits.
    pub most_accurate: Option<String>,
    /// Others within the limits that cannot be told apart from the most accurate.
    pub tied: Vec<String>,
    /// Not dominated in accuracy, training time and memory within the limits, by rising training time.
    pub pareto: Vec<String>,
    /// Outside the limits. Those marked more accurate are what a higher limit would buy.
    pub refused: Vec<Refused>,
}

/// Advice for every group of `run`.
pub fn recommend(run: &Run, limits: &Limits) -> Vec<Advice> {
    let groups = run.groups();
    let summaries = summarise(run);
    summaries
        .iter()
        .zip(&groups)
        .map(|(summary, group)| advise(summary, group, limits))
        .collect()
}

fn advise(summary: &GroupSummary, group: &crate::Group<'_>, limits: &Limits) -> Advice {
    let known: Vec<usize> = (0..summary.arms.len())
        .filter(|i| summary.arms[*i].accuracy.is_some())
        .collect();
    let (fits, out): (Vec<usize>, Vec<usize>) = known
        .iter()
        .partition(|i| reasons(&summary.arms[**i], limits).is_empty());
    let mean = |i: usize| summary.arms[i].accuracy.map_or(0.0, |a| a.mean);
    let best = fits
        .iter()
        .copied()
        .reduce(|a, b| if mean(b) > mean(a) { b } else { a });
    let tied: Vec<usize> = best
        .map(|best| tied_with(best, &fits, summary, group))
        .unwrap_or_default();
    let cost = |i: usize| {
        summary.arms[i]
            .costs
            .adapt_s
            .map_or(f64::INFINITY, |s| s.median)
    };
    let choice = best
        .into_iter()
        .chain(tied.iter().copied())
        .min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
    let label = |i: usize| summary.arms[i].label.clone();
    let refused = out.iter().map(|i| Refused {
        label: label(*i),
        reasons: reasons(&summary.arms[*i], limits),
        more_accurate: choice.is_none_or(|choice| mean(*i) > mean(choice)),
    });
    Advice {
        title: summary.title.clone(),
        choice: choice.map(label),
        most_accurate: best.map(label),
        tied: tied.iter().copied().map(label).collect(),
        pareto: pareto(&fits, summary).into_iter().map(label).collect(),
        refused: refused.collect(),
    }
}

/// Arms of `fits` that are as good as the best of `fits`, or may be.
fn tied_with(
    best: usize,
    fits: &[usize],
    summary: &GroupSummary,
    group: &crate::Group<'_>,
) -> Vec<usize> {
    let answers: Vec<_> = fits.iter().map(|i| group.arms[*i].answers()).collect();
    let placed = against_best(&answers, summary.margin);
    let tied = |standing| matches!(standing, Standing::AsGood | Standing::Open);
    fits.iter()
        .zip(placed)
        .filter(|(i, against)| **i != best && against.is_some_and(|a| tied(a.standing)))
        .map(|(i, _)| *i)
        .collect()
}

/// Arms on the front of accuracy against time or of accuracy against memory.
fn pareto(fits: &[usize], summary: &GroupSummary) -> Vec<usize> {
    let front = |cost: fn(&ArmSummary) -> Option<f64>| {
        let measured: Vec<(usize, (f64, f64))> = fits
            .iter()
            .filter_map(|i| {
                Some((
                    *i,
                    (cost(&summary.arms[*i])?, summary.arms[*i].accuracy?.mean),
                ))
            })
            .collect();
        let points: Vec<(f64, f64)> = measured.iter().map(|(_, point)| *point).collect();
        pareto_front(&points)
            .into_iter()
            .map(|at| measured[at].0)
            .collect::<Vec<usize>>()
    };
    let mut both = front(|a| a.costs.adapt_s.map(|s| s.median));
    for arm in front(|a| a.costs.train_peak_rss_bytes.map(|s| s.median)) {
        if !both.contains(&arm) {
            both.push(arm);
        }
    }
    both
}

/// A quantity's name, what an arm needs of it, what is allowed, and how it reads.
type Check = (&'static str, Option<f64>, Option<f64>, fn(f64) -> String);

/// The limits that an arm breaks, by its worst seed. What was not measured cannot be promised, so it breaks its limit too.
fn reasons(arm: &ArmSummary, limits: &Limits) -> Vec<String> {
    let per_text = arm
        .costs
        .eval_samples_per_s
        .filter(|s| s.min > 0.0)
        .map(|s| 1.0 / s.min);
    let checks: [Check; 4] = [
        (
            "memory",
            arm.costs.train_peak_rss_bytes.map(|s| s.max),
            limits.max_memory_bytes,
            units::bytes,
        ),
        (
            "training time",
            arm.costs.adapt_s.map(|s| s.max),
            limits.max_train_s,
            units::seconds,
        ),
        (
            "storage",
            arm.stored_bytes.map(|b| b as f64),
            limits.max_stored_bytes,
            units::bytes,
        ),
        (
            "time for one prediction",
            per_text,
            limits.max_predict_s,
            units::seconds,
        ),
    ];
    let broken = checks
        .into_iter()
        .filter_map(|(what, needs, allowed, unit)| {
            let allowed = allowed?;
            match needs {
                Some(needs) if needs <= allowed => None,
                Some(needs) => Some(format!("{what} {}, allowed {}", unit(needs), unit(allowed))),
                None => Some(format!(
                    "{what} was not measured, allowed {}",
                    unit(allowed)
                )),
            }
        });
    broken.collect()
}

/// The advice in sentences.
pub fn advice_text(advice: &[Advice]) -> String {
    advice.iter().map(sentences).collect::<Vec<_>>().join("\n")
}

fn sentences(advice: &Advice) -> String {
    let mut text = format!("{}\n", advice.title);
    match (&advice.choice, &advice.most_accurate) {
        (Some(choice), Some(best)) if choice == best && advice.tied.is_empty() => {
            text += &format!(
                "  Choose {choice}: the most accurate within the limits, beyond chance.\n"
            );
        }
        (Some(choice), Some(best)) if choice == best => {
            text += &format!(
                "  Choose {choice}: the most accurate within the limits, and the fastest to train of those that cannot be told apart from it.\n"
            );
        }
        (Some(choice), Some(best)) => {
            text += &format!(
                "  Choose {choice}: it cannot be told apart from the most accurate ({best}) and trains faster.\n"
            );
        }
        _ => text += "  Nothing measured fits the limits.\n",
    }
    if !advice.tied.is_empty() {
        let best = advice.most_accurate.as_deref().unwrap_or_default();
        text += &format!(
            "  Tied with {best} on this evidence: {}. More test examples or seeds would tell.\n",
            advice.tied.join(", ")
        );
    }
    if !advice.pareto.is_empty() {
        text += &format!(
            "  Best for their time or memory: {}.\n",
            advice.pareto.join(", ")
        );
    }
    for refused in advice.refused.iter().filter(|r| r.more_accurate) {
        text += &format!(
            "  {} scored higher but needs more: {}.\n",
            refused.label,
            refused.reasons.join("; ")
        );
    }
    text
}
