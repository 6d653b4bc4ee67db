//! Batches of texts of similar length, so that little of a batch is padding.
//!
//! Training: lengths are sorted only within random pools of batches, as `get_length_grouped_indices` of `transformers` does,
//! so that batches change their company every epoch. Evaluation: sorted throughout, longest first, so that a batch that does not fit
//! in memory fails at once.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use std::cmp::Reverse;

/// Most batches sorted by length together.
const POOL_BATCHES: usize = 50;

/// Cuts `0..lengths.len()` into batches of `batch` (one may be smaller) of similar lengths, in random order.
///
/// The same lengths, `batch`, `seed` and `epoch` give the same batches; every index is in exactly one.
///
/// # Panics
/// If `batch` is 0.
pub fn batches_by_length(
    lengths: &[usize],
    batch: usize,
    seed: u64,
    epoch: u64,
) -> Vec<Vec<usize>> {
    assert!(batch > 0, "a batch holds at least one example");
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch);
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.shuffle(&mut rng);
    // A quarter of the data at most, so that small data sets are not simply sorted.
    let pool_batches = (lengths.len() / (4 * batch)).clamp(1, POOL_BATCHES);
    for pool in order.chunks_mut(pool_batches * batch) {
        pool.sort_by_key(|&index| Reverse(lengths[index])); // stable: ties stay shuffled
    }
    let mut batches: Vec<Vec<usize>> = order.chunks(batch).map(<[usize]>::to_vec).collect();
    batches.shuffle(&mut rng);
    batches
}

/// Cuts `0..lengths.len()` into batches of `batch` (the last may be smaller), longest first; ties keep their order.
///
/// # Panics
/// If `batch` is 0.
pub fn batches_sorted(lengths: &[usize], batch: usize) -> Vec<Vec<usize>> {
    assert!(batch > 0, "a batch holds at least one example");
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&index| Reverse(lengths[index]));
    order.chunks(batch).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Tokens computed when every batch is padded to its longest.
    fn padded_tokens(lengths: &[usize], batches: &[Vec<usize>]) -> usize {
        let longest = |batch: &Vec<usize>| batch.iter().map(|&i| lengths[i]).max().unwrap_or(0);
        batches.iter().map(|b| b.len() * longest(b)).sum()
    }

    /// Lengths with a long tail, as texts have.
    fn uneven_lengths(n: usize) -> Vec<usize> {
        (0..n)
            .map(|i| 5 + (i * 7919) % 23 * ((i * 31) % 11))
            .collect()
    }

    proptest! {
        #[test]
        fn every_index_is_in_exactly_one_batch(
            lengths in prop::collection::vec(0_usize..60, 0..400), batch in 1_usize..20, seed in any::<u64>(), epoch in 0_u64..9,
        ) {
            for batches in [batches_by_length(&lengths, batch, seed, epoch), batches_sorted(&lengths, batch)] {
                let mut all = batches.concat();
                all.sort_unstable();
                prop_assert_eq!(all, (0..lengths.len()).collect::<Vec<_>>());
                prop_assert!(batches.iter().filter(|b| b.len() != batch).count() <= 1);
                prop_assert!(batches.iter().all(|b| !b.is_empty() && b.len() <= batch));
            }
        }
    }

    #[test]
    fn the_same_seed_repeats_and_another_epoch_or_seed_does_not() {
        let lengths = uneven_lengths(200);
        let batches = batches_by_length(&lengths, 7, 3, 1);
        assert_eq!(batches, batches_by_length(&lengths, 7, 3, 1));
        assert_ne!(batches, batches_by_length(&lengths, 7, 3, 2));
        assert_ne!(batches, batches_by_length(&lengths, 7, 4, 1));
        let company = |batches: Vec<Vec<usize>>| {
            let mine = batches.into_iter().find(|batch| batch.contains(&5));
            let mut mine = mine.expect("index 5 is in a batch");
            mine.sort_unstable();
            mine
        };
        assert_ne!(
            company(batches),
            company(batches_by_length(&lengths, 7, 3, 2)),
            "epochs change the company of an example, not only the order of batches"
        );
    }

    #[test]
    fn bucketing_computes_fewer_padded_tokens() {
        let lengths = uneven_lengths(2000);
        let in_order: Vec<Vec<usize>> = (0..2000)
            .collect::<Vec<_>>()
            .chunks(16)
            .map(<[usize]>::to_vec)
            .collect();
        let tokens: usize = lengths.iter().sum();
        let unbucketed = padded_tokens(&lengths, &in_order);
        let bucketed = padded_tokens(&lengths, &batches_by_length(&lengths, 16, 1, 0));
        let sorted = padded_tokens(&lengths, &batches_sorted(&lengths, 16));
        assert!(unbucketed > 2 * tokens, "{unbucketed} of {tokens}");
        assert!(bucketed < tokens + tokens / 7, "{bucketed} of {tokens}");
        assert!(sorted <= bucketed, "{sorted} of {tokens}");
    }

    #[test]
    fn evaluation_starts_with_the_longest() {
        assert_eq!(
            batches_sorted(&[3, 9, 4, 9, 1], 2),
            [vec![1, 3], vec![2, 0], vec![4]]
        );
    }
}
