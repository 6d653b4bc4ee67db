//! Which way of adapting to choose under given limits, on the evidence of a run; what is not settled, and what would change the answer.

mod by_point;
mod cases;
mod cost;
mod decide;
mod json;
mod limits;
mod notes;
mod open;
mod sentences;

pub use cost::{Cost, Spending};
pub use decide::{Candidate, Decision, decide};
pub use json::advice_json;
pub use limits::Limits;
pub(crate) use sentences::ITEM;
pub use sentences::{advice_lines, advice_text};

use crate::break_even::{self, PredictSource};
use crate::large;
use crate::run::{Group, Run};
use crate::statistics::{AgainstBest, Interval, Spread, Standing, against_best};
use crate::summary::{ArmSummary, DEFAULT_MARGIN, GroupSummary, summarise_with};
use cases::Case;
use decide::decide_placed;
use rayon::prelude::*;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Question {
    /// What one can afford.
    pub limits: Limits,
    /// How much less accurate than the best still counts as good, as a share.
    pub margin: f64,
    /// What to keep low.
    pub cost: Cost,
    /// Most errors among the texts that are answered, as a share; the rest go to a person. Arms are then compared by what they answer.
    pub max_error: Option<f64>,
}

impl Default for Question {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            margin: DEFAULT_MARGIN,
            cost: Cost::default(),
            max_error: None,
        }
    }
}

/// An arm and its score: the share right, or with `max_error` the share answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// The arm.
    pub label: String,
    /// Mean over seeds and test examples.
    pub mean: f64,
    /// Its 95 % interval.
    pub interval: Interval,
    /// With `max_error`, the errors among the answered, measured on the half that did not choose the threshold.
    pub error: Option<(f64, Interval)>,
    /// Its cost by the measure asked for.
    pub cost: Option<Spread>,
}

/// An arm beside the best or the choice: what it loses and saves.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// The arm and its score.
    pub scored: Scored,
    /// Its place among the candidates.
    pub standing: Standing,
    /// Its score minus that of the best of the others, and the simultaneous 95 % interval.
    pub against: AgainstBest,
    /// What it saves against the choice, beyond the ranges over seeds.
    pub saves: Vec<String>,
    /// What it costs more.
    pub costs_more: Vec<String>,
}

/// Why an arm is out, with what it needs and what was allowed, as people read it.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// The arm.
    pub label: String,
    /// One reason a limit.
    pub reasons: Vec<String>,
    /// Its mean accuracy.
    pub accuracy: f64,
    /// Where that is above the choice's: the difference from the choice with its interval, if the two can be compared.
    pub gain: Option<Option<AgainstBest>>,
}

/// Why the choice is the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Shown to be as good as the best within the margin, and cheaper.
    CheaperAndAsGood,
    /// The highest mean.
    HighestMean,
    /// The highest mean, with a baseline that no method is shown to be better than.
    BaselineUnbeaten,
    /// The only one that fits.
    Only,
}

/// The advice for one model on one task.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// Model and task, and the training examples where there are several numbers of them.
    pub title: String,
    /// Model and task.
    pub family: String,
    /// Training examples, where it is about one of several numbers of them.
    pub point: Option<u64>,
    /// What was asked.
    pub question: Question,
    /// What predictions were timed on.
    pub source: PredictSource,
    /// Whether any arm's settings were searched for.
    pub searched: bool,
    /// Most seeds that an arm was run with.
    pub seeds: usize,
    /// The one to take and why; `None` if nothing measured fits.
    pub choice: Option<(Scored, Basis)>,
    /// Where the choice is not the highest: its score minus that of the best of the others.
    pub choice_against: Option<AgainstBest>,
    /// Highest score among those that fit.
    pub best: Option<Scored>,
    /// The others that fit, the highest first.
    pub others: Vec<Alternative>,
    /// Baselines that no method is shown to be better than, against the best of the methods.
    pub unbeaten: Vec<Alternative>,
    /// Outside the limits.
    pub refused: Vec<Refused>,
    /// What else is to be known of the arms named: seeds beyond a limit, trials that failed, what was not compared.
    pub notes: Vec<String>,
}

/// Advice for every group of `run`; where labels are limited, of a label curve for the most that they allow.
pub fn recommend(run: &Run, question: &Question) -> Vec<Advice> {
    let summaries = summarise_with(run, question.margin);
    by_point::within_labels(recommend_from(run, &summaries, question))
}

/// As [`recommend`], with the summaries at hand and for the groups that are shown in full, at most `most`.
pub fn recommend_shown(
    run: &Run,
    summaries: &[GroupSummary],
    question: &Question,
    most: usize,
) -> Vec<Advice> {
    advise_on(run, summaries, question, &large::in_full(summaries, most))
}

/// As [`recommend`], with the summaries at hand.
pub(crate) fn recommend_from(
    run: &Run,
    summaries: &[GroupSummary],
    question: &Question,
) -> Vec<Advice> {
    advise_on(run, summaries, question, &vec![true; summaries.len()])
}

fn advise_on(
    run: &Run,
    summaries: &[GroupSummary],
    question: &Question,
    wanted: &[bool],
) -> Vec<Advice> {
    let groups = run.groups();
    let pairs = summaries.par_iter().zip(&groups).zip(wanted);
    let wanted = pairs.filter(|(_, wanted)| **wanted);
    wanted
        .map(|((summary, group), _)| advise(run, summary, group, question))
        .collect()
}

/// How each arm stands to the best of the others, where the summary has just what the decision would find again: all arms fit, all have all of
/// their answers, and margin and score are the same.
fn placed(
    summary: &GroupSummary,
    fits: &[&Case<'_>],
    question: &Question,
) -> Option<Vec<Option<AgainstBest>>> {
    let whole = |(case, arm): (&&Case<'_>, &ArmSummary)| {
        !case.answers.is_empty() && case.answers.seeds().len() == arm.finished
    };
    let alike = question.max_error.is_none()
        && question.margin == summary.margin
        && fits.len() == summary.arms.len()
        && fits.iter().zip(&summary.arms).all(whole);
    alike.then(|| summary.arms.iter().map(|arm| arm.against).collect())
}

fn advise(run: &Run, summary: &GroupSummary, group: &Group<'_>, question: &Question) -> Advice {
    let arms = summary.arms.iter().zip(&group.arms);
    let source = break_even::source(summary);
    let baselines = cases::baselines(run, summary);
    let cases: Vec<Case<'_>> = arms
        .zip(baselines)
        .filter_map(|((summary, arm), baseline)| {
            cases::case(summary, arm, baseline, question, source)
        })
        .collect();
    let (fits, out): (Vec<&Case<'_>>, Vec<&Case<'_>>) =
        cases.iter().partition(|case| case.reasons.is_empty());
    let candidates: Vec<Candidate> = fits.iter().map(|case| case.candidate()).collect();
    let decision = match placed(summary, &fits, question) {
        Some(placed) => decide_placed(&candidates, question.margin, placed),
        None => decide(&candidates, question.margin),
    };
    let choice = decision.as_ref().map(|decision| fits[decision.choice]);
    let mut advice = Advice {
        title: summary.title.clone(),
        family: summary.family.clone(),
        point: summary.point,
        question: *question,
        source,
        searched: summary.arms.iter().any(|arm| cost::is_searched(&arm.costs)),
        seeds: cases
            .iter()
            .map(|case| case.answers.seeds().len())
            .max()
            .unwrap_or(0),
        choice: None,
        choice_against: None,
        best: None,
        others: Vec::new(),
        unbeaten: Vec::new(),
        refused: out
            .iter()
            .map(|case| refused(case, choice, question))
            .collect(),
        notes: Vec::new(),
    };
    if let (Some(decision), Some(choice)) = (&decision, choice) {
        advice.best = Some(fits[decision.best].scored.clone());
        advice.choice_against =
            decision.against[decision.choice].filter(|_| decision.choice != decision.best);
        advice.choice = Some((choice.scored.clone(), basis(decision, fits.len())));
        advice.others = others(&fits, decision, question.cost);
        let unbeaten = decision.unbeaten.iter();
        advice.unbeaten = unbeaten
            .map(|(at, against)| fits[*at].alternative(*against, Some(choice), question.cost))
            .collect();
        advice.notes = notes::of_candidates(&fits, decision, question);
    }
    advice.notes.extend(notes::of_unfinished(summary));
    advice
}

fn basis(decision: &Decision, candidates: usize) -> Basis {
    if decision.choice != decision.best {
        Basis::CheaperAndAsGood
    } else if candidates == 1 {
        Basis::Only
    } else if decision.unbeaten.is_empty() {
        Basis::HighestMean
    } else {
        Basis::BaselineUnbeaten
    }
}

fn others(fits: &[&Case<'_>], decision: &Decision, cost: Cost) -> Vec<Alternative> {
    let choice = fits[decision.choice];
    let rest = (0..fits.len()).filter(|at| *at != decision.choice);
    let mut others: Vec<Alternative> = rest
        .filter_map(|at| Some(fits[at].alternative(decision.against[at]?, Some(choice), cost)))
        .collect();
    others.sort_by(|a, b| b.scored.mean.total_cmp(&a.scored.mean));
    others
}

fn refused(case: &Case<'_>, choice: Option<&Case<'_>>, question: &Question) -> Refused {
    // With an error to keep to, what an arm scores is known for those that keep to it only.
    let comparable = question.max_error.is_none() || case.scored.error.is_some();
    let above = choice.is_none_or(|choice| case.scored.mean > choice.scored.mean);
    let gain = (comparable && above).then(|| {
        let pair = [case.answers.clone(), choice?.answers.clone()];
        let known = pair.iter().all(|answers| !answers.is_empty());
        known
            .then(|| against_best(&pair, question.margin)[0])
            .flatten()
    });
    Refused {
        label: case.scored.label.clone(),
        reasons: case.reasons.clone(),
        accuracy: case.summary.accuracy.map_or(0.0, |accuracy| accuracy.mean),
        gain,
    }
}
