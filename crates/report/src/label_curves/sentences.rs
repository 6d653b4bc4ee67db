//! Label curves in sentences: who leads where, who overtakes whom, what the next doubling is worth.

use super::{ArmCurve, LabelCurves, PairCurve, best_by_point, told_pairs};
use crate::standing::{grouped, points, signed};
use crate::statistics::{Growth, Place, Standing, Verdict};
use crate::units;

/// Arms whose next doubling is told.
const MOST_GROWTHS: usize = 3;

/// The curves in sentences: who leads where, who overtakes whom, what the next doubling is worth.
pub(crate) fn sentences(curves: &LabelCurves) -> Vec<String> {
    let mut said = Vec::new();
    said.extend(leads(curves));
    said.extend(
        told_pairs(curves)
            .into_iter()
            .map(|pair| crossing_sentence(curves, pair)),
    );
    if let Some(n) = curves.validation.filter(|n| *n > 0) {
        said.push(format!(
            "Validation takes {} labels besides, the same at every point: they are labels too.",
            grouped(n)
        ));
    }
    if curves.seeds == 1 {
        said.push(
            "One seed, and with it one draw of the training examples: how much that moves a curve is unknown, and all intervals are over the test \
             examples alone."
                .to_owned(),
        );
    }
    said.extend(growths(curves));
    said
}

/// `Most accurate by the means: knn at 8 and 16 training examples, lora at 32 to 512.`
fn leads(curves: &LabelCurves) -> Option<String> {
    let best = best_by_point(curves);
    let led: Vec<(usize, u64)> = best
        .iter()
        .zip(&curves.points)
        .filter_map(|(best, labels)| Some(((*best)?, *labels)))
        .collect();
    let stretches: Vec<String> = led
        .chunk_by(|a, b| a.0 == b.0)
        .map(|stretch| {
            let label = &curves.arms[stretch[0].0].label;
            let (from, to) = (grouped(stretch[0].1), grouped(stretch[stretch.len() - 1].1));
            match stretch.len() {
                1 => format!("{label} at {from}"),
                2 => format!("{label} at {from} and {to}"),
                _ => format!("{label} at {from} to {to}"),
            }
        })
        .collect();
    (!stretches.is_empty()).then(|| {
        format!(
            "Most accurate by the means, by training examples: {}.",
            stretches.join(", ")
        )
    })
}

/// `lime overtakes oak at 140 training examples [89, 1,300].`
pub(crate) fn crossing_sentence(curves: &LabelCurves, pair: &PairCurve) -> String {
    let [first, second] = [pair.first, pair.second].map(|at| &curves.arms[at].label);
    let found = &pair.found;
    let range = format!("{} to {}", grouped(pair.range.0), grouped(pair.range.1));
    let (riser, other) = if found.first_rises {
        (first, second)
    } else {
        (second, first)
    };
    let (ahead, behind) = if found.first_ends_ahead() {
        (first, second)
    } else {
        (second, first)
    };
    let end = |place: Place| match place {
        Place::Before => format!("below {}", grouped(pair.range.0)),
        Place::At(labels) => about(labels),
        Place::Beyond => format!("above {}", grouped(pair.range.1)),
    };
    let interval = format!("[{}, {}]", end(found.low), end(found.high));
    let at = end(found.at);
    match found.verdict() {
        Verdict::Shown => {
            format!("{riser} overtakes {other} at {at} training examples {interval}.")
        }
        Verdict::Seen => format!(
            "{riser} overtakes {other} at {at} training examples by the means; that is not settled: {interval}."
        ),
        Verdict::Several => {
            format!(
                "{first} and {second} change places more than once within {range} training examples."
            )
        }
        Verdict::None => format!(
            "{behind} does not overtake {ahead} within {range} training examples, nor the other way round: {ahead} is ahead throughout."
        ),
        Verdict::Open => format!(
            "{ahead} is ahead of {behind} within {range} training examples by the means; whether one overtakes the other there is open."
        ),
    }
}

/// A number of labels to two digits: no crossing is known more closely.
fn about(labels: f64) -> String {
    let unit = 10_f64.powf((labels.log10().floor() - 1.0).max(0.0));
    grouped(((labels / unit).round() * unit) as u64)
}

/// What the next doubling is worth to those that are not behind at the last point, the most accurate first.
fn growths(curves: &LabelCurves) -> Vec<String> {
    let last = curves.points.last().copied();
    let at_last = |arm: &&ArmCurve| {
        let point = arm.points.last()?;
        let counts = Some(point.labels) == last && point.standing != Standing::Behind;
        counts.then_some(point.accuracy.mean)
    };
    let mut arms: Vec<&ArmCurve> = curves
        .arms
        .iter()
        .filter(|arm| at_last(arm).is_some())
        .collect();
    arms.sort_by(|a, b| {
        at_last(b)
            .unwrap_or(0.0)
            .total_cmp(&at_last(a).unwrap_or(0.0))
    });
    let said = arms.into_iter().filter_map(|arm| {
        let growth = arm.growth.as_ref()?;
        Some(growth_of(&arm.label, growth, curves.margin))
    });
    said.take(MOST_GROWTHS).collect()
}

fn growth_of(label: &str, growth: &Growth, margin: f64) -> String {
    let [from, to] = [growth.from, 2.0 * growth.from].map(|labels| grouped(labels as u64));
    let interval = growth.interval;
    let worth = format!(
        "The next doubling of the training examples, {from} to {to}, is worth {} points [{}, {}] to {label} if its curve goes on",
        signed(growth.gain),
        points(interval.low),
        points(interval.high)
    );
    let Some(check) = growth.check else {
        return format!("{worth}; two points cannot check that.");
    };
    let (off, within) = check.off;
    let figures = format!(
        "foretold from {}, {from} would have {} %, and has {} ({} [{}, {}])",
        grouped(check.seen as u64),
        units::percent(check.foretold),
        units::percent(check.measured),
        signed(off),
        points(within.low),
        points(within.high)
    );
    if check.held(margin) {
        format!("{worth}; {figures}.")
    } else {
        format!("{worth}. Do not count on it, the last forecast failed: {figures}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::{Interval, Overtaking};

    fn curves(found: Overtaking) -> LabelCurves {
        let arm = |label: &str| ArmCurve {
            label: label.to_owned(),
            ..ArmCurve::default()
        };
        LabelCurves {
            points: vec![8, 1000],
            arms: vec![arm("lime"), arm("oak")],
            pairs: vec![PairCurve {
                first: 0,
                second: 1,
                range: (8, 1000),
                found,
            }],
            ..LabelCurves::default()
        }
    }

    fn said(found: Overtaking) -> String {
        let curves = curves(found);
        crossing_sentence(&curves, &curves.pairs[0])
    }

    const SHOWN: Overtaking = Overtaking {
        first_rises: true,
        at: Place::At(141.3),
        low: Place::At(88.9),
        high: Place::At(1263.0),
        same_ahead: 0.0,
        more_than_once: false,
    };

    #[test]
    fn each_verdict_has_its_sentence() {
        assert_eq!(
            said(SHOWN),
            "lime overtakes oak at 140 training examples [89, 1,300]."
        );
        let falls = Overtaking {
            first_rises: false,
            low: Place::Before,
            ..SHOWN
        };
        assert_eq!(
            said(falls),
            "oak overtakes lime at 140 training examples by the means; that is not settled: [below 8, 1,300]."
        );
        let throughout = Overtaking {
            at: Place::Beyond,
            high: Place::Beyond,
            low: Place::Beyond,
            same_ahead: 0.97,
            ..SHOWN
        };
        assert_eq!(
            said(throughout),
            "lime does not overtake oak within 8 to 1,000 training examples, nor the other way round: oak is ahead throughout."
        );
        let open = Overtaking {
            same_ahead: 0.6,
            at: Place::Before,
            ..throughout
        };
        assert!(said(open).starts_with("lime is ahead of oak within 8 to 1,000"));
        let several = Overtaking {
            more_than_once: true,
            ..SHOWN
        };
        assert!(said(several).contains("more than once"));
    }

    #[test]
    fn a_forecast_whose_check_failed_says_so() {
        let check = crate::statistics::Check {
            seen: 500.0,
            foretold: 0.84,
            measured: 0.81,
            off: (
                -0.03,
                Interval {
                    low: -0.041,
                    high: -0.019,
                },
            ),
        };
        let growth = Growth {
            from: 1000.0,
            gain: 0.012,
            interval: Interval {
                low: 0.006,
                high: 0.019,
            },
            check: Some(check),
        };
        let said = growth_of("lime", &growth, 0.01);
        assert!(
            said.contains("1,000 to 2,000, is worth +1.2 points [0.6, 1.9] to lime"),
            "{said}"
        );
        assert!(
            said.contains("the last forecast failed: foretold from 500, 1,000 would have 84.0 %, and has 81.0 (-3.0 [-4.1, -1.9])"),
            "{said}"
        );
        assert!(!growth_of("lime", &growth, 0.02).contains("failed"));
    }
}
