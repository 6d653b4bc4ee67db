//! What an arm costs, by the measure that is to be kept low, and what one saves against another.

use crate::break_even::{PredictSource, per_prediction, search_s};
use crate::costs::Costs;
use crate::money;
use crate::statistics::Spread;
use crate::summary::ArmSummary;
use crate::units;

/// What to keep low.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Cost {
    /// Time to adapt: preparation, first step, training.
    Train,
    /// The search for settings, once, and the training: what adapting to another task costs, where settings are searched again.
    #[default]
    SearchTrain,
    /// Peak resident memory of training.
    Memory,
    /// Time of one prediction.
    Predict,
    /// Search, training and so many predictions.
    Total {
        /// Texts to predict.
        predictions: f64,
    },
    /// The same in money: calls at their prices, what runs here by the price of the machine.
    Money(Spending),
}

/// So many predictions with what is needed before them, paid for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spending {
    /// Texts to predict.
    pub predictions: f64,
    /// What an hour of this machine costs.
    pub usd_per_hour: f64,
}

impl Spending {
    /// US dollars in all.
    pub(crate) fn of(self, costs: &Costs, source: PredictSource) -> Option<Spread> {
        let seconds = search_and_train(costs)?;
        let each = money::each_usd(costs, source, self.usd_per_hour)?;
        let start = times(seconds, self.usd_per_hour / 3600.0);
        Some(plus(start, times(each, self.predictions)))
    }
}

impl Cost {
    /// What it costs to use an arm with these costs, predictions as `source` has them; `None` where a part of it was not measured.
    pub(crate) fn of(self, costs: &Costs, source: PredictSource) -> Option<Spread> {
        match self {
            Self::Train => costs.adapt_s,
            Self::SearchTrain => search_and_train(costs),
            Self::Memory => costs.train_peak_rss_bytes,
            Self::Predict => per_prediction(costs, source),
            Self::Total { predictions } => {
                let each = per_prediction(costs, source)?;
                Some(plus(search_and_train(costs)?, times(each, predictions)))
            }
            Self::Money(spending) => spending.of(costs, source),
        }
    }

    /// `is 3.1x cheaper to train`, with how many times less where that is said; `searched` where any arm of the group was searched for.
    pub(crate) fn is_lower(self, times: Option<f64>, searched: bool) -> String {
        let times = times
            .map(|times| format!("{}x ", times_text(times)))
            .unwrap_or_default();
        let start = if searched {
            "to search and train"
        } else {
            "to train"
        };
        match self {
            Self::Train => format!("is {times}cheaper to train"),
            Self::SearchTrain => format!("is {times}cheaper {start}"),
            Self::Memory => format!("needs {times}less memory to train"),
            Self::Predict => format!("is {times}faster to predict"),
            Self::Total { predictions } => {
                let texts = units::count(predictions);
                format!("takes {times}less time in all, {texts} predictions included")
            }
            Self::Money(Spending { predictions, .. }) => {
                let texts = units::count(predictions);
                format!("costs {times}less money in all, {texts} predictions included")
            }
        }
    }

    pub(crate) fn unit(self) -> fn(f64) -> String {
        match self {
            Self::Memory => units::bytes,
            Self::Money(_) => units::usd,
            _ => units::seconds,
        }
    }
}

/// Two digits below ten, whole numbers above.
fn times_text(times: f64) -> String {
    if times < 9.95 {
        format!("{times:.1}")
    } else {
        format!("{times:.0}")
    }
}

/// Whether a search was worth the name: methods without anything to search have microseconds.
pub(crate) fn is_searched(costs: &Costs) -> bool {
    search_s(costs) > 1e-3
}

fn search_and_train(costs: &Costs) -> Option<Spread> {
    let search = search_s(costs);
    costs.adapt_s.map(|adapt| Spread {
        median: search + adapt.median,
        min: search + adapt.min,
        max: search + adapt.max,
        n: adapt.n,
    })
}

fn plus(a: Spread, b: Spread) -> Spread {
    Spread {
        median: a.median + b.median,
        min: a.min + b.min,
        max: a.max + b.max,
        n: a.n.min(b.n),
    }
}

fn times(a: Spread, factor: f64) -> Spread {
    Spread {
        median: a.median * factor,
        min: a.min * factor,
        max: a.max * factor,
        n: a.n,
    }
}

/// Whether `a` costs less than `b` beyond what both vary from seed to seed.
pub(crate) fn is_cheaper(a: Option<Spread>, b: Option<Spread>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if a.max < b.min)
}

/// The smallest share of a cost that is worth a word.
const WORTH_SAYING: f64 = 0.05;

/// One quantity of two arms, and how a difference in it reads.
struct Kind {
    own: Option<Spread>,
    others: Option<Spread>,
    unit: fn(f64) -> String,
    what: &'static str,
}

/// What `arm` saves against `other`, and what it costs more, beyond the ranges over seeds: `24 s`, `86 MiB of memory`.
pub(crate) fn savings(
    arm: &ArmSummary,
    other: &ArmSummary,
    (cost, source): (Cost, PredictSource),
) -> (Vec<String>, Vec<String>) {
    let kind = |of: fn(&Costs, Cost, PredictSource) -> Option<Spread>, unit, what| Kind {
        own: of(&arm.costs, cost, source),
        others: of(&other.costs, cost, source),
        unit,
        what,
    };
    let mut kinds = vec![
        kind(time, units::seconds, ""),
        kind(
            |costs, _, _| costs.train_peak_rss_bytes,
            units::bytes,
            " of memory",
        ),
        kind(
            |costs, _, source| per_prediction(costs, source),
            units::seconds,
            " a prediction",
        ),
        kind(in_money, units::usd, ""),
        Kind {
            own: stored(arm),
            others: stored(other),
            unit: units::bytes,
            what: " to store",
        },
    ];
    // A total holds the predictions.
    kinds.retain(|kind| kind.what != " a prediction" || !matches!(cost, Cost::Total { .. }));
    let (mut saved, mut extra) = (Vec::new(), Vec::new());
    for kind in kinds {
        let (Some(own), Some(others)) = (kind.own, kind.others) else {
            continue;
        };
        let difference = (others.median - own.median).abs();
        if difference < WORTH_SAYING * own.median.max(others.median) {
            continue;
        }
        let said = format!("{}{}", (kind.unit)(difference), kind.what);
        if is_cheaper(Some(own), Some(others)) {
            saved.push(said);
        } else if is_cheaper(Some(others), Some(own)) {
            extra.push(said);
        }
    }
    (saved, extra)
}

/// The time that goes with a cost.
fn time(costs: &Costs, cost: Cost, source: PredictSource) -> Option<Spread> {
    match cost {
        Cost::Memory | Cost::Predict | Cost::Money(_) => search_and_train(costs),
        _ => cost.of(costs, source),
    }
}

/// Where money is what counts.
fn in_money(costs: &Costs, cost: Cost, source: PredictSource) -> Option<Spread> {
    match cost {
        Cost::Money(spending) => spending.of(costs, source),
        _ => None,
    }
}

fn stored(arm: &ArmSummary) -> Option<Spread> {
    Spread::of([arm.stored_bytes.map(|bytes| bytes as f64)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(adapt: [f64; 3], search: Option<f64>, rate: f64) -> Costs {
        Costs {
            adapt_s: Spread::of(adapt.map(Some)),
            tune_s: Spread::of([search]),
            eval_samples_per_s: Spread::of([Some(rate), Some(2.0 * rate)]),
            ..Costs::default()
        }
    }

    #[test]
    fn a_total_is_search_training_and_predictions_with_their_ranges() {
        let costs = costs([10.0, 12.0, 20.0], Some(100.0), 50.0);
        let predictions = 1000.0;
        let found = Cost::Total { predictions }
            .of(&costs, PredictSource::Batched)
            .unwrap();
        // 1000 texts at 50 to 100 a second.
        let expected = (
            100.0 + 12.0 + 1000.0 / 75.0,
            100.0 + 10.0 + 10.0,
            100.0 + 20.0 + 20.0,
        );
        assert!((found.median - expected.0).abs() < 1e-9, "{found:?}");
        assert!((found.min - expected.1).abs() < 1e-9, "{found:?}");
        assert!((found.max - expected.2).abs() < 1e-9, "{found:?}");
        assert_eq!(
            Cost::Train
                .of(&costs, PredictSource::Batched)
                .unwrap()
                .median,
            12.0
        );
        assert_eq!(Cost::Memory.of(&costs, PredictSource::Batched), None);
        assert!(is_searched(&costs));
    }

    #[test]
    fn money_is_calls_at_their_prices_and_the_time_of_the_machine() {
        let spending = Spending {
            predictions: 1000.0,
            usd_per_hour: 1.8,
        };
        let own = costs([10.0, 12.0, 20.0], Some(100.0), 50.0);
        let found = Cost::Money(spending)
            .of(&own, PredictSource::Batched)
            .unwrap();
        let expected = (112.0 + 1000.0 / 75.0) * 1.8 / 3600.0;
        assert!((found.median - expected).abs() < 1e-12, "{found:?}");
        let served = Costs {
            calls: Spread::of([Some(200.0)]),
            usd_per_1000_predictions: Spread::of([Some(0.25)]),
            ..costs([0.0, 0.0, 0.0], None, 50.0)
        };
        let found = Cost::Money(spending).of(&served, PredictSource::Batched);
        assert!((found.unwrap().median - 0.25).abs() < 1e-12);
        let unpriced = Costs {
            usd_per_1000_predictions: None,
            ..served
        };
        assert_eq!(
            Cost::Money(spending).of(&unpriced, PredictSource::Batched),
            None
        );
    }

    #[test]
    fn what_overlaps_from_seed_to_seed_is_no_saving() {
        let arm = |adapt| ArmSummary {
            costs: costs(adapt, None, 50.0),
            ..ArmSummary::default()
        };
        let how = (Cost::SearchTrain, PredictSource::Batched);
        let dear = arm([70.0, 72.0, 80.0]);
        let cheap = savings(&arm([20.0, 22.0, 30.0]), &dear, how);
        assert_eq!(cheap, (vec!["50 s".to_owned()], vec![]));
        let overlapping = savings(&arm([20.0, 22.0, 71.0]), &dear, how);
        assert_eq!(overlapping, (vec![], vec![]));
    }
}
