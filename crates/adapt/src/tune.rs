//! The hyper-parameter search behind `--tune N`: as many optimisation steps for every method, scored on the validation split only.
//!
//! Successive halving (Jamieson & Talwalkar 2016) over the first range, the learning rate, and the number of epochs: N rates are trained for a
//! quarter of the epochs, the better half of them for half the epochs, the better half of these for all. Each training is made under two
//! seeds (order, initialisation, dropout) and begins anew: the learning rate falls to 0 within its own epochs, so that a short training is a
//! candidate of its own and no beginning of a longer one. What is chosen is the pair of settings and epochs with the lowest mean validation
//! loss of all, at the temperature that fits each training best. Where that is the lowest or the highest rate tried, further rates beyond it are tried, up to three.

mod cost;
mod difference;
mod points;
mod rule;
mod temperature;

pub use cost::{SearchCost, search_cost};
pub use difference::LossDifference;
pub use linear::Edge;
pub use rule::MeanScore;

use crate::{Event, FitError, Method, Score, SearchRange, Setting, Shared, sub_seed, with_setting};
use cost::{better_half, rungs};
use points::{at_random, beyond, evenly, is_same};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::num::NonZeroUsize;
pub use temperature::best_temperature;
use temperature::losses_at_best_temperature;

/// How settings are searched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SearchKind {
    /// Successive halving over evenly spaced rates and epochs; widened where the best rate lies at an end.
    #[default]
    Halving,
    /// Settings drawn from their ranges, each trained for all epochs: independent draws, which tell what a smaller search would have found.
    Random,
}

/// Under how many seeds each candidate is trained.
const SEEDS: usize = 2;

/// How often a range is widened at most.
const MOST_WIDENINGS: usize = 3;

/// Settings and epochs, trained under every search seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SearchTrial {
    /// The searched settings.
    pub settings: Vec<(String, f64)>,
    /// For so many epochs.
    pub epochs: usize,
    /// Accuracy on the validation split, the mean over the seeds; `None` where a training failed, see `error`.
    pub validation_accuracy: Option<f64>,
    /// Mean negative log-likelihood on the validation split at the best temperature, the mean over the seeds.
    pub validation_loss: Option<f64>,
    /// The trainings, by search seed.
    pub seeds: Vec<SeedResult>,
    /// Its loss beside that of the chosen trial; `None` for that one, and where a training failed.
    pub against_chosen: Option<LossDifference>,
    /// Why the first training that failed did so.
    pub error: Option<String>,
}

/// What one training of the search came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedResult {
    /// Accuracy on the validation split; `None` where training failed.
    pub validation_accuracy: Option<f64>,
    /// Mean negative log-likelihood on the validation split, at the best temperature.
    pub validation_loss: Option<f64>,
}

/// The search's result.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SearchOutcome {
    /// How it was searched.
    pub search: SearchKind,
    /// The configuration with the lowest mean validation loss (ties: the higher accuracy).
    pub best: Value,
    /// For how many epochs it is to be trained.
    pub epochs: NonZeroUsize,
    /// Place of the best among the trials.
    pub chosen: usize,
    /// Names of the settings whose best value lies at an end of what was tried: better ones may lie beyond.
    pub at_edge: Vec<String>,
    /// The end at which the best value of the first setting lies.
    pub edge: Option<Edge>,
    /// The method's own defaults of the searched settings.
    pub defaults: Vec<(String, f64)>,
    /// Examples that every trial was scored on.
    pub validation_examples: usize,
    /// All trials, in order.
    pub trials: Vec<SearchTrial>,
}

impl SearchOutcome {
    /// How many trainings the search took.
    pub fn trainings(&self) -> usize {
        self.trials.iter().map(|trial| trial.seeds.len()).sum()
    }
}

/// Searches the settings of `method` around `config`, with `n` candidates in the first round. Returns `None` where the method declares nothing to
/// search.
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
    let shared = Shared::default();
    let mut search = Search {
        method,
        config,
        setting,
        ranges: &ranges,
        shared: &shared,
        tried: Vec::new(),
        first_failure: None,
    };
    let (kind, epochs) = (setting.budget.search, setting.budget.epochs);
    match kind {
        SearchKind::Halving => search.halve(n, epochs),
        SearchKind::Random => {
            let seed = sub_seed(setting.seed, "tune-settings");
            let points = (0..n.get()).map(|i| at_random(&ranges, i, seed));
            points.for_each(|point| {
                search.consider(point, epochs);
            });
        }
    }
    let Some(best) = search.best() else {
        let failure = search
            .first_failure
            .expect("something was tried, and all of it failed");
        return Err(failure);
    };
    let best = if kind == SearchKind::Halving && n.get() > 1 {
        search.widen(best, n)
    } else {
        best
    };
    Ok(Some(search.outcome(kind, best)))
}

/// A search under way.
struct Search<'a, 's> {
    method: &'a dyn Method,
    /// What is not searched comes from here.
    config: &'a Value,
    setting: &'a Setting<'s>,
    ranges: &'a [SearchRange],
    shared: &'a Shared,
    tried: Vec<Tried>,
    first_failure: Option<FitError>,
}

/// A candidate that was trained under every seed.
struct Tried {
    /// One value a range.
    point: Vec<f64>,
    epochs: NonZeroUsize,
    /// `None` where a training failed.
    mean: Option<MeanScore>,
    /// Losses of the validation examples by seed; empty where a training failed.
    losses: Vec<Vec<f64>>,
    trial: SearchTrial,
}

impl Search<'_, '_> {
    /// Successive halving over `n` evenly spaced points.
    fn halve(&mut self, n: NonZeroUsize, epochs: NonZeroUsize) {
        let mut points: Vec<Vec<f64>> = (0..n.get())
            .map(|i| evenly(self.ranges, i, n.get()))
            .collect();
        for epochs in rungs(epochs) {
            let rung: Vec<usize> = points
                .into_iter()
                .map(|point| self.consider(point, epochs))
                .collect();
            let ranked = self.ranked(rung.iter().copied());
            let kept = ranked.into_iter().take(better_half(rung.len()));
            points = kept.map(|place| self.tried[place].point.clone()).collect();
        }
    }

    /// Tries values beyond the end of the first range as long as they are better, at the epochs of the best; returns the place of the best then.
    fn widen(&mut self, mut best: usize, n: NonZeroUsize) -> usize {
        for _ in 0..MOST_WIDENINGS {
            let Some(edge) = self.edge(best) else {
                break;
            };
            let mut point = self.tried[best].point.clone();
            point[0] = beyond(&self.ranges[0], point[0], edge, n.get());
            // Values that the method does not take end the search: the best is marked as lying at the end.
            if self.method.plan(self.config_at(&point)).is_err() {
                break;
            }
            let epochs = self.tried[best].epochs;
            let further = self.consider(point, epochs);
            best = self.best().unwrap_or(best);
            if best != further {
                break;
            }
        }
        best
    }

    /// The end of the values tried at which this candidate's lies; `None` where only one was tried.
    fn edge(&self, place: usize) -> Option<Edge> {
        let value = |tried: &Tried| tried.point[0];
        let own = value(&self.tried[place]);
        let others = || self.tried.iter().map(value).filter(|v| !is_same(*v, own));
        let (lower, higher) = (others().any(|v| v < own), others().any(|v| v > own));
        match (lower, higher) {
            (false, true) => Some(Edge::Low),
            (true, false) => Some(Edge::High),
            _ => None,
        }
    }

    /// The configuration with these values in place of its own.
    fn config_at(&self, point: &[f64]) -> Value {
        let pairs = self.ranges.iter().zip(point);
        pairs.fold(self.config.clone(), |config, (range, &value)| {
            with_setting(config, range.setting, value.into())
        })
    }

    /// Trains a candidate under every seed and keeps what came of it; returns its place.
    fn consider(&mut self, point: Vec<f64>, epochs: NonZeroUsize) -> usize {
        let config = self.config_at(&point);
        let pairs = self.ranges.iter().zip(&point);
        let settings = pairs.map(|(range, &value)| (range.setting.to_owned(), value));
        let settings: Vec<(String, f64)> = settings.collect();
        let mut error = None;
        let mut scores = Vec::with_capacity(SEEDS);
        let mut losses = Vec::with_capacity(SEEDS);
        for seed in 0..SEEDS {
            match self.train(config.clone(), epochs, seed) {
                Ok((score, of_rows)) => {
                    scores.push(Some(score));
                    losses.push(of_rows);
                }
                Err(failure) => {
                    error.get_or_insert(failure.to_string());
                    self.first_failure.get_or_insert(failure);
                    scores.push(None);
                }
            }
        }
        let mean = MeanScore::of(&scores);
        let result = |score: &Option<Score>| SeedResult {
            validation_accuracy: score.map(|score| score.accuracy),
            validation_loss: score.map(|score| score.loss),
        };
        let trial = SearchTrial {
            settings,
            epochs: epochs.get(),
            validation_accuracy: mean.map(|mean| mean.accuracy),
            validation_loss: mean.map(|mean| mean.loss),
            seeds: scores.iter().map(result).collect(),
            against_chosen: None,
            error,
        };
        self.tried.push(Tried {
            point,
            epochs,
            mean,
            losses,
            trial,
        });
        self.tried.len() - 1
    }

    /// Trains once and scores the validation split; also the loss of each of its examples.
    fn train(
        &self,
        config: Value,
        epochs: NonZeroUsize,
        seed: usize,
    ) -> Result<(Score, Vec<f64>), FitError> {
        let setting = self.setting;
        let mut ignore = |_: Event| {};
        let mut budget = setting.budget.clone();
        budget.epochs = epochs;
        let trial = Setting {
            base: setting.base.clone(),
            classes: setting.classes,
            descriptions: setting.descriptions,
            train: setting.train,
            validation: setting.validation,
            budget,
            seed: sub_seed(setting.seed, &format!("tune-{seed}")),
            device: setting.device,
            shared: Some(self.shared),
            events: &mut ignore,
        };
        let predictor = self.method.plan(config)?.fit(trial)?;
        let logits = predictor.class_logits(&setting.validation.examples)?;
        let labels = setting.validation.labels();
        let score = Score::of_logits(&logits, &labels);
        if score.is_usable() {
            let losses = losses_at_best_temperature(&logits, &labels);
            let loss = losses.iter().sum::<f64>() / losses.len() as f64;
            Ok((Score { loss, ..score }, losses))
        } else {
            let reason = "the trained model's answers on the validation split are not numbers";
            Err(FitError::Other(reason.to_owned()))
        }
    }

    /// Those of these candidates that came to numbers, best first; of equals the earlier one.
    fn ranked(&self, places: impl Iterator<Item = usize>) -> Vec<usize> {
        let scored = places.filter_map(|place| Some((place, self.tried[place].mean?)));
        let mut scored: Vec<(usize, MeanScore)> = scored.collect();
        scored.sort_by(|(_, a), (_, b)| b.compare(*a)); // stable
        scored.into_iter().map(|(place, _)| place).collect()
    }

    /// Place of the best of all; `None` where all failed.
    fn best(&self) -> Option<usize> {
        self.ranked(0..self.tried.len()).first().copied()
    }

    fn outcome(mut self, kind: SearchKind, best: usize) -> SearchOutcome {
        for place in (0..self.tried.len()).filter(|place| *place != best) {
            let found = LossDifference::of(&self.tried[place].losses, &self.tried[best].losses);
            self.tried[place].trial.against_chosen = found;
        }
        let edge = self.edge(best);
        let chosen = &self.tried[best];
        let pairs = || self.ranges.iter().zip(&chosen.point);
        let at_edge = pairs().enumerate().filter(|(i, (range, value))| {
            let beyond_range = **value <= range.low || **value >= range.high;
            if *i == 0 {
                edge.is_some()
            } else {
                beyond_range
            }
        });
        let at_edge = at_edge.map(|(_, (range, _))| range.setting.to_owned());
        let config = self.config_at(&chosen.point);
        let own = self.method.plan(Value::Null).map(|plan| plan.resolved());
        let own = own.unwrap_or_default();
        let default = |range: &SearchRange| {
            let value = own.get(range.setting).and_then(Value::as_f64);
            Some((range.setting.to_owned(), value?))
        };
        SearchOutcome {
            search: kind,
            best: config,
            epochs: chosen.epochs,
            chosen: best,
            at_edge: at_edge.collect(),
            edge,
            defaults: self.ranges.iter().filter_map(default).collect(),
            validation_examples: self.setting.validation.len(),
            trials: self.tried.into_iter().map(|tried| tried.trial).collect(),
        }
    }
}
