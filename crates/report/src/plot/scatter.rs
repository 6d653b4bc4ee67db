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
    let shown = shown(points);
    if shown.is_empty() {
        return None;
    }
    let notes = notes(points, &shown);
    let mut picture = Picture::new(WIDTH, 650.0 + 19.0 * notes.len() as f64);
    let plot = Area {
        left: 82.0,
        top: 98.0,
        right: WIDTH - 22.0,
        bottom: 580.0,
    };
    frame::title(&mut picture, title, subtitle);
    key(&mut picture, 74.0);

    let labels: Vec<String> = shown.iter().map(Shown::text).collect();
    let x = cost_axis(&plot, &shown, &labels, cost.unit);
    let y = accuracy_axis(&plot, &shown);
    frame::x_axis(&mut picture, &plot, &x, cost.name);
    frame::y_axis(&mut picture, &plot, &y, "test accuracy (%)");

    let marks: Vec<Mark> = shown.iter().map(|s| mark(s, &plot, &x, &y)).collect();
    let measured = shown.iter().map(|s| (s.cost, s.point.accuracy.mean));
    let front = pareto_front(&measured.collect::<Vec<_>>());
    let of_front: Vec<Place> = front.iter().map(|i| marks[*i].at).collect();
    let stairs = stairs(&of_front, plot.right);
    picture.faint_line(&stairs, SKY, 3.0, 0.8);
    for (shown, mark) in shown.iter().zip(&marks) {
        interval(&mut picture, mark, shown.point.look);
    }
    for (i, (shown, mark)) in shown.iter().zip(&marks).enumerate() {
        picture.mark(mark.at, shown.point.look, front.contains(&i));
    }
    names(&mut picture, &plot, &shown, &labels, &marks, &stairs);
    frame::notes(&mut picture, &notes);
    Some(picture)
}

/// A point whose cost was measured.
struct Shown<'a> {
    point: &'a Point,
    cost: f64,
    /// Whether it stands at the lower edge, out of scale.
    is_below: bool,
}

impl Shown<'_> {
    /// Its label; out of scale with the accuracy that the axis does not show.
    fn text(&self) -> String {
        let label = &self.point.label;
        if self.is_below {
            let accuracy = crate::units::percent(self.point.accuracy.mean);
            format!("{label} ({accuracy})")
        } else {
            label.clone()
        }
    }
}

fn shown(points: &[Point]) -> Vec<Shown<'_>> {
    let measured: Vec<(&Point, f64)> = points.iter().filter_map(|p| Some((p, p.cost?))).collect();
    let means: Vec<f64> = measured.iter().map(|(p, _)| p.accuracy.mean).collect();
    let floor = floor(&means);
    let is_below = |point: &Point| floor.is_some_and(|floor| point.accuracy.mean < floor);
    let shown = measured.into_iter().map(|(point, cost)| Shown {
        point,
        cost,
        is_below: is_below(point),
    });
    shown.collect()
}

/// What the chart leaves out of scale, and what it leaves out.
fn notes(points: &[Point], shown: &[Shown<'_>]) -> Vec<String> {
    let mut notes = Vec::new();
    if shown.iter().any(|s| s.is_below) {
        notes.extend(frame::wrap(
            "At the lower edge, out of scale: what is far less accurate than the rest, its accuracy in brackets.",
        ));
    }
    let missing = points.iter().filter(|p| p.cost.is_none());
    let missing: Vec<&str> = missing.map(|p| p.label.as_str()).collect();
    if !missing.is_empty() {
        notes.extend(frame::wrap(&format!(
            "Not measured, hence not shown: {}.",
            missing.join(", ")
        )));
    }
    notes
}

/// Leaves room for the labels of the dearest points on their right.
fn cost_axis(plot: &Area, shown: &[Shown<'_>], labels: &[String], unit: Unit) -> Axis {
    let widths = labels.iter().map(|label| text_width(label, LABEL));
    let widest = widths.fold(0.0, f64::max);
    let costs: Vec<f64> = shown.iter().map(|s| s.cost).collect();
    let ends = (plot.left + 14.0, plot.right - 24.0 - widest);
    Axis::log(&costs, ends, unit).widened(plot.right)
}

fn accuracy_axis(plot: &Area, shown: &[Shown<'_>]) -> Axis {
    let in_scale = shown.iter().filter(|s| !s.is_below);
    let low = in_scale
        .map(|s| s.point.accuracy.interval.low)
        .fold(1.0, f64::min);
    let high = shown
        .iter()
        .map(|s| s.point.accuracy.interval.high)
        .fold(0.0, f64::max);
    let air = 0.06 * (high - low).max(0.02);
    let strip = if shown.iter().any(|s| s.is_below) {
        EDGE
    } else {
        0.0
    };
    let ends = (plot.bottom - strip, plot.top);
    Axis::linear(low - air, high + air, ends, Unit::Percent)
}

/// A point's place and the ends of its interval, which coincide with it where it is out of scale.
struct Mark {
    at: Place,
    interval: (Place, Place),
}

fn mark(shown: &Shown<'_>, plot: &Area, x: &Axis, y: &Axis) -> Mark {
    let across = x.at(shown.cost);
    let accuracy = &shown.point.accuracy;
    if shown.is_below {
        let at = (across, plot.bottom - 0.4 * EDGE);
        return Mark {
            at,
            interval: (at, at),
        };
    }
    Mark {
        at: (across, y.at(accuracy.mean)),
        interval: (
            (across, y.at(accuracy.interval.low)),
            (across, y.at(accuracy.interval.high)),
        ),
    }
}

fn interval(picture: &mut Picture, mark: &Mark, look: Look) {
    let (from, to) = mark.interval;
    if from == to {
        return;
    }
    picture.faint_line(&[from, to], look.colour, 1.3, 0.75);
    for end in [from, to] {
        let serif = [(end.0 - 3.0, end.1), (end.0 + 3.0, end.1)];
        picture.faint_line(&serif, look.colour, 1.3, 0.75);
    }
}

/// The labels, each where it covers neither another nor a line, with a leader where that is not beside its point.
fn names(
    picture: &mut Picture,
    plot: &Area,
    shown: &[Shown<'_>],
    labels: &[String],
    marks: &[Mark],
    stairs: &[Place],
) {
    let wishes = labels.iter().zip(marks).map(|(label, mark)| Wish {
        at: mark.at,
        size: (text_width(label, LABEL) + 2.0, LABEL),
    });
    let steps = stairs.windows(2).map(|w| (w[0], w[1]));
    let lines: Vec<(Place, Place)> = marks.iter().map(|m| m.interval).chain(steps).collect();
    let placed = labels::place(&wishes.collect::<Vec<_>>(), plot, &lines);
    for ((label, text), shown) in placed.iter().zip(labels).zip(shown) {
        let colour = ink(shown.point.look.colour);
        if let Some((from, to)) = label.leader {
            picture.line(&[from, to], colour, 0.8);
        }
        picture.fill(label.area.grown(-1.0), WHITE, 0.8);
        let centre = label.area.centre();
        picture.text(centre, text.as_str(), LABEL, colour, Hang::Middle);
    }
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
