//! Class-balanced, seeded, nested draws: the first 100 of a seed are among its first 300.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::task::Split;

/// Draws `n` examples of `split`, or all where it has fewer.
///
/// Every class is shuffled, then one example is dealt from each class in turn (in an order shuffled each turn) until `n` are dealt;
/// classes that run out are passed over. So class counts differ by at most one while every class has examples left,
/// and a draw is the start of every larger draw of the same seed.
///
/// # Panics
/// If a label is not below `classes`.
pub fn few_shot(split: &Split, n: usize, classes: usize, seed: u64) -> Split {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut decks: Vec<Vec<usize>> = vec![Vec::new(); classes];
    for (index, example) in split.iter().enumerate() {
        decks[example.label].push(index);
    }
    for deck in &mut decks {
        deck.shuffle(&mut rng);
    }
    let mut drawn = Vec::with_capacity(split.len());
    while drawn.len() < split.len() {
        let mut turn: Vec<usize> = decks.iter_mut().filter_map(Vec::pop).collect();
        turn.shuffle(&mut rng);
        drawn.extend(turn);
    }
    drawn.truncate(n);
    Split {
        examples: drawn
            .into_iter()
            .map(|index| split.examples[index].clone())
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Example;
    use proptest::prelude::*;
    use std::collections::HashSet;

    fn split(labels: &[usize]) -> Split {
        let examples = labels.iter().enumerate().map(|(row, &label)| Example {
            row: row as u64,
            text: format!("text {row}"),
            second: None,
            label,
        });
        Split {
            examples: examples.collect(),
        }
    }

    fn rows(split: &Split) -> Vec<u64> {
        split.iter().map(|example| example.row).collect()
    }

    proptest! {
        #[test]
        fn draws_are_nested_balanced_and_without_repeats(
            labels in prop::collection::vec(0_usize..5, 1..120), small in 0_usize..130, more in 0_usize..130, seed in any::<u64>(),
        ) {
            let all = split(&labels);
            let available = all.class_counts(5);
            let few = few_shot(&all, small, 5, seed);
            let many = few_shot(&all, small + more, 5, seed);
            prop_assert_eq!(few.len(), small.min(labels.len()));
            prop_assert_eq!(&rows(&many)[..few.len()], &rows(&few)[..]);
            prop_assert_eq!(rows(&many).iter().collect::<HashSet<_>>().len(), many.len());
            let counts = few.class_counts(5);
            let largest = counts.iter().max().copied().unwrap_or(0);
            for (count, available) in counts.iter().zip(&available) {
                prop_assert!(count == available || count + 1 >= largest, "{counts:?} of {available:?}");
            }
        }
    }

    #[test]
    fn another_seed_draws_other_examples() {
        let all = split(&[0, 1, 2].repeat(50));
        let drawn = |seed| {
            let mut rows = rows(&few_shot(&all, 9, 3, seed));
            rows.sort_unstable(); // not only another order
            rows
        };
        assert_eq!(drawn(4), drawn(4));
        assert_ne!(drawn(4), drawn(5));
    }

    #[test]
    fn draws_stay_what_they_were_in_earlier_releases() {
        let all = split(&[0, 1, 2, 1].repeat(25));
        assert_eq!(rows(&few_shot(&all, 6, 3, 4)), [18, 59, 76, 77, 84, 66]);
    }

    #[test]
    fn a_rare_class_gives_all_it_has_and_the_others_fill_up() {
        let all = split(&[0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2]);
        assert_eq!(few_shot(&all, 9, 3, 7).class_counts(3), [4, 1, 4]);
    }
}
