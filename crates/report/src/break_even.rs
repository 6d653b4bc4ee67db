//! After how many predictions an arm that is dear to train and cheap to ask has cost less than one that is the other way round.
//!
//! An arm's cost is a line: search and adaptation, then so much for every text. Two lines cross where one starts higher and rises more slowly. The
//! range of the crossing is that of the ends which the trials' smallest and largest times allow; where the ranges of the slopes overlap, no crossing
//! is claimed.

use crate::statistics::Spread;
use crate::summary::{ArmSummary, GroupSummary};

/// What the time of a prediction was measured on. It is one for all arms of a group, or they could not be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PredictSource {
    /// One text after the other.
    Alone,
    /// The test split in batches.
    Batched,
}

/// What an arm costs: `start_s`, and `predict_s` for every text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostLine {
    /// Its place in the group.
    pub arm: usize,
    /// Search and adaptation.
    pub start_s: Spread,
    /// A prediction.
    pub predict_s: Spread,
}

/// Two lines that cross.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crossing {
    /// Place of the arm that costs more at the start and less afterwards.
    pub dear_start: usize,
    /// Place of the other.
    pub cheap_start: usize,
    /// Predictions after which the first has cost less, by the medians.
    pub predictions: f64,
    /// The least that the trials' ranges allow; 0 where the first may be cheaper from the start.
    pub low: f64,
    /// The most.
    pub high: f64,
}

/// The costs of a group's arms, and where they cross.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakEven {
    /// What predictions were measured on.
    pub source: PredictSource,
    /// In the order of the arms; those without a time to adapt or to predict are left out.
    pub lines: Vec<CostLine>,
    /// The earliest first.
    pub crossings: Vec<Crossing>,
}

/// Costs and crossings; `None` where fewer than two arms have both times.
pub fn break_even(group: &GroupSummary) -> Option<BreakEven> {
    let source = source(group);
    let lines: Vec<CostLine> = (0..)
        .zip(&group.arms)
        .filter_map(|(at, arm)| line(at, arm, source))
        .collect();
    if lines.len() < 2 {
        return None;
    }
    let pairs = lines.iter().flat_map(|a| lines.iter().map(move |b| (a, b)));
    let mut crossings: Vec<Crossing> = pairs.filter_map(|(a, b)| crossing(a, b)).collect();
    crossings.sort_by(|a, b| a.predictions.total_cmp(&b.predictions));
    Some(BreakEven {
        source,
        lines,
        crossings,
    })
}

fn source(_: &GroupSummary) -> PredictSource {
    PredictSource::Batched
}

fn line(arm: usize, summary: &ArmSummary, source: PredictSource) -> Option<CostLine> {
    let costs = &summary.costs;
    let adapt = costs.adapt_s?;
    // The search is that of one seed; what it found serves all.
    let search = costs.tune_s.map_or(0.0, |search| search.median);
    let plus = |seconds: f64| seconds + search;
    let predict_s = match source {
        PredictSource::Alone => None?,
        PredictSource::Batched => inverse(costs.eval_samples_per_s?)?,
    };
    Some(CostLine {
        arm,
        start_s: Spread {
            median: plus(adapt.median),
            min: plus(adapt.min),
            max: plus(adapt.max),
            n: adapt.n,
        },
        predict_s,
    })
}

/// Seconds a text from texts a second.
fn inverse(rate: Spread) -> Option<Spread> {
    (rate.min > 0.0).then(|| Spread {
        median: 1.0 / rate.median,
        min: 1.0 / rate.max,
        max: 1.0 / rate.min,
        n: rate.n,
    })
}

/// Where `dear`, which starts higher, has cost less than `cheap`.
fn crossing(dear: &CostLine, cheap: &CostLine) -> Option<Crossing> {
    let start = dear.start_s.median - cheap.start_s.median;
    let saved = cheap.predict_s.median - dear.predict_s.median;
    let saved_at_least = cheap.predict_s.min - dear.predict_s.max;
    if start <= 0.0 || saved_at_least <= 0.0 {
        return None;
    }
    let saved_at_most = cheap.predict_s.max - dear.predict_s.min;
    Some(Crossing {
        dear_start: dear.arm,
        cheap_start: cheap.arm,
        predictions: start / saved,
        low: (dear.start_s.min - cheap.start_s.max).max(0.0) / saved_at_most,
        high: (dear.start_s.max - cheap.start_s.min) / saved_at_least,
    })
}
