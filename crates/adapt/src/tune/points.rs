//! The values that a search tries.
//!
//! Evenly: the first range (the learning rate) is covered by N evenly spaced values, ends included; further ranges follow the van der
//! Corput sequences of the bases 2, 3, 5, .. (Halton 1960). At random: independent draws from every range.

use crate::{Edge, Scale, SearchRange};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The `i`th of `n` evenly spaced points in the ranges.
pub(super) fn evenly(ranges: &[SearchRange], i: usize, n: usize) -> Vec<f64> {
    const BASES: [usize; 6] = [2, 3, 5, 7, 11, 13];
    let share = |dimension: usize| match (dimension, n) {
        (0, 1) => 0.5,
        (0, _) => i as f64 / (n - 1) as f64,
        (d, _) => van_der_corput(i + 1, BASES[(d - 1) % BASES.len()]),
    };
    let ranges = ranges.iter().enumerate();
    ranges.map(|(d, range)| at(range, share(d))).collect()
}

/// The `i`th random point in the ranges: of equal seeds the same shares of every range, so that no method has a luckier draw than another.
pub(super) fn at_random(ranges: &[SearchRange], i: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(i as u64);
    let shares = ranges.iter().map(|range| at(range, rng.random::<f64>()));
    shares.collect()
}

/// The value one step beyond `value`, of the steps between `n` evenly spaced ones.
pub(super) fn beyond(range: &SearchRange, value: f64, edge: Edge, n: usize) -> f64 {
    let share = 1.0 / (n - 1) as f64;
    let step = match edge {
        Edge::Low => -share,
        Edge::High => share,
    };
    match range.scale {
        Scale::Linear => value + step * (range.high - range.low),
        Scale::Log => value * (range.high / range.low).powf(step),
    }
}

/// Whether two values are one but for rounding.
pub(super) fn is_same(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

fn at(range: &SearchRange, share: f64) -> f64 {
    match range.scale {
        Scale::Linear => range.low + share * (range.high - range.low),
        Scale::Log => (range.low.ln() + share * (range.high.ln() - range.low.ln())).exp(),
    }
}

/// The digits of `i` in `base`, mirrored at the point.
fn van_der_corput(mut i: usize, base: usize) -> f64 {
    let (mut value, mut place) = (0.0, 1.0);
    while i > 0 {
        place /= base as f64;
        value += place * (i % base) as f64;
        i /= base;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGES: [SearchRange; 2] = [
        SearchRange {
            setting: "learning_rate",
            low: 1e-5,
            high: 1e-2,
            scale: Scale::Log,
        },
        SearchRange {
            setting: "dropout",
            low: 0.0,
            high: 0.4,
            scale: Scale::Linear,
        },
    ];

    #[test]
    fn the_learning_rates_are_evenly_spaced_in_the_logarithm_and_include_both_ends() {
        let points: Vec<Vec<f64>> = (0..4).map(|i| evenly(&RANGES, i, 4)).collect();
        for (found, expected) in
            points
                .iter()
                .zip([(1e-5, 0.2), (1e-4, 0.1), (1e-3, 0.3), (1e-2, 0.05)])
        {
            assert!((found[0] / expected.0 - 1.0).abs() < 1e-9, "{points:?}");
            assert!((found[1] - expected.1).abs() < 1e-9, "{points:?}");
        }
    }

    #[test]
    fn beyond_an_end_the_steps_are_those_of_the_grid() {
        let close = |found: f64, expected: f64| assert!(is_same(found, expected), "{found}");
        close(beyond(&RANGES[0], 1e-2, Edge::High, 4), 1e-1);
        close(beyond(&RANGES[0], 1e-5, Edge::Low, 4), 1e-6);
        close(beyond(&RANGES[1], 0.4, Edge::High, 3), 0.6);
    }

    #[test]
    fn random_points_are_within_the_ranges_and_spread_over_the_logarithm() {
        let points: Vec<Vec<f64>> = (0..400).map(|i| at_random(&RANGES, i, 7)).collect();
        assert!(points.iter().all(|p| (1e-5..=1e-2).contains(&p[0])));
        assert!(points.iter().all(|p| (0.0..=0.4).contains(&p[1])));
        let below = |value: f64| points.iter().filter(|p| p[0] < value).count();
        assert!((100..170).contains(&below(1e-4)), "{}", below(1e-4));
        assert!((230..300).contains(&below(1e-3)), "{}", below(1e-3));
        assert_eq!(points[3], at_random(&RANGES, 3, 7));
    }
}
