//! Which of the many pairs of ways of adapting are told in sentences: those that were the most accurate somewhere, and the best of each kind.

use super::{ArmCurve, ArmPoint, LabelCurves, PairCurve};
use crate::statistics::{Place, Verdict};

/// Sentences of crossings that are told; tables have all.
const MOST_TOLD: usize = 10;

/// The place of the most accurate arm at each point, by the means; `None` where no arm has an accuracy.
pub(crate) fn best_by_point(curves: &LabelCurves) -> Vec<Option<usize>> {
    let mean = |arm: &ArmCurve, labels: u64| {
        let point = arm.points.iter().find(|point| point.labels == labels)?;
        Some(point.accuracy.mean)
    };
    let best = |labels: &u64| {
        let means = curves.arms.iter().enumerate();
        let means = means.filter_map(|(at, arm)| Some((at, mean(arm, *labels)?)));
        // Of equals the first.
        let best = means.reduce(|best, other| if other.1 > best.1 { other } else { best });
        best.map(|(at, _)| at)
    };
    curves.points.iter().map(best).collect()
}

/// The pairs that are told: those that change places first, among each other those of the best of two kinds, and then by where they do.
pub(crate) fn told_pairs(curves: &LabelCurves) -> Vec<&PairCurve> {
    let mut leading: Vec<usize> = best_by_point(curves).into_iter().flatten().collect();
    let kinds = best_of_each_level(curves);
    leading.extend(&kinds);
    leading.sort_unstable();
    leading.dedup();
    let is_told =
        |pair: &&PairCurve| leading.contains(&pair.first) && leading.contains(&pair.second);
    let mut told: Vec<&PairCurve> = curves.pairs.iter().filter(is_told).collect();
    let key = |pair: &&PairCurve| {
        let order = match pair.found.verdict() {
            Verdict::Shown => 0,
            Verdict::Seen => 1,
            Verdict::Several => 2,
            Verdict::Open => 3,
            Verdict::None => 4,
        };
        let at = match pair.found.at {
            Place::At(labels) => labels as u64,
            Place::Before | Place::Beyond => 0,
        };
        let are_of_kinds = kinds.contains(&pair.first) && kinds.contains(&pair.second);
        (order, !are_of_kinds, at)
    };
    told.sort_by_key(key);
    told.truncate(MOST_TOLD);
    told
}

/// Of each kind of method, the most accurate arm at the most labels.
fn best_of_each_level(curves: &LabelCurves) -> Vec<usize> {
    let last = |arm: &ArmCurve| {
        arm.points
            .last()
            .map(|point: &ArmPoint| point.accuracy.mean)
    };
    let mut best: Vec<(Option<&str>, usize, f64)> = Vec::new();
    for (at, arm) in curves.arms.iter().enumerate() {
        let (level, Some(mean)) = (arm.level.as_deref(), last(arm)) else {
            continue;
        };
        match best.iter_mut().find(|other| other.0 == level) {
            Some(other) if mean > other.2 => *other = (level, at, mean),
            Some(_) => {}
            None => best.push((level, at, mean)),
        }
    }
    best.into_iter().map(|(_, at, _)| at).collect()
}
