//! What the next doubling of labels is worth, and whether such a forecast has held.
//!
//! The share of wrong answers falls with the labels about as a power of them, over a stretch of the curve and not over all of it (Hestness et al. 2017,
//! arXiv:1712.00409): `ln(error) = a - b ln(n)`, fitted by weighted least squares to the last three points, with the weights that their variances
//! give. Its next doubling is the forecast. The same fit to the points before the last one foretells that one, which was measured.

use super::course::quantile;
use super::{CONFIDENCE, Course, Interval, overtaking};

/// Points that a fit takes: the last ones.
const FITTED: usize = 3;

/// A forecast of the accuracy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Growth {
    /// Labels from which they are doubled, the most that were measured.
    pub from: f64,
    /// What the doubling adds to the accuracy, as a share.
    pub gain: f64,
    /// Its 95 % interval over seeds and test rows; what the form of the curve adds, it does not know.
    pub interval: Interval,
    /// The last point as foretold from those before; `None` with fewer than three points.
    pub check: Option<Check>,
}

/// A point foretold and measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Check {
    /// Labels of the last point that the fit saw.
    pub seen: f64,
    /// Accuracy that was foretold.
    pub foretold: f64,
    /// Accuracy that was measured.
    pub measured: f64,
    /// Measured less foretold, with the 95 % interval over seeds and test rows.
    pub off: (f64, Interval),
}

impl Check {
    /// Whether nothing shows that the forecast was off by more than `margin`.
    pub fn held(&self, margin: f64) -> bool {
        let Interval { low, high } = self.off.1;
        low <= margin && high >= -margin
    }
}

impl Growth {
    /// Of an accuracy's course; `None` with fewer than two points.
    pub fn of(course: &Course) -> Option<Self> {
        let draws = course.draws(overtaking::DRAWS, 1712);
        let last = course.labels.len().checked_sub(1)?;
        let from = course.labels[last];
        let gain = |means: &[f64]| {
            let line = fitted(course, means, last + 1)?;
            Some(line.accuracy(2.0 * from) - line.accuracy(from))
        };
        let off = |means: &[f64]| {
            let line = fitted(course, means, last)?;
            Some(means[last] - line.accuracy(from))
        };
        let over = |of: &dyn Fn(&[f64]) -> Option<f64>| {
            let mut values: Vec<f64> = draws.iter().filter_map(|draw| of(draw)).collect();
            values.sort_by(f64::total_cmp);
            let tail = (1.0 - CONFIDENCE) / 2.0;
            Interval {
                low: quantile(&values, tail),
                high: quantile(&values, 1.0 - tail),
            }
        };
        let check = off(&course.means).map(|found| Check {
            seen: course.labels[last - 1],
            foretold: course.means[last] - found,
            measured: course.means[last],
            off: (found, over(&off)),
        });
        Some(Self {
            from,
            gain: gain(&course.means)?,
            interval: over(&gain),
            check,
        })
    }
}

/// `ln(error) = intercept + slope ln(labels)`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Line {
    intercept: f64,
    slope: f64,
}

impl Line {
    fn accuracy(&self, labels: f64) -> f64 {
        1.0 - (self.intercept + self.slope * labels.ln()).exp().min(1.0)
    }
}

/// Through the last points of the first `points` of `means`; `None` with fewer than two.
fn fitted(course: &Course, means: &[f64], points: usize) -> Option<Line> {
    if points < 2 {
        return None;
    }
    let places: Vec<usize> = (points.saturating_sub(FITTED)..points).collect();
    // No error at all has no logarithm: half a row, then.
    let least = 0.5 / course.rows as f64;
    let x: Vec<f64> = places.iter().map(|k| course.labels[*k].ln()).collect();
    let y: Vec<f64> = places
        .iter()
        .map(|k| (1.0 - means[*k]).clamp(least, 1.0).ln())
        .collect();
    // By the variance of a logarithm, var / error²; weights are those of what was measured, in every draw.
    let weight = |k: &usize| {
        let error = (1.0 - course.means[*k]).max(least);
        error * error / course.variances[*k].max(least * least)
    };
    let weights: Vec<f64> = places.iter().map(weight).collect();
    Some(weighted_line(&x, &y, &weights))
}

fn weighted_line(x: &[f64], y: &[f64], weights: &[f64]) -> Line {
    let sum = |of: &dyn Fn(usize) -> f64| (0..x.len()).map(|i| weights[i] * of(i)).sum::<f64>();
    let all = sum(&|_| 1.0);
    let (mean_x, mean_y) = (sum(&|i| x[i]) / all, sum(&|i| y[i]) / all);
    let products = sum(&|i| (x[i] - mean_x) * (y[i] - mean_y));
    let slope = products / sum(&|i| (x[i] - mean_x).powi(2));
    Line {
        intercept: mean_y - slope * mean_x,
        slope,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Answers;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Five seeds on 600 rows at each number of labels.
    fn course(random: &mut ChaCha8Rng, labels: &[f64], accuracy: impl Fn(f64) -> f64) -> Course {
        let hard: Vec<f64> = (0..600).map(|_| random.random()).collect();
        let mut points = Vec::new();
        for n in labels {
            let seeds = (0..5).map(|seed| {
                let luck = 0.02 * (random.random::<f64>() - 0.5);
                let rows = hard.iter().enumerate().map(|(row, hard)| {
                    let own: f64 = random.random();
                    let bar = if random.random_bool(0.5) { *hard } else { own };
                    (row as u64, bar < accuracy(*n) + luck)
                });
                (seed, rows.collect())
            });
            points.push((*n, Answers::new(seeds.collect::<Vec<_>>())));
        }
        let points: Vec<_> = points.iter().map(|(n, answers)| (*n, answers)).collect();
        Course::of_arm(&points).unwrap()
    }

    const LABELS: [f64; 5] = [32.0, 64.0, 128.0, 256.0, 512.0];

    #[test]
    fn a_power_law_is_foretold_and_its_next_doubling_is_in_the_interval() {
        let law = |n: f64| 1.0 - 0.9 * n.powf(-0.25);
        let mut random = ChaCha8Rng::seed_from_u64(5);
        let true_gain = law(1024.0) - law(512.0);
        let (mut held, mut checked, mut within) = (0, 0, 0);
        for _ in 0..60 {
            let found = Growth::of(&course(&mut random, &LABELS, law)).unwrap();
            let check = found.check.unwrap();
            let Interval { low, high } = found.interval;
            held += usize::from(low <= true_gain && true_gain <= high);
            let off = check.off.1;
            within += usize::from(off.low <= 0.0 && 0.0 <= off.high);
            checked += usize::from(check.held(0.01));
            assert_eq!((found.from, check.seen), (512.0, 256.0));
        }
        println!("gain held {held}, forecast held {within}, within a point {checked} of 60");
        assert!(held >= 53 && within >= 53 && checked >= 57);
    }

    #[test]
    fn a_curve_that_flattens_at_the_last_point_fails_its_check() {
        let bent = |n: f64| {
            if n > 300.0 {
                0.69
            } else {
                0.5 + 0.05 * (n / 16.0).log2()
            }
        };
        let mut random = ChaCha8Rng::seed_from_u64(6);
        let labels = [16.0, 64.0, 256.0, 1024.0];
        let found = Growth::of(&course(&mut random, &labels, bent)).unwrap();
        let check = found.check.unwrap();
        assert!(check.off.0 < -0.03 && !check.held(0.01), "{check:?}");
    }

    #[test]
    fn two_points_make_a_forecast_without_a_check_and_one_makes_none() {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let found = Growth::of(&course(&mut random, &[8.0, 32.0], |_| 0.7)).unwrap();
        assert_eq!(found.check, None);
        assert!(Growth::of(&course(&mut random, &[8.0], |_| 0.7)).is_none());
    }

    /// `numpy.polyfit` with weights, from scripts/reference_curves.py.
    #[test]
    fn lines_are_numpys() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/classifiers/label_curves.json"
        );
        let fixture: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for case in fixture["lines"].as_array().unwrap() {
            let logs = |name: &str| -> Vec<f64> {
                let values = case[name].as_array().unwrap().iter();
                values.map(|v| v.as_f64().unwrap().ln()).collect()
            };
            let weights: Vec<f64> = logs("weights").into_iter().map(f64::exp).collect();
            let line = weighted_line(&logs("labels"), &logs("errors"), &weights);
            let expected = |name: &str| case[name].as_f64().unwrap();
            assert!((line.slope - expected("slope")).abs() < 1e-9);
            assert!((line.intercept - expected("intercept")).abs() < 1e-9);
        }
    }
}
