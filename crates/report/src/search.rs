//! The searches of a run, read from their trials' records: what was tried on the validation split, what was chosen, and how close the runner-up
//! was. Searches of earlier versions are read as well: one seed, full length, chosen by accuracy.

mod table;

pub(crate) use table::{COLUMNS, HEADINGS, legend, rows};

use crate::run::Arm;
use crate::statistics::{Interval, critical};
use record::{Trial, TrialRecord};
use serde_json::Value;
use std::cmp::Ordering;

/// The end of what was tried at which a chosen value lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The lowest.
    Low,
    /// The highest.
    High,
}

/// A setting whose chosen value lies at an end of what was tried: better ones may lie beyond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtEdge {
    /// Its name.
    pub setting: String,
    /// Which end; `None` where the record does not tell.
    pub end: Option<End>,
}

impl AtEdge {
    /// `learning_rate at its high end`.
    pub fn text(&self) -> String {
        let end = match self.end {
            Some(End::Low) => "its low end",
            Some(End::High) => "its high end",
            None => "an end",
        };
        format!("{} at {end}", self.setting)
    }
}

/// The setting of an arm's search whose choice still lies at an end, if one does.
pub fn at_edge(arm: &Arm<'_>) -> Option<AtEdge> {
    arm.trials
        .iter()
        .find_map(|trial| of_search(trial).or_else(|| of_grid(&trial.record)))
}

fn of_search(trial: &Trial) -> Option<AtEdge> {
    let search = Search::of(trial)?;
    let setting = search.at_edge.first()?.clone();
    let end = search.end_of(&setting);
    Some(AtEdge { setting, end })
}

/// Of a C or a k that was chosen from a grid.
fn of_grid(record: &TrialRecord) -> Option<AtEdge> {
    let end = match record.details.get("c_at_edge").and_then(Value::as_str) {
        Some("low") => Some(End::Low),
        Some("high") => Some(End::High),
        _ => None,
    };
    let of = |setting: &str, end| AtEdge {
        setting: setting.to_owned(),
        end,
    };
    if end.is_some() {
        return Some(of("c", end));
    }
    // No k is below 1: an open end is the highest.
    let is_k = record.search_edge == Some(true) && record.details.contains_key("k");
    is_k.then(|| of("k", Some(End::High)))
}

/// A search by gradient-trained candidates.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    pub(crate) tried: Vec<Tried>,
    /// Place of the chosen one.
    pub(crate) chosen: usize,
    pub(crate) at_edge: Vec<String>,
    /// Default of the first setting.
    pub(crate) default: Option<f64>,
    pub(crate) kind: Kind,
    pub(crate) trials: u64,
    pub(crate) seconds: Option<f64>,
    /// Examples that each was scored on.
    pub(crate) validation_examples: Option<u64>,
}

/// How it was searched, which says by what was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Halving,
    Random,
    /// Evenly spaced rates under one seed, chosen by accuracy.
    Grid,
}

/// One candidate.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tried {
    pub(crate) settings: Vec<(String, f64)>,
    pub(crate) epochs: Option<u64>,
    /// Means over the search seeds; `None` where a training failed.
    pub(crate) accuracy: Option<f64>,
    pub(crate) loss: Option<f64>,
    /// Accuracy and loss by seed, of trainings that did not fail.
    pub(crate) seeds: Vec<(f64, f64)>,
    /// Its loss minus that of the chosen one, and the 95 % interval.
    pub(crate) against_chosen: Option<(f64, Interval)>,
}

impl Tried {
    /// The value of the first setting, the learning rate.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.settings.first().map(|(_, value)| *value)
    }
}

impl Search {
    /// The search that a trial made; `None` where it made none.
    pub(crate) fn of(trial: &Trial) -> Option<Self> {
        let record = &trial.record;
        let tune = record.details.get("tune")?;
        let tried: Vec<Tried> = tune.get("trials")?.as_array()?.iter().map(tried).collect();
        let kind = match tune["search"].as_str() {
            Some("random") => Kind::Random,
            Some(_) => Kind::Halving,
            None => Kind::Grid,
        };
        let named = tune["chosen"].as_u64().map(|place| place as usize);
        let first = tried.first()?.settings.first()?.0.clone();
        let of_spec = || record.spec.config.get(&first).and_then(Value::as_f64);
        let names = tune["at_edge"].as_array().into_iter().flatten();
        let reading = record
            .reading
            .as_ref()
            .map(|reading| reading.validation.texts);
        Some(Self {
            chosen: named
                .or_else(|| position_of(&tune["best"], &tried))
                .filter(|place| *place < tried.len())?,
            at_edge: names
                .filter_map(|n| n.as_str().map(str::to_owned))
                .collect(),
            default: tune["defaults"][0][1].as_f64().or_else(of_spec),
            kind,
            trials: record.search_trials.unwrap_or(tried.len() as u64),
            seconds: record.search_s.or(record.tune_s),
            validation_examples: tune["validation_examples"].as_u64().or(reading),
            tried,
        })
    }

    /// The searches of an arm's trials.
    pub(crate) fn all(arm: &Arm<'_>) -> Vec<Self> {
        let trials = arm.trials.iter();
        trials.filter_map(|trial| Self::of(trial)).collect()
    }

    pub(crate) fn chosen(&self) -> &Tried {
        &self.tried[self.chosen]
    }

    /// The best candidate with another value of the first setting than the chosen one.
    pub(crate) fn runner_up(&self) -> Option<&Tried> {
        let rate = self.chosen().rate();
        let others = self.tried.iter().filter(|tried| tried.rate() != rate);
        let usable = others.filter(|tried| tried.accuracy.is_some());
        usable.reduce(|best, tried| {
            if self.compare(tried, best).is_gt() {
                tried
            } else {
                best
            }
        })
    }

    /// The order by which was chosen, worst first.
    fn compare(&self, a: &Tried, b: &Tried) -> Ordering {
        let number = |value: Option<f64>, missing| value.unwrap_or(missing);
        let accuracy = number(a.accuracy, -1.0).total_cmp(&number(b.accuracy, -1.0));
        let loss = number(b.loss, f64::INFINITY).total_cmp(&number(a.loss, f64::INFINITY));
        if self.kind == Kind::Grid {
            accuracy.then(loss)
        } else {
            loss.then(accuracy)
        }
    }

    /// How many more validation examples the chosen candidate has right than the runner-up, the mean over the search seeds.
    pub(crate) fn examples_ahead(&self) -> Option<f64> {
        let ahead = self.chosen().accuracy? - self.runner_up()?.accuracy?;
        Some(ahead * self.validation_examples? as f64)
    }

    /// The end of the tried values of a setting at which the chosen one lies.
    fn end_of(&self, setting: &str) -> Option<End> {
        let value = |tried: &Tried| {
            let of = |(name, value): &(String, f64)| (name == setting).then_some(*value);
            tried.settings.iter().find_map(of)
        };
        let own = value(self.chosen())?;
        let others: Vec<f64> = self.tried.iter().filter_map(value).collect();
        let (lower, higher) = (
            others.iter().any(|other| *other < own),
            others.iter().any(|other| *other > own),
        );
        match (lower, higher) {
            (false, true) => Some(End::Low),
            (true, false) => Some(End::High),
            _ => None,
        }
    }
}

fn tried(trial: &Value) -> Tried {
    let pairs = trial["settings"].as_array().into_iter().flatten();
    let pair = |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_f64()?));
    let scores = |of: &Value| {
        let accuracy = of["validation_accuracy"].as_f64()?;
        Some((accuracy, of["validation_loss"].as_f64()?))
    };
    let seeds: Vec<(f64, f64)> = match trial["seeds"].as_array() {
        Some(seeds) => seeds.iter().filter_map(scores).collect(),
        None => scores(trial).into_iter().collect(),
    };
    let against = |of: &Value| {
        let number = |name: &str| of[name].as_f64();
        let (mean, variance) = (number("mean")?, number("variance")?);
        let half = critical(number("df")?) * variance.sqrt();
        let interval = Interval {
            low: mean - half,
            high: mean + half,
        };
        Some((mean, interval))
    };
    Tried {
        settings: pairs.filter_map(pair).collect(),
        epochs: trial["epochs"].as_u64(),
        accuracy: trial["validation_accuracy"].as_f64(),
        loss: trial["validation_loss"].as_f64(),
        seeds,
        against_chosen: against(&trial["against_chosen"]),
    }
}

/// The candidate with the settings of the best configuration.
fn position_of(best: &Value, tried: &[Tried]) -> Option<usize> {
    tried.iter().position(|tried| {
        let mut settings = tried.settings.iter();
        settings.all(|(name, value)| best[name].as_f64() == Some(*value))
    })
}
