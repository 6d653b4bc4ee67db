//! From label curves to what their charts show.

use super::accuracy::fill;
use super::data::shortened;
use super::label_curves::{Crossing, Line, Point, apart, of_all, together};
use super::{Chart, LONGEST_LABEL, LONGEST_TITLE, look};
use crate::label_curves::{ArmCurve, LabelCurves, crossing_sentence, told_pairs};
use crate::standing::grouped;
use crate::statistics::{Place, Standing, Verdict};
use record::MethodNote;

/// Two charts for each model and task: the leading ways of adapting together, and each apart; where there are several, one of all of them.
pub(crate) fn label_charts(all: &[LabelCurves], notes: &[MethodNote]) -> Vec<Chart> {
    let mut charts = Vec::new();
    let mut families = Vec::new();
    for curves in all {
        let lines = lines(curves, notes);
        let on = |what: &str| format!("{what}: {}", shortened(&curves.title, LONGEST_TITLE));
        let about = about(curves);
        let drawn = [
            (
                "label-curves",
                together(&on("Labels"), &about, &lines, &crossings(curves, &lines)),
            ),
            (
                "label-curves-apart",
                apart(&on("Labels, one by one"), &about, &lines),
            ),
        ];
        for (name, picture) in drawn {
            charts.extend(picture.map(|picture| Chart {
                name: format!("{}--{name}", curves.slug),
                picture,
            }));
        }
        families.push((curves.title.clone(), lines));
    }
    let about = "line: mean over seeds and test examples; bands: 95 % intervals of those that lead";
    let together = of_all("Labels: all models and tasks", about, &families);
    charts.extend(together.map(|picture| Chart {
        name: "all-models--all-tasks--label-curves".to_owned(),
        picture,
    }));
    charts
}

fn about(curves: &LabelCurves) -> String {
    let ends = curves.points.first().zip(curves.points.last());
    let points = ends.map_or(String::new(), |(from, to)| {
        format!("{} to {} training examples", grouped(*from), grouped(*to))
    });
    let validation = curves.validation.filter(|n| *n > 0);
    let validation = validation.map_or(String::new(), |n| {
        format!(", {} validation examples besides", grouped(n))
    });
    let s = if curves.seeds == 1 { "" } else { "s" };
    format!(
        "{points}{validation}, {} seed{s}; bands: 95 % intervals over seeds and test examples",
        curves.seeds
    )
}

fn lines(curves: &LabelCurves, notes: &[MethodNote]) -> Vec<Line> {
    let methods: Vec<&str> = curves.arms.iter().map(|arm| arm.method.as_str()).collect();
    let looks = look::of_arms(&methods, notes);
    let leads = |arm: &ArmCurve| {
        let mut places = arm.points.iter().map(|point| point.standing);
        places.any(|place| !matches!(place, Standing::Behind | Standing::Unknown))
    };
    let line = |(arm, look): (&ArmCurve, look::Look)| Line {
        label: shortened(&arm.label, LONGEST_LABEL),
        look,
        leads: leads(arm),
        points: arm
            .points
            .iter()
            .map(|point| Point {
                labels: point.labels as f64,
                mean: point.accuracy.mean,
                interval: point.accuracy.interval,
                fill: fill(point.standing),
            })
            .collect(),
    };
    curves.arms.iter().zip(looks).map(line).collect()
}

/// Those that are shown and told, of lines that both lead somewhere.
fn crossings(curves: &LabelCurves, lines: &[Line]) -> Vec<Crossing> {
    let shown = told_pairs(curves).into_iter().filter_map(|pair| {
        let lead = lines[pair.first].leads && lines[pair.second].leads;
        match (pair.found.verdict(), pair.found.at) {
            (Verdict::Shown, Place::At(labels)) if lead => Some(Crossing {
                labels,
                accuracy: at(&lines[pair.first], labels)?,
                said: crossing_sentence(curves, pair),
            }),
            _ => None,
        }
    });
    shown.collect()
}

/// A line's accuracy between its points, on the logarithm of labels.
fn at(line: &Line, labels: f64) -> Option<f64> {
    let around = |pair: &&[Point]| pair[0].labels <= labels && labels <= pair[1].labels;
    let pair = line.points.windows(2).find(around)?;
    let share = (labels / pair[0].labels).ln() / (pair[1].labels / pair[0].labels).ln();
    Some(pair[0].mean + share * (pair[1].mean - pair[0].mean))
}
