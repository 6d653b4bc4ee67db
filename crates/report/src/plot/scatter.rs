//! Accuracy against a cost, with the front of what is worth its cost; beside it, where some do not train, accuracy against time a prediction.

use super::axis::{Axis, Unit};
use super::frame::{self, WIDTH};
use super::front::front;
use super::labels::{self, Wish};
use super::look::Look;
use super::picture::{
    AXIS, Area, Fill, HEADING, Hang, LABEL, NOTE, Picture, Place, SKY, TEXT, WHITE, ink,
};
use super::render::text_width;
use super::scale::{floor, listed};
use crate::standing::margin_points;
use crate::statistics::{Estimate, Spread};
use crate::units;

/// A way of adapting as a point; `cost` is `None` where it was not measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) label: String,
    pub(crate) look: Look,
    pub(crate) fill: Fill,
    pub(crate) accuracy: Estimate,
    pub(crate) cost: Option<Spread>,
}

/// What stands on the x axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// What the cost is called.
    pub(crate) what: &'static str,
    /// The axis title.
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
}

/// What decides which points are worth their cost.
pub(crate) struct Worth<'a> {
    /// The accuracy that a step of the front must gain.
    pub(crate) margin: f64,
    /// Whether one point (by place) is shown to be more accurate than another.
    pub(crate) is_better: &'a dyn Fn(usize, usize) -> bool,
}

/// The chart of `points`, or `None` if no cost was measured. `untrained` are those for which the cost says nothing, with their time a prediction.
pub(crate) fn chart(
    title: &str,
    subtitle: &str,
    cost: Cost,
    points: &[Point],
    untrained: &[Point],
    worth: &Worth<'_>,
) -> Option<Picture> {
    let means = points.iter().chain(untrained).filter(|p| p.cost.is_some());
    let floor = floor(&means.map(|p| p.accuracy.mean).collect::<Vec<_>>());
    let (main, side) = (shown(points, floor), shown(untrained, floor));
    if main.is_empty() {
        return None;
    }
    let front = front_of(&main, worth);
    let notes = notes(points, untrained, worth.margin);
    let height = 650.0 + 19.0 * notes.len() as f64;
    let description = description(&main, &side, &front, cost);
    let mut picture = Picture::new(WIDTH, height, title, description);
    frame::title(&mut picture, subtitle);
    key(&mut picture, 76.0, &[&main[..], &side].concat());
    let (plot, beside) = areas(&side);
    let is_cut = main.iter().chain(&side).any(|s| s.is_below);
    let y = accuracy_axis(&plot, main.iter().chain(&side), is_cut);

    let x = cost_axis(&plot, &main, cost.unit);
    frame::x_axis(&mut picture, &plot, &x, cost.name);
    frame::y_axis(&mut picture, &plot, &y, "test accuracy (%)");
    let marks: Vec<Mark> = main.iter().map(|s| mark(s, &plot, &x, &y)).collect();
    let of_front: Vec<Place> = front.iter().map(|i| marks[*i].at).collect();
    let stairs = stairs(&of_front, plot.right);
    picture.faint_line(&stairs, SKY, 3.0, 0.8);
    draw(&mut picture, &plot, &main, &marks, &stairs);
    if let Some(beside) = beside {
        let x = side_axis(&beside, &side);
        side_panel(&mut picture, &beside, &x, &y);
        let marks: Vec<Mark> = side.iter().map(|s| mark(s, &beside, &x, &y)).collect();
        draw(&mut picture, &beside, &side, &marks, &[]);
    }
    if is_cut {
        frame::y_break(&mut picture, &plot, plot.bottom - EDGE);
    }
    frame::notes(&mut picture, &notes);
    Some(picture)
}

/// A point whose cost was measured.
#[derive(Clone, Copy)]
struct Shown<'a> {
    /// Its place among all points.
    place: usize,
    point: &'a Point,
    cost: Spread,
    /// Whether it stands at the lower edge, out of scale.
    is_below: bool,
}

impl Shown<'_> {
    /// Its label; out of scale with the accuracy that the axis does not show.
    fn text(&self) -> String {
        let label = &self.point.label;
        if self.is_below {
            format!("{label} ({})", units::percent(self.point.accuracy.mean))
        } else {
            label.clone()
        }
    }
}

fn shown(points: &[Point], floor: Option<f64>) -> Vec<Shown<'_>> {
    let is_below = |point: &Point| floor.is_some_and(|floor| point.accuracy.mean < floor);
    let all = points.iter().enumerate();
    all.filter_map(|(place, point)| {
        Some(Shown {
            place,
            point,
            cost: point.cost?,
            is_below: is_below(point),
        })
    })
    .collect()
}

/// Places in `main` of the front. What is out of scale is not on it.
fn front_of(main: &[Shown<'_>], worth: &Worth<'_>) -> Vec<usize> {
    let within: Vec<usize> = (0..main.len()).filter(|i| !main[*i].is_below).collect();
    let points: Vec<(f64, f64)> = within
        .iter()
        .map(|i| (main[*i].cost.median, main[*i].point.accuracy.mean))
        .collect();
    let is_better =
        |a: usize, b: usize| (worth.is_better)(main[within[a]].place, main[within[b]].place);
    let found = front(&points, worth.margin, is_better);
    found.into_iter().map(|i| within[i]).collect()
}

/// What is where, what was left out, and what the front means.
fn notes(points: &[Point], untrained: &[Point], margin: f64) -> Vec<String> {
    let mut notes = frame::wrap(&format!(
        "Front: from left to right, each step is more than {} more accurate than the one before, and shown to be (95 % interval of their difference).",
        margin_points(margin)
    ));
    let missing = points.iter().chain(untrained).filter(|p| p.cost.is_none());
    let missing: Vec<String> = missing.map(|p| p.label.clone()).collect();
    if !missing.is_empty() {
        notes.extend(frame::wrap(&format!(
            "Not measured, hence not shown: {}.",
            listed(&missing)
        )));
    }
    notes
}

/// The plot and, where there is something to show in it, the panel on its right.
fn areas(side: &[Shown<'_>]) -> (Area, Option<Area>) {
    let plot = Area {
        left: 82.0,
        top: 98.0,
        right: WIDTH - 22.0,
        bottom: 580.0,
    };
    if side.is_empty() {
        return (plot, None);
    }
    let width = (widest(side) + 56.0).clamp(150.0, 300.0);
    let beside = Area {
        left: plot.right - width,
        ..plot
    };
    let plot = Area {
        right: beside.left - 16.0,
        ..plot
    };
    (plot, Some(beside))
}

fn widest(shown: &[Shown<'_>]) -> f64 {
    let widths = shown.iter().map(|s| text_width(&s.text(), LABEL));
    widths.fold(0.0, f64::max)
}

/// Leaves room for the label of the dearest point on its right.
fn cost_axis(plot: &Area, shown: &[Shown<'_>], unit: Unit) -> Axis {
    let dearest = shown
        .iter()
        .max_by(|a, b| a.cost.max.total_cmp(&b.cost.max));
    let room = dearest.map_or(0.0, |s| text_width(&s.text(), LABEL));
    let room = room.min(0.45 * (plot.right - plot.left));
    let ends = (plot.left + 14.0, plot.right - 24.0 - room);
    Axis::log(&ranges(shown), ends, unit).widened(plot.right)
}

/// Labels stand on either side of their points.
fn side_axis(plot: &Area, shown: &[Shown<'_>]) -> Axis {
    let ends = (plot.left + 18.0, plot.right - 18.0);
    Axis::log(&ranges(shown), ends, Unit::Seconds)
}

fn ranges(shown: &[Shown<'_>]) -> Vec<f64> {
    let ends = shown.iter().flat_map(|s| [s.cost.min, s.cost.max]);
    ends.collect()
}

fn accuracy_axis<'a>(
    plot: &Area,
    shown: impl Iterator<Item = &'a Shown<'a>>,
    is_cut: bool,
) -> Axis {
    let in_scale = shown.filter(|s| !s.is_below);
    let intervals: Vec<_> = in_scale.map(|s| s.point.accuracy.interval).collect();
    let low = intervals.iter().map(|i| i.low).fold(1.0, f64::min);
    let high = intervals.iter().map(|i| i.high).fold(0.0, f64::max);
    let air = 0.06 * (high - low).max(0.02);
    let strip = if is_cut { EDGE } else { 0.0 };
    let ends = (plot.bottom - strip, plot.top);
    Axis::linear(low - air, high + air, ends, Unit::Percent)
}

/// A point's place and its whiskers, whose ends coincide with it where there is nothing to show.
struct Mark {
    at: Place,
    /// The interval of the accuracy.
    upright: (Place, Place),
    /// The range of the cost.
    level: (Place, Place),
}

fn mark(shown: &Shown<'_>, plot: &Area, x: &Axis, y: &Axis) -> Mark {
    let accuracy = &shown.point.accuracy;
    let height = |value: f64| {
        if shown.is_below {
            plot.bottom - 0.5 * EDGE
        } else {
            y.at(value)
        }
    };
    let at = (x.at(shown.cost.median), height(accuracy.mean));
    Mark {
        at,
        upright: (
            (at.0, height(accuracy.interval.low)),
            (at.0, height(accuracy.interval.high)),
        ),
        level: ((x.at(shown.cost.min), at.1), (x.at(shown.cost.max), at.1)),
    }
}

/// Whiskers, markers and labels.
fn draw(picture: &mut Picture, plot: &Area, shown: &[Shown<'_>], marks: &[Mark], stairs: &[Place]) {
    for (shown, mark) in shown.iter().zip(marks) {
        whiskers(picture, mark, shown.point.look);
    }
    for (shown, mark) in shown.iter().zip(marks) {
        picture.mark(mark.at, shown.point.look, shown.point.fill);
    }
    names(picture, plot, shown, marks, stairs);
}

fn whiskers(picture: &mut Picture, mark: &Mark, look: Look) {
    for ((from, to), (dx, dy)) in [(mark.upright, (3.0, 0.0)), (mark.level, (0.0, 3.0))] {
        if (to.0 - from.0).hypot(to.1 - from.1) < 1.0 {
            continue;
        }
        picture.faint_line(&[from, to], look.colour, 1.2, 0.5);
        for end in [from, to] {
            let serif = [(end.0 - dx, end.1 - dy), (end.0 + dx, end.1 + dy)];
            picture.faint_line(&serif, look.colour, 1.2, 0.5);
        }
    }
}

/// The labels, each where it covers neither another nor a line, with a leader where that is not beside its point.
fn names(
    picture: &mut Picture,
    plot: &Area,
    shown: &[Shown<'_>],
    marks: &[Mark],
    stairs: &[Place],
) {
    let labels: Vec<String> = shown.iter().map(Shown::text).collect();
    let wishes = labels.iter().zip(marks).map(|(label, mark)| Wish {
        at: mark.at,
        size: (text_width(label, LABEL) + 2.0, LABEL),
    });
    let steps = stairs.windows(2).map(|w| (w[0], w[1]));
    let whiskers = marks.iter().flat_map(|m| [m.upright, m.level]);
    let height = plot.bottom - EDGE;
    let cut = shown.iter().any(|s| s.is_below);
    let cut = cut.then_some(((plot.left, height), (plot.right, height)));
    let lines: Vec<(Place, Place)> = whiskers.chain(steps).chain(cut).collect();
    let placed = labels::place(&wishes.collect::<Vec<_>>(), plot, &lines);
    for ((label, text), shown) in placed.iter().zip(labels).zip(shown) {
        let colour = ink(shown.point.look.colour);
        if let Some((from, to)) = label.leader {
            picture.line(&[from, to], colour, 0.8);
        }
        picture.fill(label.area.grown(-1.0), WHITE, 0.8);
        let centre = label.area.centre();
        picture.text(centre, text, LABEL, colour, Hang::Middle);
    }
}

/// Grid and axes of the panel on the right, which shares the other's heights.
fn side_panel(picture: &mut Picture, plot: &Area, x: &Axis, y: &Axis) {
    frame::x_axis(picture, plot, x, "");
    frame::y_grid(picture, plot, y);
    let centre = (plot.left + plot.right) / 2.0;
    let name = (centre, plot.bottom + 42.0);
    picture.text(name, "time a prediction", HEADING, TEXT, Hang::Middle);
    let head = (centre, plot.top + 12.0);
    picture.text(head, "not trained", NOTE, AXIS, Hang::Middle);
}

/// Height of the strip below the scale for points that are out of it.
const EDGE: f64 = 50.0;

/// What line, fillings and whiskers mean, in one row.
fn key(picture: &mut Picture, y: f64, shown: &[Shown<'_>]) {
    picture.faint_line(&[(18.0, y), (42.0, y)], SKY, 3.0, 0.8);
    picture.text((49.0, y), "front (see below)", NOTE, TEXT, Hang::Start);
    let fills: Vec<Fill> = shown.iter().map(|s| s.point.fill).collect();
    let left = 49.0 + text_width("front (see below)", NOTE) + 22.0;
    let next = frame::key_of_fills(picture, left, y, &fills);
    let (centre, half) = (next + 8.0, 7.0);
    picture.line(&[(centre, y - half), (centre, y + half)], AXIS, 1.3);
    picture.line(&[(centre - half, y), (centre + half, y)], AXIS, 1.3);
    let text = "95 % interval; range of the cost over seeds";
    picture.text((centre + 14.0, y), text, NOTE, TEXT, Hang::Start);
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

/// The chart in words: the front from cheap to dear, and what does not train.
fn description(main: &[Shown<'_>], side: &[Shown<'_>], front: &[usize], cost: Cost) -> String {
    let point = |shown: &Shown<'_>, unit: Unit| {
        let accuracy = units::percent(shown.point.accuracy.mean);
        let cost = unit.read(shown.cost.median);
        format!("{} {accuracy} % at {cost}", shown.point.label)
    };
    let steps: Vec<String> = front.iter().map(|i| point(&main[*i], cost.unit)).collect();
    let mut text = format!(
        "Test accuracy of {} ways of adapting against {}. Worth their cost, from cheap to dear: {}.",
        main.len(),
        cost.what,
        listed(&steps)
    );
    if !side.is_empty() {
        let of: Vec<String> = side.iter().map(|s| point(s, Unit::Seconds)).collect();
        text += &format!(" Not trained, against time a prediction: {}.", listed(&of));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::look;
    use crate::plot::picture::Shape;
    use crate::statistics::{Scores, estimate_from_scores};

    fn point(label: &str, accuracy: f64, costs: &[f64]) -> Point {
        let scores = Scores {
            accuracy,
            rows: 1000,
        };
        Point {
            label: label.to_owned(),
            look: look::of_arms(&[label], &[])[0],
            fill: Fill::Hollow,
            accuracy: estimate_from_scores(&[scores]).unwrap(),
            cost: Spread::of(costs.iter().copied().map(Some)),
        }
    }

    const TIME: Cost = Cost {
        what: "time",
        name: "time",
        unit: Unit::Seconds,
    };

    fn drawn(
        points: &[Point],
        untrained: &[Point],
        is_better: &dyn Fn(usize, usize) -> bool,
    ) -> Picture {
        let worth = Worth {
            margin: 0.01,
            is_better,
        };
        chart("Accuracy", "", TIME, points, untrained, &worth).unwrap()
    }

    fn points() -> Vec<Point> {
        vec![
            point("far", 0.10, &[0.1]),
            point("cheap", 0.84, &[1.0, 2.0, 9.0]),
            point("middle", 0.845, &[5.0]),
            point("dear", 0.87, &[60.0]),
            point("unmeasured", 0.86, &[]),
        ]
    }

    #[test]
    fn the_front_leaves_out_what_is_out_of_scale_within_the_margin_or_not_shown() {
        let picture = drawn(&points(), &[], &|_, _| true);
        let words = &picture.description;
        assert!(
            words.ends_with("from cheap to dear: cheap 84.0 % at 2 s and dear 87.0 % at 1 min."),
            "{words}"
        );
        // Places are those of all points, the one out of scale among them.
        let not_shown = drawn(&points(), &[], &|a, b| (a, b) != (3, 1));
        assert!(
            not_shown
                .description
                .ends_with("from cheap to dear: cheap 84.0 % at 2 s.")
        );
        let missing = "Not measured, hence not shown: unmeasured.";
        let says = |shape: &Shape| matches!(shape, Shape::Text(label) if label.text == missing);
        assert!(picture.shapes.iter().any(says));
    }

    #[test]
    fn whiskers_reach_from_the_least_to_the_highest_cost() {
        let picture = drawn(&points(), &[], &|_, _| true);
        let cheap = look::of_arms(&["cheap"], &[])[0];
        let at = picture.shapes.iter().find_map(|shape| match shape {
            Shape::Mark { at, look, .. } if *look == cheap => Some(*at),
            _ => None,
        });
        let at = at.expect("a marker");
        let level = picture.shapes.iter().find_map(|shape| match shape {
            Shape::Line { points, colour, .. }
                if *colour == cheap.colour
                    && points.len() == 2
                    && points[0].1 == at.1
                    && points[1].1 == at.1 =>
            {
                Some((points[0].0, points[1].0))
            }
            _ => None,
        });
        let (from, to) = level.expect("a whisker along the cost");
        // 1 to 9 around 2 on a logarithmic axis.
        let share = (at.0 - from) / (to - from);
        assert!((share - 2_f64.ln() / 9_f64.ln()).abs() < 0.02, "{share}");
    }

    #[test]
    fn what_does_not_train_stands_in_a_panel_of_its_own_with_the_same_heights() {
        let asks = point("asks", 0.86, &[0.007]);
        let equal = point("equal", 0.86, &[3.0]);
        let all: Vec<Point> = points().into_iter().chain([equal]).collect();
        let picture = drawn(&all, &[asks], &|_, _| true);
        let place = |label: &str| {
            let of = look::of_arms(&[label], &[])[0];
            let mark = |shape: &Shape| match shape {
                Shape::Mark { at, look, .. } if *look == of => Some(*at),
                _ => None,
            };
            picture.shapes.iter().find_map(mark).expect("a marker")
        };
        assert_eq!(place("asks").1, place("equal").1);
        assert!(all[..4].iter().all(|p| place(&p.label).0 < place("asks").0));
        let words = &picture.description;
        assert!(
            words.ends_with("Not trained, against time a prediction: asks 86.0 % at 7 ms."),
            "{words}"
        );
    }
}
