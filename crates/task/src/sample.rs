//! A smaller validation or test split: the same for every method and seed.

use crate::task::Split;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// `n` examples of `split` drawn uniformly, in the order of the file, or all where it has fewer. Not balanced by class: what is measured on
/// the sample is an unbiased estimate of what would be measured on the whole.
pub fn sample(split: &Split, n: usize, seed: u64) -> Split {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut rows = rand::seq::index::sample(&mut rng, split.len(), n.min(split.len())).into_vec();
    rows.sort_unstable();
    Split {
        examples: rows
            .into_iter()
            .map(|row| split.examples[row].clone())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Example;

    #[test]
    fn a_sample_keeps_the_order_and_the_rows_of_the_file() {
        let examples = (0..50).map(|row| Example {
            row,
            text: format!("text {row}"),
            second: None,
            label: (row % 3) as usize,
        });
        let split = Split {
            examples: examples.collect(),
        };
        let rows =
            |n, seed| -> Vec<u64> { sample(&split, n, seed).iter().map(|e| e.row).collect() };
        let drawn = rows(17, 4);
        assert_eq!(drawn.len(), 17);
        assert!(drawn.is_sorted_by(|a, b| a < b), "{drawn:?}");
        assert_eq!(drawn, rows(17, 4));
        assert_ne!(drawn, rows(17, 5));
        assert_eq!(rows(80, 4), (0..50).collect::<Vec<u64>>());
    }
}
