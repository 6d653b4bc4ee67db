//! The same arms in two runs: the difference of each, with the variance between seeds moderated over all of them.
//!
//! Three seeds say little about the variance between seeds; the arms of a comparison say it together ([`Prior`]), each keeping its own where
//! that is larger.

use super::compare::{of_pair, paired, unpaired};
use super::pair::MeanSquares;
use super::seeds::Prior;
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
        .map(|arm| {
            paired(arm.second.answers, arm.first.answers).filter(|_| arm.same_rows)
        })
        .collect();
    let pairs = || arms.iter().zip(&squares);
    let difference = |(arm, own): (&InBoth<'_>, &Option<MeanSquares>)| match own {
        None => unpaired(arm.second.estimate, arm.first.estimate),
        Some(own) if varies(arm, own) => of_pair(own, prior(pairs(), own.seed_count)),
        Some(own) => of_pair(own, Prior::NONE),
    };
    pairs().map(difference).collect()
}

/// Whether seeds can change the difference. Where an arm answers alike under all of them, or as in the other run, they cannot.
fn varies(arm: &InBoth<'_>, squares: &MeanSquares) -> bool {
    let by_seed = squares.seeds + squares.error > 0.0;
    by_seed && arm.first.answers.varies() && arm.second.answers.varies()
}

/// What the arms with as many seeds say about the variance between seeds of any of them.
fn prior<'a>(
    pairs: impl Iterator<Item = (&'a InBoth<'a>, &'a Option<MeanSquares>)>,
    seeds: usize,
) -> Prior {
    let of_seeds: Vec<f64> = pairs
        .filter_map(|(arm, squares)| Some((arm, squares.as_ref()?)))
        .filter(|(arm, squares)| squares.seed_count == seeds && varies(arm, squares))
        .map(|(_, squares)| squares.seeds)
        .collect();
    let df = (seeds - 1) as f64;
    // All that the other arms know: each is compared with its own like, so that no two share an arm.
    let at_most = (of_seeds.len() as f64 - 1.0) * df;
    Prior::of(&of_seeds, df, at_most)
}
