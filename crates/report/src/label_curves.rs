//! How accuracy grows with labels: the points of a model and task that a run measured with several numbers of training examples, where ways of adapting
//! overtake each other, and what the next doubling is worth.
//!
//! The labels of the validation split are labels too. They are the same at every point, and are stated beside the training examples.

mod leading;
mod sentences;
mod tables;
mod text;

use leading::best_by_point;
pub(crate) use leading::told_pairs;
pub(crate) use sentences::crossing_sentence;
use sentences::sentences;
pub(crate) use tables::{crossings_csv, label_curves_csv};
pub(crate) use text::{page_section, readme, summary_md, terminal};

use crate::names;
use crate::run::{Arm, Group, Run};
use crate::statistics::{self, Answers, Course, Estimate, Growth, Overtaking, Standing, Variance};
use crate::summary::GroupSummary;
use rayon::prelude::*;
use record::TrialSpec;

/// The label curves of one model and task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelCurves {
    /// Model as given.
    pub model: String,
    /// Task as given.
    pub task: String,
    /// Model and task as titles.
    pub title: String,
    /// What its files start with.
    pub slug: String,
    /// Training examples of each point, rising.
    pub points: Vec<u64>,
    /// Validation examples, labels besides; `None` where the records do not tell or the points differ.
    pub validation: Option<u64>,
    /// Most seeds that an arm was run with at a point.
    pub seeds: usize,
    /// How much less accurate than the best still counts as good, as a share.
    pub margin: f64,
    /// Ways of adapting, in display order.
    pub arms: Vec<ArmCurve>,
    /// Every two of them that share points, the first before the second in that order.
    pub pairs: Vec<PairCurve>,
}

/// One way of adapting.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArmCurve {
    /// Name in tables and charts.
    pub label: String,
    /// Method.
    pub method: String,
    /// Variant.
    pub variant: String,
    /// Device.
    pub device: String,
    /// What kind of method it is, as the registry had it.
    pub level: Option<String>,
    /// Its accuracies, where it has one.
    pub points: Vec<ArmPoint>,
    /// What the next doubling is worth.
    pub growth: Option<Growth>,
}

/// An accuracy at a number of labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArmPoint {
    /// Training examples.
    pub labels: u64,
    /// Accuracy and interval.
    pub accuracy: Estimate,
    /// Place among the others at this point.
    pub standing: Standing,
}

/// Two ways of adapting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairCurve {
    /// Place of the first.
    pub first: usize,
    /// Place of the second.
    pub second: usize,
    /// Fewest and most training examples at which both were measured.
    pub range: (u64, u64),
    /// How they change places.
    pub found: Overtaking,
}

/// The curves of every model and task with several points, in the order of the groups; `summaries` are those of the run's groups.
pub fn label_curves(run: &Run, summaries: &[GroupSummary]) -> Vec<LabelCurves> {
    let groups = run.groups();
    let members: Vec<(&Group<'_>, &GroupSummary)> = groups.iter().zip(summaries).collect();
    let families: Vec<&[(&Group<'_>, &GroupSummary)]> = members
        .chunk_by(|a, b| a.0.is_kin_of(b.0))
        .filter(|family| family.len() > 1)
        .collect();
    let titles: Vec<(String, String)> = families
        .iter()
        .map(|family| {
            (
                family[0].0.model_name.clone(),
                family[0].0.task_name.clone(),
            )
        })
        .collect();
    let slugs = names::slugs(&titles);
    let pairs = families.into_iter().zip(slugs);
    pairs
        .map(|(family, slug)| of_family(run, family, slug))
        .collect()
}

/// An arm at each point of its family: its place in that group, `None` where it is not there.
struct Followed<'a> {
    arm: &'a Arm<'a>,
    places: Vec<Option<usize>>,
}

fn of_family(run: &Run, family: &[(&Group<'_>, &GroupSummary)], slug: String) -> LabelCurves {
    let followed = follow(family);
    let answers: Vec<Vec<Answers>> = family
        .iter()
        .map(|(group, summary)| whole_answers(group, summary))
        .collect();
    let (group, summary) = family[0];
    let points: Vec<u64> = family
        .iter()
        .map(|(group, _)| group.point.unwrap_or(0))
        .collect();
    let arms: Vec<ArmCurve> = followed
        .par_iter()
        .map(|arm| {
            let growth = Course::of_arm(&measured(arm, &points, &answers));
            ArmCurve {
                growth: growth.as_ref().and_then(Growth::of),
                ..arm_curve(run, family, arm, &points)
            }
        })
        .collect();
    let of_arms = || family.iter().flat_map(|(_, summary)| &summary.arms);
    LabelCurves {
        model: summary.model.clone(),
        task: summary.task.clone(),
        title: group.family_title(),
        slug,
        validation: one_value(of_arms().filter_map(|arm| arm.n_validation)),
        seeds: of_arms().map(|arm| arm.finished).max().unwrap_or(0),
        margin: summary.margin,
        pairs: pairs(&followed, &points, &answers),
        arms,
        points,
    }
}

/// The value that all have.
fn one_value(mut values: impl Iterator<Item = u64>) -> Option<u64> {
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

/// The arms of a family, each by what it is but for the training examples.
fn follow<'a>(family: &[(&'a Group<'a>, &GroupSummary)]) -> Vec<Followed<'a>> {
    let mut found: Vec<Followed<'a>> = Vec::new();
    // The largest point names the order; what only smaller ones have comes behind.
    for (at, (group, _)) in family.iter().enumerate().rev() {
        for (place, arm) in group.arms.iter().enumerate() {
            let same = |other: &&mut Followed<'a>| is_same(spec(other.arm), spec(arm));
            match found.iter_mut().find(same) {
                Some(followed) => followed.places[at] = Some(place),
                None => {
                    let mut places = vec![None; family.len()];
                    places[at] = Some(place);
                    found.push(Followed { arm, places });
                }
            }
        }
    }
    found
}

fn spec<'a>(arm: &Arm<'a>) -> &'a TrialSpec {
    &arm.trials[0].record.spec
}

fn is_same(a: &TrialSpec, b: &TrialSpec) -> bool {
    let mut budget = b.budget.clone();
    budget.train_limit = a.budget.train_limit;
    (&a.method, &a.variant, &a.device, &a.config) == (&b.method, &b.variant, &b.device, &b.config)
        && a.budget == budget
}

/// Each arm's answers where all of its finished trials have theirs; what a mean says must be what is compared.
fn whole_answers(group: &Group<'_>, summary: &GroupSummary) -> Vec<Answers> {
    let arms = group.arms.iter().zip(&summary.arms);
    arms.map(|(arm, summary)| {
        let answers = arm.answers();
        if answers.seeds().len() == summary.finished {
            answers
        } else {
            Answers::default()
        }
    })
    .collect()
}

/// The points at which an arm has answers.
fn measured<'a>(
    arm: &Followed<'_>,
    points: &[u64],
    answers: &'a [Vec<Answers>],
) -> Vec<(f64, &'a Answers)> {
    let all = arm.places.iter().zip(points).zip(answers);
    all.filter_map(|((place, labels), answers)| {
        let own = &answers[(*place)?];
        (!own.is_empty()).then_some((*labels as f64, own))
    })
    .collect()
}

fn arm_curve(
    run: &Run,
    family: &[(&Group<'_>, &GroupSummary)],
    arm: &Followed<'_>,
    points: &[u64],
) -> ArmCurve {
    let spec = spec(arm.arm);
    let all = arm.places.iter().zip(family).zip(points);
    let point = |((place, (_, summary)), labels): (
        (&Option<usize>, &(&Group<'_>, &GroupSummary)),
        &u64,
    )| {
        let arm = &summary.arms[(*place)?];
        Some(ArmPoint {
            labels: *labels,
            accuracy: arm.accuracy?,
            standing: arm.standing,
        })
    };
    ArmCurve {
        label: arm.arm.label.clone(),
        method: spec.method.clone(),
        variant: spec.variant.clone(),
        device: spec.device.clone(),
        level: run.note(&spec.method).and_then(|note| note.level.clone()),
        points: all.filter_map(point).collect(),
        growth: None,
    }
}

fn pairs(arms: &[Followed<'_>], points: &[u64], answers: &[Vec<Answers>]) -> Vec<PairCurve> {
    // By point, the variance between seeds of every pair, moderated over the point's arms.
    let compared: Vec<_> = answers.iter().map(|arms| statistics::pairs(arms)).collect();
    let all = (0..arms.len()).flat_map(|first| (first + 1..arms.len()).map(move |k| (first, k)));
    let all: Vec<(usize, usize)> = all.collect();
    let pair = |(first, second): &(usize, usize)| {
        let (first, second) = (*first, *second);
        let mut shared: Vec<(f64, &Answers, &Answers)> = Vec::new();
        let mut moderated: Vec<Option<Variance>> = Vec::new();
        for (at, labels) in points.iter().enumerate() {
            let places = (arms[first].places[at], arms[second].places[at]);
            let (Some(a), Some(b)) = places else { continue };
            let (own, other) = (&answers[at][a], &answers[at][b]);
            if !own.is_empty() && !other.is_empty() {
                shared.push((*labels as f64, own, other));
                moderated.push(compared[at][a][b].and_then(|pair| pair.seed_variance));
            }
        }
        let course = Course::of_pair(&shared, &moderated);
        let found = course.as_ref().and_then(Overtaking::of)?;
        let ends = [shared.first(), shared.last()].map(|end| end.map_or(0, |end| end.0 as u64));
        Some(PairCurve {
            first,
            second,
            range: (ends[0], ends[1]),
            found,
        })
    };
    all.par_iter().filter_map(pair).collect()
}
