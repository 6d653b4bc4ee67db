//! The rounds of a search, and what it costs in trainings and epochs before it is made: the same for every method.

use super::{MOST_WIDENINGS, SEEDS, SearchKind};
use std::num::NonZeroUsize;

/// What a search costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchCost {
    /// Trainings, every seed counted.
    pub trainings: usize,
    /// Epochs of all of them.
    pub epochs: usize,
    /// Trainings where the range is widened as often as it can be.
    pub most_trainings: usize,
    /// Epochs then.
    pub most_epochs: usize,
}

/// What `--tune n` costs a method at `epochs` epochs by successive halving. With rungs of E/4, E/2 and E epochs (rounded up, equal ones once)
/// and n, ⌈n/2⌉ and ⌈n/4⌉ candidates it is 2 Σ cᵢ rᵢ epochs: 1.5 n full trainings where 4 divides n and E. Up to three widenings
/// of the range add two trainings each, of E epochs at most.
pub fn search_cost(n: usize, epochs: NonZeroUsize) -> SearchCost {
    SearchKind::Halving.cost(n, epochs)
}

impl SearchKind {
    /// What a search for `n` candidates costs at `epochs` epochs.
    pub fn cost(self, n: usize, epochs: NonZeroUsize) -> SearchCost {
        if n == 0 {
            return SearchCost::default();
        }
        let (rounds, widenings): (Vec<(usize, usize)>, usize) = match self {
            Self::Random => (vec![(n, epochs.get())], 0),
            Self::Halving => {
                let candidates = std::iter::successors(Some(n), |n| Some(better_half(*n)));
                let rounds = candidates
                    .zip(rungs(epochs))
                    .map(|(n, rung)| (n, rung.get()));
                (rounds.collect(), if n > 1 { MOST_WIDENINGS } else { 0 })
            }
        };
        let trainings = SEEDS * rounds.iter().map(|(n, _)| n).sum::<usize>();
        let all = SEEDS * rounds.iter().map(|(n, rung)| n * rung).sum::<usize>();
        SearchCost {
            trainings,
            epochs: all,
            most_trainings: trainings + SEEDS * widenings,
            most_epochs: all + SEEDS * widenings * epochs.get(),
        }
    }
}

/// Epochs of the rounds: a quarter, half, and all of them, rounded up; equal ones once.
pub(super) fn rungs(epochs: NonZeroUsize) -> Vec<NonZeroUsize> {
    let mut rungs: Vec<NonZeroUsize> = [4, 2, 1]
        .iter()
        .filter_map(|share| NonZeroUsize::new(epochs.get().div_ceil(*share)))
        .collect();
    rungs.dedup();
    rungs
}

/// How many of so many candidates go on.
pub(super) fn better_half(candidates: usize) -> usize {
    candidates.div_ceil(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(n: usize) -> NonZeroUsize {
        NonZeroUsize::new(n).unwrap()
    }

    #[test]
    fn rungs_are_distinct_and_at_least_one_epoch() {
        let of = |epochs| rungs(n(epochs)).iter().map(|r| r.get()).collect::<Vec<_>>();
        assert_eq!(of(1), [1]);
        assert_eq!(of(2), [1, 2]);
        assert_eq!(of(3), [1, 2, 3]);
        assert_eq!(of(5), [2, 3, 5]);
        assert_eq!(of(8), [2, 4, 8]);
    }

    #[test]
    fn a_search_costs_one_and_a_half_full_trainings_a_candidate() {
        let cost = search_cost(8, n(12));
        assert_eq!(cost.trainings, 2 * (8 + 4 + 2));
        assert_eq!(cost.epochs * 2, 3 * 8 * 12);
        assert_eq!(cost.most_trainings, cost.trainings + 6);
        assert_eq!(cost.most_epochs, cost.epochs + 6 * 12);
        assert_eq!(search_cost(0, n(12)), SearchCost::default());
        // One candidate has nothing to be halved or widened, and three numbers of epochs.
        let one = search_cost(1, n(4));
        assert_eq!((one.trainings, one.epochs, one.most_epochs), (6, 14, 14));
        assert_eq!(SearchKind::Random.cost(6, n(4)).epochs, 48);
    }
}
