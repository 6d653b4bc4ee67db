//! The declared rule for a missing validation file.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::task::Split;

/// Share of train that a missing validation split is drawn from.
pub(crate) const VALIDATION_SHARE: f64 = 0.15;
/// Seed of that draw. Fixed, so that the split belongs to the task and not to a trial.
pub(crate) const VALIDATION_SEED: u64 = 13;

/// Moves 15 % of `train` (at least one example) to a validation split: stratified, each class keeping at least one example in train.
/// Texts that occur more than once stay in train, so that none is on both sides. Both splits keep the order of the file.
/// Empty where no class has an example to spare.
pub(crate) fn draw_validation(train: &mut Split, classes: usize) -> Split {
    let mut times: HashMap<(&str, Option<&str>), usize> = HashMap::new();
    for text in train.texts() {
        *times.entry(text).or_default() += 1;
    }
    let mut spare: Vec<Vec<usize>> = vec![Vec::new(); classes];
    for (index, (example, text)) in train.iter().zip(train.texts()).enumerate() {
        if times[&text] == 1 {
            spare[example.label].push(index);
        }
    }
    let counts = train.class_counts(classes);
    let quota = quotas(&counts, &spare.iter().map(Vec::len).collect::<Vec<_>>());
    let mut rng = ChaCha8Rng::seed_from_u64(VALIDATION_SEED);
    let mut drawn = vec![false; train.len()];
    for (deck, quota) in spare.iter_mut().zip(quota) {
        deck.shuffle(&mut rng);
        for &index in &deck[..quota] {
            drawn[index] = true;
        }
    }
    let (validation, rest) = std::mem::take(&mut train.examples)
        .into_iter()
        .zip(drawn)
        .partition::<Vec<_>, _>(|(_, drawn)| *drawn);
    let undecorated = |examples: Vec<_>| examples.into_iter().map(|(example, _)| example).collect();
    train.examples = undecorated(rest);
    Split {
        examples: undecorated(validation),
    }
}

/// How many of each class to draw: the share of its count rounded down, then one more by largest remainder until the total is met.
/// Never the last example of a class, never more than are to spare.
fn quotas(counts: &[usize], spare: &[usize]) -> Vec<usize> {
    let limit = |class: usize| spare[class].min(counts[class].saturating_sub(1));
    let total = counts.iter().sum::<usize>() as f64 * VALIDATION_SHARE;
    let total = (total.round() as usize).max(1);
    let ideal: Vec<f64> = counts
        .iter()
        .map(|&count| count as f64 * VALIDATION_SHARE)
        .collect();
    let mut quota: Vec<usize> = (0..counts.len())
        .map(|class| (ideal[class] as usize).min(limit(class)))
        .collect();
    while quota.iter().sum::<usize>() < total {
        let owed = |class: &usize| ideal[*class] - quota[*class] as f64;
        let open = (0..counts.len()).filter(|&class| quota[class] < limit(class));
        let Some(next) = open.max_by(|a, b| owed(a).total_cmp(&owed(b)).then(b.cmp(a))) else {
            break;
        };
        quota[next] += 1;
    }
    quota
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Example;

    fn train(labels: &[usize]) -> Split {
        let example = |(row, &label): (usize, &usize)| Example {
            row: row as u64,
            text: format!("text {row}"),
            second: None,
            label,
        };
        Split {
            examples: labels.iter().enumerate().map(example).collect(),
        }
    }

    #[test]
    fn fifteen_percent_is_drawn_from_every_class_alike() {
        let mut rest = train(&[[0].repeat(600), [1].repeat(300), [2].repeat(101)].concat());
        let drawn = draw_validation(&mut rest, 3);
        assert_eq!(drawn.class_counts(3), [90, 45, 15]);
        assert_eq!(rest.class_counts(3), [510, 255, 86]);
        let rows: Vec<u64> = drawn.iter().map(|example| example.row).collect();
        assert!(rows.is_sorted() && rest.iter().map(|example| example.row).is_sorted());
        assert!(rest.iter().all(|example| !rows.contains(&example.row)));
        assert!(
            rows[..90] != (0..90).collect::<Vec<u64>>(),
            "drawn, not cut off"
        );
    }

    #[test]
    fn many_small_classes_still_give_fifteen_percent() {
        let labels: Vec<usize> = (0..40).flat_map(|class| [class; 3]).collect();
        let mut rest = train(&labels);
        let drawn = draw_validation(&mut rest, 40); // 0.45 of each class, 18 in all
        assert_eq!(drawn.len(), 18);
        assert!(drawn.class_counts(40).iter().all(|count| *count <= 1));
    }

    #[test]
    fn the_last_example_of_a_class_and_repeated_texts_stay_in_train() {
        let mut rest = train(&[0, 1, 1]);
        assert_eq!(draw_validation(&mut rest, 2).class_counts(2), [0, 1]);
        assert_eq!(rest.class_counts(2), [1, 1]);
        let mut repeated = train(&[0, 1, 1]);
        repeated.examples[2].text = repeated.examples[1].text.clone();
        assert!(draw_validation(&mut repeated, 2).is_empty());
        assert_eq!(repeated.len(), 3);
    }
}
