//! Learning curves: a panel for each way of adapting, all with the same axes, a validation metric against the optimiser's steps.

use super::axis::{Axis, Unit};
use super::frame::{self, WIDTH};
use super::look::Look;
use super::picture::{AXIS, Area, Fill, GRID, HEADING, Hang, LABEL, NOTE, Picture, Place, TEXT};
use super::render::text_width;
use super::scale::listed;

/// The curves of one way of adapting, one for each seed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curves {
    pub(crate) label: String,
    pub(crate) look: Look,
    pub(crate) fill: Fill,
    pub(crate) seeds: Vec<Curve>,
}

/// One seed's course.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Curve {
    /// Steps so far and value.
    pub(crate) points: Vec<(u64, f64)>,
    /// Steps of the checkpoint that was kept.
    pub(crate) kept: Option<u64>,
}

impl Curve {
    /// The checkpoint that was kept.
    fn kept_point(&self) -> Option<(u64, f64)> {
        let kept = self.points.iter().copied();
        kept.into_iter().find(|p| Some(p.0) == self.kept)
    }
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// The axis title.
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
}

/// The chart, or `None` without any curve.
pub(crate) fn chart(
    title: &str,
    subtitle: &str,
    metric: Metric,
    all: &[Curves],
) -> Option<Picture> {
    let drawn: Vec<&Curves> = all
        .iter()
        .filter(|curves| curves.seeds.iter().any(|seed| !seed.points.is_empty()))
        .collect();
    if drawn.is_empty() {
        return None;
    }
    let values: Vec<f64> = points(&drawn).map(|p| p.1).collect();
    let range = range(&values);
    let is_cut = values.iter().any(|v| *v < range.0 || *v > range.1);
    let mut notes = Vec::new();
    if is_cut {
        notes.push("Values far beyond the others are drawn at the edge of their panel.".to_owned());
    }
    let panels = panels(drawn.len());
    let bottom = panels.iter().map(|p| p.bottom).fold(0.0, f64::max);
    let height = bottom + 56.0 + 19.0 * notes.len() as f64;
    let mut picture = Picture::new(WIDTH, height, title, description(&drawn, metric));
    frame::title(&mut picture, subtitle);
    key(&mut picture, &drawn);
    let steps = points(&drawn).map(|p| p.0).max().unwrap_or(1).max(1);
    let of_panel = panels.iter().zip(&drawn).enumerate();
    for (at, (panel, curves)) in of_panel {
        let ends = (panel.left + 4.0, panel.right - 8.0);
        let x = Axis::linear(0.0, steps as f64, ends, Unit::Count);
        let y = Axis::linear(range.0, range.1, (panel.bottom, panel.top), metric.unit);
        // The lowest panel of its column has the readings below it.
        axes(&mut picture, panel, &x, &y, at + COLUMNS >= drawn.len());
        heading(&mut picture, panel, curves);
        lines(&mut picture, panel, &x, &y, curves);
    }
    let centre = (panels[0].left + panels[panels.len().min(COLUMNS) - 1].right) / 2.0;
    let name = (centre, bottom + 40.0);
    picture.text(name, "training steps", HEADING, TEXT, Hang::Middle);
    let middle = (panels[0].top + bottom) / 2.0;
    picture.upright((20.0, middle), metric.name, HEADING, TEXT);
    frame::notes(&mut picture, &notes);
    Some(picture)
}

fn points<'a>(all: &'a [&Curves]) -> impl Iterator<Item = (u64, f64)> + 'a {
    let seeds = all.iter().flat_map(|curves| &curves.seeds);
    seeds.flat_map(|seed| seed.points.iter().copied())
}

const COLUMNS: usize = 4;
/// Height of a panel, and the room for its heading.
const PANEL: f64 = 112.0;
const HEAD: f64 = 26.0;

/// Places of `n` panels, row by row.
fn panels(n: usize) -> Vec<Area> {
    let (left, right, gap) = (76.0, WIDTH - 16.0, 14.0);
    let width = (right - left - gap * (COLUMNS - 1) as f64) / COLUMNS as f64;
    let tall = if n > COLUMNS { PANEL } else { 2.0 * PANEL };
    (0..n)
        .map(|at| {
            let (row, column) = ((at / COLUMNS) as f64, (at % COLUMNS) as f64);
            let left = left + column * (width + gap);
            let top = 96.0 + HEAD + row * (tall + HEAD + 8.0);
            Area {
                left,
                top,
                right: left + width,
                bottom: top + tall,
            }
        })
        .collect()
}

/// Of all values; where those that lie far out (three times the range of the middle half beyond it) would leave the others less than a third of the
/// axis, without them: a diverged training would leave nothing else to see.
fn range(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| sorted[(share * (sorted.len() - 1) as f64) as usize];
    let (first, third) = (at(0.25), at(0.75));
    let reach = 3.0 * (third - first).max(0.01);
    let near = (at(0.0).max(first - reach), at(1.0).min(third + reach));
    let all = (at(0.0), at(1.0));
    let (low, high) = if near.1 - near.0 < (all.1 - all.0) / 3.0 {
        near
    } else {
        all
    };
    let air = 0.06 * (high - low).max(0.01);
    (low - air, high + air)
}

fn axes(picture: &mut Picture, panel: &Area, x: &Axis, y: &Axis, is_lowest: bool) {
    let is_first = panel.left < 100.0;
    for (at, reading) in y.ticks(4) {
        picture.line(&[(panel.left, at), (panel.right, at)], GRID, 1.0);
        if is_first {
            picture.text((panel.left - 7.0, at), reading, NOTE, TEXT, Hang::End);
        }
    }
    for (at, reading) in x.ticks(3) {
        picture.line(&[(at, panel.top), (at, panel.bottom)], GRID, 1.0);
        if is_lowest {
            let place = (at, panel.bottom + 14.0);
            picture.text(place, reading, NOTE, TEXT, Hang::Middle);
        }
    }
    let frame = [
        (panel.left, panel.top),
        (panel.left, panel.bottom),
        (panel.right, panel.bottom),
    ];
    picture.line(&frame, AXIS, 1.0);
}

/// The label above its panel, cut to its width.
fn heading(picture: &mut Picture, panel: &Area, curves: &Curves) {
    let y = panel.top - 11.0;
    picture.mark((panel.left + 7.0, y), curves.look, curves.fill);
    let room = panel.right - panel.left - 20.0;
    let mut label = curves.label.clone();
    while text_width(&label, LABEL) > room {
        let shorter = label.chars().count() - 2;
        label = label.chars().take(shorter).collect::<String>() + "…";
    }
    picture.text((panel.left + 20.0, y), label, LABEL, TEXT, Hang::Start);
}

fn lines(picture: &mut Picture, panel: &Area, x: &Axis, y: &Axis, curves: &Curves) {
    let place =
        |p: &(u64, f64)| -> Place { (x.at(p.0 as f64), y.at(p.1).clamp(panel.top, panel.bottom)) };
    for seed in &curves.seeds {
        let places: Vec<Place> = seed.points.iter().map(place).collect();
        picture.arm_line(&places, curves.look, 1.1, 0.75);
    }
    for kept in curves.seeds.iter().filter_map(Curve::kept_point) {
        picture.mark(place(&kept), curves.look, curves.fill);
    }
}

fn key(picture: &mut Picture, drawn: &[&Curves]) {
    let y = 76.0;
    let fills: Vec<Fill> = drawn.iter().map(|c| c.fill).collect();
    let text = "line: a seed; marker: the checkpoint that was kept:";
    picture.text((18.0, y), text, NOTE, TEXT, Hang::Start);
    let left = 18.0 + text_width(text, NOTE) + 14.0;
    frame::key_of_fills(picture, left, y, &fills);
}

/// The chart in words: where the kept checkpoints stand.
fn description(drawn: &[&Curves], metric: Metric) -> String {
    let kept = |curves: &&Curves| {
        let values = curves.seeds.iter().filter_map(Curve::kept_point);
        let values: Vec<f64> = values.map(|p| p.1).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (!values.is_empty()).then(|| {
            let [low, high] = [low, high].map(|v| metric.unit.read(v));
            if low == high {
                format!("{} {low}", curves.label)
            } else {
                format!("{} {low} to {high}", curves.label)
            }
        })
    };
    let of: Vec<String> = drawn.iter().filter_map(kept).collect();
    format!(
        "Course of the {} over the training steps, a panel for each of {} ways of adapting and a line for each seed. At the checkpoints that were kept: {}.",
        metric.name,
        drawn.len(),
        listed(&of)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::look;

    #[test]
    fn the_marker_stands_at_the_kept_checkpoint_and_a_diverged_seed_does_not_set_the_axis() {
        let curve = |last: f64, kept| Curve {
            points: vec![(10, 0.5), (20, 0.4), (30, last)],
            kept: Some(kept),
        };
        let one = Curves {
            label: "lime".to_owned(),
            look: look::of_arms(&["lime"], &[])[0],
            fill: Fill::Half,
            seeds: vec![curve(0.45, 20), curve(1e9, 10)],
        };
        let metric = Metric {
            name: "validation loss",
            unit: Unit::Plain,
        };
        let picture = chart("Curves", "", metric, &[one]).expect("a chart");
        let panel = panels(1)[0];
        let marks: Vec<Place> = picture
            .shapes
            .iter()
            .filter_map(|shape| match shape {
                super::super::picture::Shape::Mark { at, .. } => Some(*at),
                _ => None,
            })
            .filter(|at| at.1 > panel.top)
            .collect();
        let [first, second] = marks[..] else {
            panic!("{marks:?}")
        };
        assert!(first.0 > second.0, "step 20 is right of step 10");
        assert!(
            first.1 - second.1 > 20.0,
            "0.4 stands clearly below 0.5 in spite of the 1e9: {marks:?}"
        );
        assert!(
            picture.description.contains("lime 0.4 to 0.5"),
            "{}",
            picture.description
        );
    }
}
