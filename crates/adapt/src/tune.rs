//! The hyper-parameter search behind `--tune N`: the same number of trials for every method, scored on the validation split only.
//!
//! The first range (the learning rate) is covered by N evenly spaced values, ends included, so that a best value at an end can be seen as
//! such; further ranges follow the van der Corput sequences of the bases 2, 3, 5, .. (Halton 1960).

use crate::{Event, FitError, Method, Scale, Score, SearchRange, Setting, sub_seed, with_setting};
use serde::Serialize;
use serde_json::Value;
use std::num::NonZeroUsize;

/// One trial of the search.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SearchTrial {
    /// The searched settings.
    pub settings: Vec<(String, f64)>,
    /// Accuracy on the validation split; `None` where training failed, see `error`.
    pub validation_accuracy: Option<f64>,
    /// Mean negative log-likelihood on the validation split.
    pub validation_loss: Option<f64>,
    /// Why training failed.
    pub error: Option<String>,
}

/// The search's result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SearchOutcome {
    /// The configuration with the best validation accuracy (ties: the lower validation loss).
    pub best: Value,
    /// Names of the settings whose best value lies at an end of its range: the range may be too narrow.
    pub at_edge: Vec<String>,
    /// All trials, in order.
    pub trials: Vec<SearchTrial>,
}

/// Runs `n` trials of `method` around `config`. Returns `None` where the method declares nothing to search.
///
/// # Errors
/// When every trial failed, the first failure.
pub fn tune(
    method: &dyn Method,
    config: &Value,
    n: NonZeroUsize,
    setting: &Setting<'_>,
) -> Result<Option<SearchOutcome>, FitError> {
    let ranges = method.search_ranges();
    if ranges.is_empty() {
        return Ok(None);
    }
    let mut trials = Vec::new();
    let mut best: Option<(Score, Value, Vec<f64>)> = None;
    let mut first_failure = None;
    for i in 0..n.get() {
        let values = point(&ranges, i, n.get());
        let candidate = ranges
            .iter()
            .zip(&values)
            .fold(config.clone(), |config, (range, &value)| {
                with_setting(config, range.setting, value.into())
            });
        let settings = ranges
            .iter()
            .zip(&values)
            .map(|(r, &v)| (r.setting.to_owned(), v))
            .collect();
        match evaluate(method, candidate.clone(), setting) {
            Ok(score) => {
                trials.push(SearchTrial {
                    settings,
                    validation_accuracy: Some(score.accuracy),
                    validation_loss: Some(score.loss),
                    error: None,
                });
                if score.beats(best.as_ref().map(|(score, ..)| *score)) {
                    best = Some((score, candidate, values));
                }
            }
            Err(error) => {
                let text = error.to_string();
                trials.push(SearchTrial {
                    settings,
                    validation_accuracy: None,
                    validation_loss: None,
                    error: Some(text),
                });
                first_failure.get_or_insert(error);
            }
        }
    }
    match (best, first_failure) {
        (Some((_, best, values)), _) => {
            let at_edge = ranges
                .iter()
                .zip(values)
                .filter(|(range, value)| {
                    *value <= range.low * 1.000_001 || *value >= range.high * 0.999_999
                })
                .map(|(range, _)| range.setting.to_owned())
                .collect();
            Ok(Some(SearchOutcome {
                best,
                at_edge,
                trials,
            }))
        }
        (None, Some(failure)) => Err(failure),
        (None, None) => Ok(None),
    }
}

/// Trains once with `config` and scores the validation split.
fn evaluate(method: &dyn Method, config: Value, setting: &Setting<'_>) -> Result<Score, FitError> {
    let mut ignore = |_: Event| {};
    let trial = Setting {
        base: setting.base.clone(),
        classes: setting.classes,
        descriptions: setting.descriptions,
        train: setting.train,
        validation: setting.validation,
        budget: setting.budget.clone(),
        seed: sub_seed(setting.seed, "tune"),
        device: setting.device,
        events: &mut ignore,
    };
    let predictor = method.plan(config)?.fit(trial)?;
    let logits = predictor.class_logits(&setting.validation.examples)?;
    let labels = setting.validation.labels();
    let score = Score::of_logits(&logits, &labels);
    if score.is_usable() {
        Ok(score)
    } else {
        let reason = "the trained model's answers on the validation split are not numbers";
        Err(FitError::Other(reason.to_owned()))
    }
}

/// The `i`th of `n` points in the ranges.
fn point(ranges: &[SearchRange], i: usize, n: usize) -> Vec<f64> {
    const BASES: [usize; 6] = [2, 3, 5, 7, 11, 13];
    ranges
        .iter()
        .enumerate()
        .map(|(dimension, range)| {
            let share = match (dimension, n) {
                (0, 1) => 0.5,
                (0, _) => i as f64 / (n - 1) as f64,
                (d, _) => van_der_corput(i + 1, BASES[(d - 1) % BASES.len()]),
            };
            match range.scale {
                Scale::Linear => range.low + share * (range.high - range.low),
                Scale::Log => (range.low.ln() + share * (range.high.ln() - range.low.ln())).exp(),
            }
        })
        .collect()
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

    #[test]
    fn the_learning_rates_are_evenly_spaced_in_the_logarithm_and_include_both_ends() {
        let ranges = [
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
        let points: Vec<Vec<f64>> = (0..4).map(|i| point(&ranges, i, 4)).collect();
        for (found, expected) in
            points
                .iter()
                .zip([(1e-5, 0.2), (1e-4, 0.1), (1e-3, 0.3), (1e-2, 0.05)])
        {
            assert!((found[0] / expected.0 - 1.0).abs() < 1e-9, "{points:?}");
            assert!((found[1] - expected.1).abs() < 1e-9, "{points:?}");
        }
    }
}
