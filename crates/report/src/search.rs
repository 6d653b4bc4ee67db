//! The searches of a run, read from their trials' records: what was tried on the validation split, what was chosen, and how close the runner-up
//! was. Searches of earlier versions are read as well: one seed, full length, chosen by accuracy.

mod table;

pub(crate) use table::{HEADINGS, legend, rows};

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
    let end = search.edge.or_else(|| search.end_of(&setting));
    Some(AtEdge { setting, end })
}

/// Of a C or a k that was chosen from a grid.
fn of_grid(record: &TrialRecord) -> Option<AtEdge> {
    let end = record.details.get("c_at_edge").and_then(end);
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

fn end(value: &Value) -> Option<End> {
    match value.as_str() {
        Some("low") => Some(End::Low),
        Some("high") => Some(End::High),
        _ => None,
    }
}

/// A search by gradient-trained candidates.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    pub(crate) tried: Vec<Tried>,
    /// Place of the chosen one.
    pub(crate) chosen: usize,
    pub(crate) at_edge: Vec<String>,
    /// The end at which the first setting's value lies, where the record says so.
    pub(crate) edge: Option<End>,
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
            edge: end(&tune["edge"]),
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
        // Beyond a million the distribution is the normal one, and its quantile is not found by search.
        let df = Some(number("df")?).filter(|df| *df < 1e6);
        let half = critical(df.unwrap_or(f64::INFINITY)) * variance.sqrt();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Group;
    use record::{Outcome, TrialSpec};
    use serde_json::json;

    fn trial(details: Value) -> Trial {
        let spec = TrialSpec {
            method: "lora".to_owned(),
            config: json!({"learning_rate": 1e-3}),
            ..TrialSpec::default()
        };
        let mut record = TrialRecord::unmeasured("t".to_owned(), spec, Outcome::Finished);
        for (name, value) in details.as_object().unwrap() {
            record.details.insert(name.clone(), value.clone());
        }
        Trial {
            record,
            predictions: None,
        }
    }

    fn arm(trials: &[Trial]) -> Arm<'_> {
        Arm {
            label: "lora".to_owned(),
            trials: trials.iter().collect(),
        }
    }

    fn tried(rate: f64, epochs: u64, scores: [[f64; 2]; 2], against: Value) -> Value {
        let mean = |i: usize| (scores[0][i] + scores[1][i]) / 2.0;
        let seed = |[accuracy, loss]: [f64; 2]| json!({"validation_accuracy": accuracy, "validation_loss": loss});
        json!({
            "settings": [["learning_rate", rate]], "epochs": epochs, "seeds": scores.map(seed),
            "validation_accuracy": mean(0), "validation_loss": mean(1), "against_chosen": against, "error": null,
        })
    }

    /// By accuracy the middle rate would have been the best, by loss it is the highest.
    fn halving() -> Value {
        json!({"tune": {
            "search": "halving", "best": {"learning_rate": 9e-3}, "epochs": 2, "chosen": 2, "at_edge": ["learning_rate"],
            "edge": "high", "defaults": [["learning_rate", 1e-3]], "validation_examples": 300,
            "trials": [
                tried(1e-3, 1, [[0.5, 0.9], [0.5, 0.8]], json!({"mean": 0.5, "variance": 0.01, "df": 20.0})),
                tried(3e-3, 2, [[0.9, 0.41], [0.9, 0.45]], json!({"mean": 0.03, "variance": 1e-4, "df": 1e9})),
                tried(9e-3, 2, [[0.88, 0.40], [0.9, 0.40]], Value::Null),
                {"settings": [["learning_rate", 2.7e-2]], "epochs": 2, "seeds": [{"validation_accuracy": null, "validation_loss": null}],
                 "validation_accuracy": null, "validation_loss": null, "against_chosen": null, "error": "it diverged"},
            ],
        }})
    }

    #[test]
    fn the_runner_up_is_the_best_by_loss_with_another_rate_and_its_distance_is_told() {
        let mut searched = trial(halving());
        searched.record.search_trials = Some(8);
        searched.record.search_s = Some(12.0);
        let trials = [
            searched,
            trial(json!({"tune": {"searched_by": "t", "best": {"learning_rate": 9e-3}}})),
        ];
        let arm = arm(&trials);
        let [search] = &Search::all(&arm)[..] else {
            panic!("one of the two trials searched")
        };
        assert_eq!(search.runner_up().unwrap().rate(), Some(3e-3));
        assert!((search.examples_ahead().unwrap() + 3.0).abs() < 1e-9);
        let group = Group {
            model: "m",
            task: "t",
            model_digest: "",
            task_digest: "",
            train_limit: None,
            point: None,
            model_name: String::new(),
            task_name: String::new(),
            slug: String::new(),
            arms: vec![arm],
        };
        let rows = rows(&group);
        assert_eq!(
            rows[0][..7],
            [
                "lora",
                "learning_rate 9.0e-3 (high end)",
                "9",
                "2",
                "8",
                "12 s",
                "3.0e-3: +0.030 [0.010, 0.050], by seed +0.010, +0.050; -3 of 300",
            ]
        );
        assert!(rows[0][7].contains("learning_rate 1.0e-3, 1 epoch: 50.0; "));
        assert!(rows[0][7].ends_with("learning_rate 2.7e-2, 2 epochs: failed"));
        let said = "1 of 1 choices rest on at most 5 of 300 validation examples.";
        assert!(legend(&group).ends_with(said), "{}", legend(&group));
    }

    #[test]
    fn a_choice_at_an_end_is_found_in_records_of_every_kind() {
        let edge = |details: Value| at_edge(&arm(&[trial(details)]));
        let found = |setting: &str, end| {
            Some(AtEdge {
                setting: setting.to_owned(),
                end: Some(end),
            })
        };
        assert_eq!(edge(halving()), found("learning_rate", End::High));
        let before = json!({"tune": {"best": {"learning_rate": 1e-4}, "at_edge": ["learning_rate"], "trials": [
            {"settings": [["learning_rate", 1e-4]], "validation_accuracy": 0.9, "validation_loss": 0.3},
            {"settings": [["learning_rate", 1e-3]], "validation_accuracy": 0.8, "validation_loss": 0.2},
        ]}});
        assert_eq!(edge(before), found("learning_rate", End::Low));
        assert_eq!(
            edge(json!({"c_at_edge": "low", "c": 1e-3})),
            found("c", End::Low)
        );
        assert_eq!(edge(json!({"c_at_edge": null})), None);
        assert_eq!(edge(json!({"tune": "nothing to search"})), None);
        let mut neighbours = trial(json!({"k": 32}));
        assert_eq!(at_edge(&arm(std::slice::from_ref(&neighbours))), None);
        neighbours.record.search_edge = Some(true);
        assert_eq!(at_edge(&arm(&[neighbours])), found("k", End::High));
    }

    #[test]
    fn an_earlier_search_is_ranked_by_accuracy() {
        let mut details = halving();
        let tune = details["tune"].as_object_mut().unwrap();
        for new in [
            "search",
            "chosen",
            "edge",
            "defaults",
            "validation_examples",
        ] {
            tune.remove(new);
        }
        let searched = trial(details);
        let search = Search::of(&searched).unwrap();
        assert_eq!((search.kind, search.chosen), (Kind::Grid, 2));
        assert_eq!(search.default, Some(1e-3));
        assert_eq!(search.runner_up().unwrap().rate(), Some(3e-3));
        assert_eq!(
            search.examples_ahead(),
            None,
            "the number of examples is not known"
        );
    }
}
