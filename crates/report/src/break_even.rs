//! After how many predictions an arm that is dear to train and cheap to ask has cost less than one that is the other way round.
//!
//! An arm's cost is a line: search and adaptation, then so much for every text. Two lines cross where one starts higher and rises more slowly. The
//! range of the crossing is that which the trials' smallest and largest times allow; where the ranges of the starts or of the slopes overlap, no
//! crossing is claimed.

use crate::costs::Costs;
use crate::statistics::Spread;
use crate::summary::{ArmSummary, GroupSummary};
use crate::units;

/// Headings of [`rows`].
pub(crate) const HEADINGS: [&str; 3] = ["predictions", "cheaper from then on", "than"];

/// What the table means; stands above it.
pub(crate) fn legend(source: PredictSource) -> String {
    let measured = match source {
        PredictSource::Alone => "median of single predictions, one text after the other",
        PredictSource::Batched => "the test split in batches; one text at a time takes longer",
    };
    format!(
        "After so many predictions, with the range that the trials' times allow, the one has cost less time in all: search, training and predictions \
         ({measured}). Pairs whose ranges overlap are left out."
    )
}

/// One row for every crossing: the predictions with their range, the arm that is cheaper from then on, the other.
pub(crate) fn rows(group: &GroupSummary, found: &BreakEven) -> Vec<[String; 3]> {
    let arm = |at: usize| {
        let arm = &group.arms[at];
        match crate::standing::word(arm.standing) {
            "" => arm.label.clone(),
            word => format!("{} ({word})", arm.label),
        }
    };
    let row = |crossing: &Crossing| {
        let [predictions, low, high] =
            [crossing.predictions, crossing.low, crossing.high].map(|n| units::count(n.ceil()));
        [
            format!("{predictions} ({low} to {high})"),
            arm(crossing.dear_start),
            arm(crossing.cheap_start),
        ]
    };
    found.crossings.iter().map(row).collect()
}

/// What the time of a prediction was measured on. It is one for all arms of a group, or they could not be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PredictSource {
    /// One text after the other.
    Alone,
    /// The test split in batches.
    Batched,
}

/// What an arm costs, in seconds or in money: `start`, and `each` for every text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CostLine {
    /// Its place in the group.
    pub arm: usize,
    /// Search and adaptation.
    pub start: Spread,
    /// A prediction.
    pub each: Spread,
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
    /// The least that the trials' ranges allow.
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
    crossed(lines, source)
}

/// The lines and where they cross; `None` of fewer than two.
pub(crate) fn crossed(lines: Vec<CostLine>, source: PredictSource) -> Option<BreakEven> {
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

/// Single texts, where every arm with a time of a prediction has one of those; else batches.
pub(crate) fn source(group: &GroupSummary) -> PredictSource {
    let mut timed = group
        .arms
        .iter()
        .map(|arm| &arm.costs)
        .filter(|costs| costs.predict_ms_p50.is_some() || costs.eval_samples_per_s.is_some())
        .peekable();
    if timed.peek().is_some() && timed.all(|costs| costs.predict_ms_p50.is_some()) {
        PredictSource::Alone
    } else {
        PredictSource::Batched
    }
}

/// Seconds of the search, or of the choice among candidates; what was not searched costs nothing.
pub(crate) fn search_s(costs: &Costs) -> f64 {
    costs.searched_s().unwrap_or(0.0)
}

/// Seconds of one prediction.
pub(crate) fn per_prediction(costs: &Costs, source: PredictSource) -> Option<Spread> {
    match source {
        PredictSource::Alone => costs.predict_ms_p50.map(|ms| Spread {
            median: ms.median / 1e3,
            min: ms.min / 1e3,
            max: ms.max / 1e3,
            n: ms.n,
        }),
        PredictSource::Batched => inverse(costs.eval_samples_per_s?),
    }
}

pub(crate) fn line(arm: usize, summary: &ArmSummary, source: PredictSource) -> Option<CostLine> {
    let costs = &summary.costs;
    let search = search_s(costs);
    let each = per_prediction(costs, source)?;
    Some(CostLine {
        arm,
        start: map(costs.adapt_s?, |seconds| seconds + search),
        each,
    })
}

/// Of a rising function of the values.
pub(crate) fn map(spread: Spread, of: impl Fn(f64) -> f64) -> Spread {
    Spread {
        median: of(spread.median),
        min: of(spread.min),
        max: of(spread.max),
        n: spread.n,
    }
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
    let start = dear.start.median - cheap.start.median;
    let saved = cheap.each.median - dear.each.median;
    let saved_at_least = cheap.each.min - dear.each.max;
    let start_at_least = dear.start.min - cheap.start.max;
    if start_at_least <= 0.0 || saved_at_least <= 0.0 {
        return None;
    }
    let saved_at_most = cheap.each.max - dear.each.min;
    Some(Crossing {
        dear_start: dear.arm,
        cheap_start: cheap.arm,
        predictions: start / saved,
        low: start_at_least / saved_at_most,
        high: (dear.start.max - cheap.start.min) / saved_at_least,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::costs::Costs;

    /// Seconds to adapt, to search, and texts a second: the least, middle and most of each.
    fn arm(adapt: [f64; 3], search: Option<f64>, rate: [f64; 3]) -> ArmSummary {
        let spread = |values: [f64; 3]| Spread::of(values.map(Some));
        let costs = Costs {
            adapt_s: spread(adapt),
            tune_s: Spread::of([search]),
            eval_samples_per_s: spread(rate),
            ..Costs::default()
        };
        ArmSummary {
            costs,
            ..ArmSummary::default()
        }
    }

    fn crossings(arms: Vec<ArmSummary>) -> Vec<Crossing> {
        let group = GroupSummary {
            arms,
            ..GroupSummary::default()
        };
        break_even(&group).unwrap().crossings
    }

    #[test]
    fn a_dear_start_is_made_up_for_after_the_predictions_that_the_lines_give() {
        // 20 s of search and 100 s of training, 1 ms a text; nothing at the start, 11 ms a text.
        let trained = arm([90.0, 100.0, 115.0], Some(20.0), [900.0, 1000.0, 1100.0]);
        let asked = arm([0.0, 0.0, 0.0], None, [1e3 / 12.0, 1e3 / 11.0, 100.0]);
        let [found] = crossings(vec![trained, asked])[..] else {
            panic!("one crossing expected")
        };
        assert_eq!((found.dear_start, found.cheap_start), (0, 1));
        let near = |found: f64, expected: f64| {
            assert!((found / expected - 1.0).abs() < 1e-9, "{found}, {expected}");
        };
        near(found.predictions, 120.0 / 0.010);
        near(found.low, 110.0 / (0.012 - 1.0 / 1100.0));
        near(found.high, 135.0 / (0.010 - 1.0 / 900.0));
    }

    #[test]
    fn lines_that_do_not_cross_or_whose_ranges_overlap_have_no_break_even() {
        let cheap_and_fast = arm([1.0, 1.0, 1.0], None, [900.0, 1000.0, 1100.0]);
        let dear_and_slow = arm([9.0, 9.0, 9.0], None, [90.0, 100.0, 110.0]);
        assert_eq!(crossings(vec![cheap_and_fast.clone(), dear_and_slow]), []);
        let hardly_faster = arm([9.0, 9.0, 9.0], None, [1090.0, 1200.0, 1300.0]);
        assert_eq!(crossings(vec![cheap_and_fast.clone(), hardly_faster]), []);
        let start_may_be_less = arm([0.5, 2.0, 3.0], None, [9e3, 9e3, 9e3]);
        assert_eq!(
            crossings(vec![cheap_and_fast.clone(), start_may_be_less]),
            []
        );
        let one = GroupSummary {
            arms: vec![cheap_and_fast, ArmSummary::default()],
            ..GroupSummary::default()
        };
        assert_eq!(break_even(&one), None);
    }

    #[test]
    fn single_predictions_count_only_where_every_arm_has_them() {
        let with = |alone_ms: Option<f64>| {
            let mut arm = arm([1.0, 1.0, 1.0], None, [100.0, 100.0, 100.0]);
            arm.costs.predict_ms_p50 = Spread::of([alone_ms]);
            arm
        };
        let lines = |arms: [Option<f64>; 2]| {
            let group = GroupSummary {
                arms: arms.map(with).to_vec(),
                ..GroupSummary::default()
            };
            let found = break_even(&group).unwrap();
            (found.source, found.lines[0].each.median)
        };
        assert_eq!(
            lines([Some(25.0), Some(3.0)]),
            (PredictSource::Alone, 0.025)
        );
        assert_eq!(lines([Some(25.0), None]), (PredictSource::Batched, 0.01));
    }
}
