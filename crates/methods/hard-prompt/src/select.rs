//! The choice among written templates and sets of label words by their score on the validation split.

use adapt::{log_softmax, sub_seed};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// A candidate and what the validation split says of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Scored {
    pub(crate) template: usize,
    pub(crate) words: usize,
    pub(crate) accuracy: f64,
    pub(crate) loss: f64,
}

/// Every template with every set of words; where that is more than `budget`, the first and a seeded draw of the others.
pub(crate) fn candidates(
    templates: usize,
    sets: usize,
    budget: usize,
    seed: u64,
) -> Vec<(usize, usize)> {
    let mut all: Vec<(usize, usize)> = (0..templates)
        .flat_map(|template| (0..sets).map(move |words| (template, words)))
        .collect();
    if all.len() > budget {
        let mut rng = ChaCha8Rng::seed_from_u64(sub_seed(seed, "templates"));
        all[1..].shuffle(&mut rng);
        all.truncate(budget);
    }
    all
}

/// Whether accuracy and loss are better: accuracy first.
pub(crate) fn better((accuracy, loss): (f64, f64), than: (f64, f64)) -> bool {
    accuracy > than.0 || (accuracy == than.0 && loss < than.1)
}

/// Share of examples whose largest score is their label's (the first of equals), and mean negative log-likelihood among the classes.
pub(crate) fn accuracy_and_loss(scores: &[Vec<f32>], labels: &[usize]) -> (f64, f64) {
    let n = labels.len().max(1) as f64;
    let best = |row: &Vec<f32>| {
        (0..row.len()).fold(
            0,
            |best, class| if row[class] > row[best] { class } else { best },
        )
    };
    let right = scores
        .iter()
        .zip(labels)
        .filter(|(row, label)| best(row) == **label)
        .count() as f64;
    let loss: f64 = scores
        .iter()
        .zip(labels)
        .map(|(row, &label)| -log_softmax(row)[label])
        .sum();
    (right / n, loss / n)
}
