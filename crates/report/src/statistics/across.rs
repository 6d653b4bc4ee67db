//! The same arms in two runs: the difference of each, with the variance between seeds moderated over all of them.
//!
//! Of the differences by seed and test row, Var(mean) = (MS* + max(MS_R - MS_E, 0)) / (S·R), where MS* is the mean square between seeds after
//! the group had its say ([`Prior`]) or the arm's own where that is larger: it is never dropped, however small three seeds happen to make it.

use super::compare::{by_mcnemar, unpaired};
use super::pair::MeanSquares;
use super::seeds::{Prior, Variance};
use super::{Answers, Difference, Estimate, Evidence, Interval, critical, two_sided};

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
    let squares: Vec<Option<MeanSquares>> = arms.iter().map(paired).collect();
    let pairs = || arms.iter().zip(&squares);
    pairs()
        .map(|(arm, own)| match own {
            None => unpaired(arm.second.estimate, arm.first.estimate),
            Some(own) if own.seed_count == 1 => by_mcnemar(own),
            Some(own) => {
                let prior = if varies(arm, own) {
                    prior(pairs(), own.seed_count)
                } else {
                    Prior::NONE
                };
                by_seeds_and_rows(own, prior)
            }
        })
        .collect()
}

fn paired(arm: &InBoth<'_>) -> Option<MeanSquares> {
    let squares = MeanSquares::of(arm.second.answers, arm.first.answers);
    (arm.same_rows && squares.seed_count > 0 && squares.row_count > 1).then_some(squares)
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

fn by_seeds_and_rows(own: &MeanSquares, prior: Prior) -> Difference {
    let (s, r) = (own.seed_count as f64, own.row_count as f64);
    let seeds = prior.moderate(Variance {
        value: own.seeds,
        df: s - 1.0,
    });
    let sum = seeds.value + own.beyond_error();
    if sum <= 0.0 {
        // The same difference everywhere: seeds add nothing, the rows of one of them decide.
        return by_mcnemar(own);
    }
    let of_seeds = seeds.value * seeds.value / seeds.df;
    let df = if of_seeds > 0.0 {
        (sum * sum / of_seeds).min(r - 1.0)
    } else {
        r - 1.0
    };
    let error = (sum / (s * r)).sqrt();
    let half = critical(df) * error;
    Difference {
        mean: own.mean,
        interval: Interval {
            low: (own.mean - half).max(-1.0),
            high: (own.mean + half).min(1.0),
        },
        p_value: two_sided(own.mean / error, df),
        evidence: Evidence::Paired {
            seeds: own.seed_count,
            rows: own.row_count,
        },
    }
}
