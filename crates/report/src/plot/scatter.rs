//! Accuracy against a cost, with the Pareto front: what can be had for less, and what is dominated: another is as accurate for less.

use super::axis::{Axis, Unit};
use super::frame::{self, WIDTH};
use super::labels::{self, Wish};
use super::picture::{AXIS, Area, Hang, LABEL, Look, NOTE, Picture, Place, SKY, TEXT, WHITE, ink};
use super::render::text_width;
use crate::statistics::Estimate;

/// A way of adapting as a point; `cost` is `None` where it was not measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) label: String,
    pub(crate) look: Look,
    pub(crate) accuracy: Estimate,
    pub(crate) cost: Option<f64>,
}

/// What stands on the x axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// The axis title.
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
}

/// Places in `points` that no other point beats: none is at least as accurate for at most the cost, and better in one of the two.
/// By rising cost.
pub fn pareto_front(points: &[(f64, f64)]) -> Vec<usize> {
    let beats =
        |a: &(f64, f64), b: &(f64, f64)| a.0 <= b.0 && a.1 >= b.1 && (a.0 < b.0 || a.1 > b.1);
    let mut front: Vec<usize> = (0..points.len())
        .filter(|i| !points.iter().any(|p| beats(p, &points[*i])))
        .collect();
    front.sort_by(|a, b| points[*a].0.total_cmp(&points[*b].0));
    front
}

/// The chart of `points`, or `None` if no cost was measured.
pub(crate) fn chart(title: &str, subtitle: &str, cost: Cost, points: &[Point]) -> Option<Picture> {
    let shown: Vec<(&Point, f64)> = points.iter().filter_map(|p| Some((p, p.cost?))).collect();
    if shown.is_empty() {
        return None;
    }
    let missing: Vec<&str> = points
        .iter()
        .filter(|p| p.cost.is_none())
        .map(|p| p.label.as_str())
        .collect();
    let means: Vec<f64> = shown.iter().map(|(p, _)| p.accuracy.mean).collect();
    let floor = floor(&means);
    let is_below = |point: &Point| floor.is_some_and(|floor| point.accuracy.mean < floor);
    let mut notes = Vec::new();
    if floor.is_some() {
        notes.extend(frame::wrap(
            "At the lower edge, out of scale: what is far less accurate than the rest, its accuracy in brackets.",
        ));
    }
    if !missing.is_empty() {
        notes.extend(frame::wrap(&format!(
            "Not measured, hence not shown: {}.",
            missing.join(", ")
        )));
    }
    let labels: Vec<String> = shown
        .iter()
        .map(|(p, _)| match is_below(p) {
            true => format!("{} ({})", p.label, crate::units::percent(p.accuracy.mean)),
            false => p.label.clone(),
        })
        .collect();
    let mut picture = Picture::new(WIDTH, 650.0 + 19.0 * notes.len() as f64);
    let plot = Area {
        left: 82.0,
        top: 98.0,
        right: WIDTH - 22.0,
        bottom: 580.0,
    };
    frame::title(&mut picture, title, subtitle);
    key(&mut picture, 74.0);

    // Room for the labels of the dearest points on their right.
    let widest = labels
        .iter()
        .map(|label| text_width(label, LABEL))
        .fold(0.0, f64::max);
    let costs: Vec<f64> = shown.iter().map(|(_, cost)| *cost).collect();
    let x = Axis::log(
        &costs,
        (plot.left + 14.0, plot.right - 24.0 - widest),
        cost.unit,
    )
    .widened(plot.right);
    let low = shown
        .iter()
        .filter(|(p, _)| !is_below(p))
        .map(|(p, _)| p.accuracy.interval.low)
        .fold(1.0, f64::min);
    let high = shown
        .iter()
        .map(|(p, _)| p.accuracy.interval.high)
        .fold(0.0, f64::max);
    let air = 0.06 * (high - low).max(0.02);
    let y = Axis::linear(
        low - air,
        high + air,
        (
            plot.bottom - if floor.is_some() { EDGE } else { 0.0 },
            plot.top,
        ),
        Unit::Percent,
    );
    frame::x_axis(&mut picture, &plot, &x, cost.name);
    frame::y_axis(&mut picture, &plot, &y, "test accuracy (%)");

    let places: Vec<Place> = shown
        .iter()
        .map(|(p, cost)| match is_below(p) {
            true => (x.at(*cost), plot.bottom - 0.4 * EDGE),
            false => (x.at(*cost), y.at(p.accuracy.mean)),
        })
        .collect();
    let front = pareto_front(
        &shown
            .iter()
            .map(|(p, cost)| (*cost, p.accuracy.mean))
            .collect::<Vec<_>>(),
    );
    let stairs = stairs(
        &front.iter().map(|i| places[*i]).collect::<Vec<_>>(),
        plot.right,
    );
    picture.faint_line(&stairs, SKY, 3.0, 0.8);
    let bars: Vec<(Place, Place)> = shown
        .iter()
        .zip(&places)
        .map(|((p, _), at)| match is_below(p) {
            true => (*at, *at),
            false => (
                (at.0, y.at(p.accuracy.interval.low)),
                (at.0, y.at(p.accuracy.interval.high)),
            ),
        })
        .collect();
    for ((point, _), (from, to)) in shown.iter().zip(&bars).filter(|(_, (from, to))| from != to) {
        picture.faint_line(&[*from, *to], point.look.colour, 1.3, 0.75);
        for end in [from, to] {
            picture.faint_line(
                &[(end.0 - 3.0, end.1), (end.0 + 3.0, end.1)],
                point.look.colour,
                1.3,
                0.75,
            );
        }
    }
    let wishes: Vec<Wish> = labels
        .iter()
        .zip(&places)
        .map(|(label, at)| Wish {
            at: *at,
            size: (text_width(label, LABEL) + 2.0, LABEL),
        })
        .collect();
    let lines: Vec<(Place, Place)> = bars
        .iter()
        .copied()
        .chain(stairs.windows(2).map(|w| (w[0], w[1])))
        .collect();
    let placed = labels::place(&wishes, &plot, &lines);
    for (i, ((point, _), at)) in shown.iter().zip(&places).enumerate() {
        picture.mark(*at, point.look, front.contains(&i));
    }
    for ((label, text), (point, _)) in placed.iter().zip(&labels).zip(&shown) {
        if let Some((from, to)) = label.leader {
            picture.line(&[from, to], ink(point.look.colour), 0.8);
        }
        picture.fill(label.area.grown(-1.0), WHITE, 0.8);
        picture.text(
            label.area.centre(),
            text.as_str(),
            LABEL,
            ink(point.look.colour),
            Hang::Middle,
        );
    }
    frame::notes(&mut picture, &notes);
    Some(picture)
}

/// Height of the strip below the scale for points that are out of it.
const EDGE: f64 = 34.0;

/// The accuracy below which points are out of scale, if some are and the rest would otherwise be squeezed into half of the axis: four times as far
/// below the best as the median is. More than a third of the points is never put out of scale.
fn floor(means: &[f64]) -> Option<f64> {
    let mut sorted = means.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (best, worst) = (*sorted.first()?, *sorted.last()?);
    let floor = best - 4.0 * (best - sorted[sorted.len() / 2]);
    let within = sorted.iter().filter(|mean| **mean >= floor).count();
    let squeezed = best - sorted[within.max(1) - 1] < 0.5 * (best - worst);
    (within < sorted.len() && 3 * within >= 2 * sorted.len() && squeezed).then_some(floor)
}

/// What line and fillings mean, in one row.
fn key(picture: &mut Picture, y: f64) {
    let grey = |marker| Look {
        colour: AXIS,
        marker,
    };
    let circle = grey(super::picture::Marker::Circle);
    picture.faint_line(&[(18.0, y), (46.0, y)], SKY, 3.0, 0.8);
    picture.mark((32.0, y), circle, true);
    let first = "Pareto front: best accuracy for the cost";
    picture.text((54.0, y), first, NOTE, TEXT, Hang::Start);
    let next = 54.0 + text_width(first, NOTE) + 26.0;
    picture.mark((next, y), circle, false);
    let second = "dominated: another is as accurate for less";
    picture.text((next + 12.0, y), second, NOTE, TEXT, Hang::Start);
    let last = next + 12.0 + text_width(second, NOTE) + 26.0;
    picture.line(&[(last, y - 7.0), (last, y + 7.0)], AXIS, 1.3);
    picture.text((last + 9.0, y), "95 % interval", NOTE, TEXT, Hang::Start);
}

/// The front as stairs: the accuracy to be had at a cost is that of the dearest point below it.
fn stairs(front: &[Place], right: f64) -> Vec<Place> {
    let mut line: Vec<Place> = Vec::new();
    for at in front {
        if let Some(before) = line.last().copied() {
            line.push((at.0, before.1));
        }
        line.push(*at);
    }
    line.extend(line.last().map(|last| (right, last.1)));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_points_far_below_a_crowd_are_out_of_scale_and_no_others() {
        let crowd = [0.87, 0.86, 0.86, 0.85, 0.85, 0.84];
        let with = |more: &[f64]| floor(&[&crowd[..], more].concat());
        assert_eq!(with(&[]), None);
        let below = with(&[0.01, 0.6]).expect("two of eight");
        assert!(below > 0.6 && below < 0.84, "{below}");
        assert_eq!(with(&[0.83, 0.82]), None, "not far");
        assert_eq!(with(&[0.1, 0.2, 0.3, 0.4]), None, "too many to leave out");
        assert_eq!(floor(&[0.5, 0.5, 0.5]), None);
        assert_eq!(floor(&[]), None);
    }

    #[test]
    fn the_front_holds_exactly_what_nothing_beats() {
        let points = [
            (5.0, 0.8),
            (1.0, 0.5),
            (2.0, 0.5),
            (3.0, 0.9),
            (0.0, 0.4),
            (9.0, 0.95),
            (9.0, 0.94),
        ];
        assert_eq!(pareto_front(&points), [4, 1, 3, 5]);
        assert_eq!(
            pareto_front(&[(1.0, 0.5), (1.0, 0.5)]),
            [0, 1],
            "equals do not beat each other"
        );
        assert!(pareto_front(&[]).is_empty());
    }
}
