//! Simulated answers: right where a latent difficulty, of the row, of the arm on the row and of the seed on the row, is below what the arm can.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use report::statistics::{Answers, estimate};
use statrs::distribution::{ContinuousCDF, Normal};

/// Shares of the difficulty: of the row, of the arm on the row, of the seed on the row.
const WEIGHTS: [f64; 3] = [0.75, 0.35, 0.56];

fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (a, b): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
    (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
}

/// Answers of arms with these true accuracies and standard deviations between seeds.
pub(crate) fn answers(
    random: &mut ChaCha8Rng,
    arms: &[(f64, f64)],
    seeds: u64,
    rows: usize,
) -> Vec<Answers> {
    let hardness: Vec<f64> = (0..rows).map(|_| normal(random)).collect();
    let mut one = |accuracy: f64, sd: f64| {
        let own: Vec<f64> = (0..rows).map(|_| normal(random)).collect();
        let mut of_seed = |seed| {
            let rate = (accuracy + sd * normal(random)).clamp(0.01, 0.99);
            let threshold = Normal::standard().inverse_cdf(rate);
            let mut right = |(row, (hard, own)): (usize, (&f64, &f64))| {
                let x = WEIGHTS[0] * hard + WEIGHTS[1] * own + WEIGHTS[2] * normal(random);
                (row as u64, x < threshold)
            };
            let rows = hardness.iter().zip(&own).enumerate();
            (seed, rows.map(&mut right).collect())
        };
        Answers::new((0..seeds).map(&mut of_seed).collect::<Vec<_>>())
    };
    arms.iter()
        .map(|(accuracy, sd)| one(*accuracy, *sd))
        .collect()
}

/// Share right.
pub(crate) fn mean(answers: &Answers) -> f64 {
    estimate(answers).unwrap().mean
}
