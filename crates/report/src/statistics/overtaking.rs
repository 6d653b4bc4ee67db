//! At how many labels one way of adapting overtakes another.
//!
//! The difference of the two, seen at a few points, is taken to rise or to fall throughout, whichever fits better: isotonic regression takes out what
//! chance puts the other way, and between two points it is a line in the logarithm of the labels. Where that line passes zero, the two change
//! places. The interval is that of the same place in a bootstrap over seeds and test rows ([`Course::draws`]); draws that do not pass within the
//! points lie before the first or beyond the last, and so may an end of the interval.

use super::course::quantile;
use super::{CONFIDENCE, Course, critical, isotonic};

/// Where a rising difference passes zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// Below the fewest labels.
    Before,
    /// At so many.
    At(f64),
    /// Above the most.
    Beyond,
}

/// How two ways of adapting change places as labels grow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overtaking {
    /// Whether the first overtakes the second; otherwise it is overtaken.
    pub first_rises: bool,
    /// Where.
    pub at: Place,
    /// Lower end of its 95 % interval.
    pub low: Place,
    /// Upper end.
    pub high: Place,
    /// Share of the draws in which nobody overtakes anybody within the points and the same one is ahead.
    pub same_ahead: f64,
    /// Whether some point is shown to lie on one side and a later one on the other, against the direction that fits better: they change places more than
    /// once.
    pub more_than_once: bool,
}

/// What can be said of two curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They change places, and the interval lies within the points.
    Shown,
    /// They change places by the means, and the interval reaches beyond the points.
    Seen,
    /// The same one is ahead throughout, in 95 of 100 draws.
    None,
    /// The same one is ahead throughout by the means, and that may be chance.
    Open,
    /// They change places more than once.
    Several,
}

/// Draws of a bootstrap; enough for the ends of a 95 % interval to move by a few per cent of its width.
pub(crate) const DRAWS: usize = 4000;

impl Overtaking {
    /// Of the difference `first - second`; `None` with fewer than two points, or where the two answer alike throughout.
    pub fn of(course: &Course) -> Option<Self> {
        Self::with(course, &course.draws(DRAWS, 1988))
    }

    /// As [`Self::of`], with draws at hand.
    pub fn with(course: &Course, draws: &[Vec<f64>]) -> Option<Self> {
        let alike = course.means.iter().all(|mean| *mean == 0.0);
        if course.means.len() < 2 || alike || draws.is_empty() {
            return None;
        }
        let weights = weights(course);
        let first_rises = rises(&course.means, &weights);
        let sign = if first_rises { 1.0 } else { -1.0 };
        let place = |means: &[f64]| {
            let signed: Vec<f64> = means.iter().map(|mean| sign * mean).collect();
            passes_zero(&course.labels, &isotonic(&signed, &weights))
        };
        let at = place(&course.means);
        let drawn: Vec<Place> = draws.iter().map(|draw| place(draw)).collect();
        let same = drawn.iter().filter(|drawn| **drawn == at).count();
        let mut logs: Vec<f64> = drawn.iter().copied().map(Place::log).collect();
        logs.sort_by(f64::total_cmp);
        let tail = (1.0 - CONFIDENCE) / 2.0;
        Some(Self {
            first_rises,
            at,
            low: Place::of_log(quantile(&logs, tail)),
            high: Place::of_log(quantile(&logs, 1.0 - tail)),
            same_ahead: match at {
                Place::At(_) => 0.0,
                _ => same as f64 / drawn.len() as f64,
            },
            more_than_once: turns_back(course, sign),
        })
    }

    /// What can be said.
    pub fn verdict(&self) -> Verdict {
        match (self.at, self.low, self.high) {
            _ if self.more_than_once => Verdict::Several,
            (Place::At(_), Place::At(_), Place::At(_)) => Verdict::Shown,
            (Place::At(_), ..) => Verdict::Seen,
            _ if self.same_ahead >= CONFIDENCE => Verdict::None,
            _ => Verdict::Open,
        }
    }

    /// Whether the first is the one that is ahead at the most labels.
    pub fn first_ends_ahead(&self) -> bool {
        (self.at == Place::Beyond) != self.first_rises
    }
}

impl Place {
    fn log(self) -> f64 {
        match self {
            Self::Before => f64::NEG_INFINITY,
            Self::At(labels) => labels.ln(),
            Self::Beyond => f64::INFINITY,
        }
    }

    fn of_log(log: f64) -> Self {
        match log {
            f64::INFINITY => Self::Beyond,
            f64::NEG_INFINITY => Self::Before,
            log => Self::At(log.exp()),
        }
    }
}

/// The reciprocals of the points' variances; a variance of zero counts as the smallest of the others.
fn weights(course: &Course) -> Vec<f64> {
    let positive = course.variances.iter().copied().filter(|v| *v > 0.0);
    let least = positive.fold(f64::INFINITY, f64::min);
    let least = if least.is_finite() { least } else { 1.0 };
    course
        .variances
        .iter()
        .map(|v| 1.0 / v.max(least))
        .collect()
}

/// Whether a rising sequence is nearer to the means than a falling one.
fn rises(means: &[f64], weights: &[f64]) -> bool {
    let distance = |sign: f64| {
        let signed: Vec<f64> = means.iter().map(|mean| sign * mean).collect();
        let fitted = isotonic(&signed, weights);
        let squares = signed.iter().zip(&fitted).map(|(a, b)| (a - b).powi(2));
        squares
            .zip(weights)
            .map(|(square, weight)| square * weight)
            .sum::<f64>()
    };
    distance(1.0) <= distance(-1.0)
}

/// Where a rising sequence passes zero.
fn passes_zero(labels: &[f64], rising: &[f64]) -> Place {
    match rising.iter().position(|value| *value > 0.0) {
        Some(0) => Place::Before,
        None => Place::Beyond,
        Some(k) => {
            let share = -rising[k - 1] / (rising[k] - rising[k - 1]);
            let (from, to) = (labels[k - 1].ln(), labels[k].ln());
            Place::At((from + share * (to - from)).exp())
        }
    }
}

/// Whether a point is shown to be above zero and a later one below it, in a difference that is said to rise.
fn turns_back(course: &Course, sign: f64) -> bool {
    let shown = |k: usize| {
        let half = critical(course.df()) * course.variances[k].sqrt();
        let mean = sign * course.means[k];
        if mean > half {
            1
        } else if mean < -half {
            -1
        } else {
            0
        }
    };
    let sides: Vec<i32> = (0..course.means.len()).map(shown).collect();
    let first_above = sides.iter().position(|side| *side > 0);
    first_above.is_some_and(|at| sides[at..].contains(&-1))
}

#[cfg(test)]
mod tests;
