//! The same arms in two runs: the difference of each, with the variance between seeds moderated over all of them.
//!
//! Three seeds say little about the variance between seeds; the arms of a comparison say it together ([`Prior`]), each keeping its own where
//! that is larger.

use super::compare::{of_squares, shared, unpaired};
use super::pair::MeanSquares;
use super::seeds::{Prior, Variance};
use super::{Answers, Difference, Estimate};

/// An arm in one of the runs: its answers, and the estimate that is compared where they are not paired.
#[derive(Clone, Copy, Debug)]
pub struct InRun<'a> {
    /// Right or wrong by seed and row.
    pub answers: &'a Answers,
    /// Accuracy.
    pub estimate: &'a Estimate,
}

/// An arm in two runs.
#[derive(Clone, Copy, Debug)]
pub struct InBoth<'a> {
    /// In the first run.
    pub first: InRun<'a>,
    /// In the second.
    pub second: InRun<'a>,
    /// Whether the same row number is the same test example in both; if not, nothing is paired.
    pub same_rows: bool,
}

/// `second - first` of every arm of a group, in order.
pub fn differences(arms: &[InBoth<'_>]) -> Vec<Difference> {
    let squares: Vec<Option<MeanSquares>> = arms
        .iter()
        .map(|arm| shared(arm.second.answers, arm.first.answers).filter(|_| arm.same_rows))
        .collect();
    let pairs = || arms.iter().zip(&squares);
    let prior = prior(pairs().filter_map(|(arm, own)| varying(arm, own.as_ref()?)));
    let difference = |(arm, own): (&InBoth<'_>, &Option<MeanSquares>)| match own {
        None => unpaired(arm.second.estimate, arm.first.estimate),
        Some(own) if varying(arm, own).is_some() => of_squares(*own, prior),
        Some(own) => of_squares(*own, Prior::NONE),
    };
    pairs().map(difference).collect()
}

/// The variance between seeds of a difference that seeds can change. Where an arm answers alike under all of them, or as in the other run, they
/// cannot.
fn varying(arm: &InBoth<'_>, own: &MeanSquares) -> Option<Variance> {
    let by_seed = own.seed_count > 1 && own.seeds + own.error > 0.0;
    let both = arm.first.answers.varies() && arm.second.answers.varies();
    (by_seed && both).then_some(Variance {
        value: own.seeds,
        df: own.seed_count as f64 - 1.0,
    })
}

/// What the arms say about the variance between seeds of any of them.
fn prior(varying: impl Iterator<Item = Variance>) -> Prior {
    let all: Vec<Variance> = varying.collect();
    let mean_df = all.iter().map(|own| own.df).sum::<f64>() / all.len().max(1) as f64;
    // All that the others know: each arm is compared with its own like, so that no two differences share an arm.
    Prior::of(&all, (all.len() as f64 - 1.0) * mean_df)
}
