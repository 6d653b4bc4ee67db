//! What a way of adapting costs in total, against the number of predictions: what starts dear and predicts cheaply pays off in the end.

use super::axis::{Axis, Unit};
use super::frame::{self, WIDTH};
use super::labels::spread;
use super::look::Look;
use super::picture::{Area, Fill, Hang, LABEL, NOTE, Picture, Place, QUIET, TEXT, WHITE};
use super::render::text_width;
use super::scale::listed;
use crate::units;

/// What is counted: time or money.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measure {
    pub(crate) unit: Unit,
    /// The title of the axis.
    pub(crate) axis: &'static str,
}

/// A way of adapting: what it takes before the first prediction, and for each.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) look: Look,
    pub(crate) fill: Fill,
    pub(crate) start: f64,
    pub(crate) each: f64,
}

impl Line {
    fn after(&self, predictions: f64) -> f64 {
        self.start + predictions * self.each
    }
}

/// Where a line falls below another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Crossing {
    /// The one that is dearer at first.
    pub(crate) dear_start: String,
    /// The other.
    pub(crate) cheap_start: String,
    pub(crate) predictions: f64,
    /// Range of the predictions.
    pub(crate) range: (f64, f64),
    /// What both have taken then.
    pub(crate) taken: f64,
}

/// The chart, or `None` unless two lines are to be compared. `crossings` are of lines that are not behind, the earliest first.
pub(crate) fn chart(
    title: &str,
    subtitle: &str,
    measure: Measure,
    lines: &[Line],
    crossings: &[Crossing],
) -> Option<Picture> {
    let timed: Vec<&Line> = lines.iter().filter(|l| l.after(1.0) > 0.0).collect();
    if timed.len() < 2 {
        return None;
    }
    let last = crossings.iter().map(|c| c.predictions).fold(0.0, f64::max);
    let most = 10_f64.powf((10.0 * last).max(1e5).log10().ceil()).min(1e9);
    let lowest = lowest(&timed);
    let (drawn, below): (Vec<&Line>, Vec<&Line>) =
        timed.iter().partition(|l| l.after(most) > lowest);
    let names = drawn.iter().map(|l| text_width(&l.label, LABEL));
    let plot = Area {
        left: 96.0,
        top: 98.0,
        right: WIDTH - names.fold(0.0, f64::max) - 62.0,
        bottom: (98.0 + 17.5 * drawn.len() as f64).max(480.0),
    };
    let notes = notes(crossings, &below);
    let height = plot.bottom + 68.0 + 19.0 * notes.len() as f64;
    let description = description(&timed, crossings, most, measure.unit);
    let mut picture = Picture::new(WIDTH, height, title, description);
    frame::title(&mut picture, subtitle);
    let fills: Vec<Fill> = drawn.iter().map(|l| l.fill).collect();
    let next = frame::key_of_fills(&mut picture, 20.0, 76.0, &fills);
    crossing_mark(&mut picture, (next + 6.0, 76.0));
    let text = "break-even of two that are not behind";
    picture.text((next + 18.0, 76.0), text, NOTE, TEXT, Hang::Start);

    let x = Axis::log(&[1.0, most], (plot.left, plot.right), Unit::Count);
    let highest = drawn.iter().map(|l| l.after(most)).fold(0.0, f64::max);
    let y = Axis::log(&[lowest, highest], (plot.bottom, plot.top), measure.unit);
    frame::x_axis(&mut picture, &plot, &x, "predictions");
    frame::y_axis(&mut picture, &plot, &y, measure.axis);
    for line in &drawn {
        let behind = line.fill == Fill::Hollow;
        let (width, opacity) = if behind { (1.1, 0.6) } else { (2.0, 1.0) };
        let course = course(line, lowest, most, &x, &y);
        picture.arm_line(&course, line.look, width, opacity);
    }
    for crossing in crossings.iter().filter(|c| c.predictions <= most) {
        let at = (x.at(crossing.predictions), y.at(crossing.taken));
        crossing_mark(&mut picture, at);
    }
    let ends = drawn
        .iter()
        .map(|line| (x.at(most), y.at(line.after(most))));
    labels(&mut picture, &plot, &drawn, &ends.collect::<Vec<_>>());
    frame::notes(&mut picture, &notes);
    Some(picture)
}

/// Where the axis of costs begins: at the cheapest, but not below a thousandth of the cheapest that is not behind. A rule that costs microseconds
/// would take half of the chart.
fn lowest(lines: &[&Line]) -> f64 {
    let cheapest = |keep: fn(&&&Line) -> bool| {
        let costs = lines.iter().filter(keep).map(|l| l.after(1.0));
        costs.fold(f64::INFINITY, f64::min)
    };
    let all = cheapest(|_| true);
    let shown = cheapest(|l| l.fill != Fill::Hollow);
    if shown.is_finite() {
        all.max(shown / 1000.0)
    } else {
        all
    }
}

/// A line on logarithmic axes bends; from where it costs `lowest` on.
fn course(line: &Line, lowest: f64, most: f64, x: &Axis, y: &Axis) -> Vec<Place> {
    const POINTS: usize = 96;
    let at = |i: usize| most.powf(i as f64 / (POINTS - 1) as f64);
    let points = (0..POINTS).map(|i| (at(i), line.after(at(i))));
    points
        .filter(|(_, cost)| *cost >= lowest)
        .map(|(predictions, cost)| (x.at(predictions), y.at(cost)))
        .collect()
}

fn crossing_mark(picture: &mut Picture, at: Place) {
    picture.fill(Area::around(at, 4.0, 4.0), TEXT, 1.0);
    picture.fill(Area::around(at, 2.2, 2.2), WHITE, 1.0);
}

/// The labels right of the plot, each beside the end of its line as far as the others leave room.
fn labels(picture: &mut Picture, plot: &Area, lines: &[&Line], ends: &[Place]) {
    let wanted: Vec<f64> = ends.iter().map(|e| e.1).collect();
    let heights = spread(&wanted, LABEL + 1.0, plot.top + 4.0, plot.bottom - 4.0);
    for ((line, end), height) in lines.iter().zip(ends).zip(heights) {
        let leader = [
            *end,
            (plot.right + 12.0, height),
            (plot.right + 18.0, height),
        ];
        picture.line(&leader, QUIET, 0.7);
        picture.mark((plot.right + 26.0, height), line.look, line.fill);
        let at = (plot.right + 38.0, height);
        picture.text(at, line.label.as_str(), LABEL, TEXT, Hang::Start);
    }
}

/// Crossings that are told one by one; more are only marked.
const TOLD: usize = 6;

fn told(crossings: &[Crossing]) -> Vec<String> {
    let one = |c: &Crossing| {
        let [predictions, low, high] =
            [c.predictions, c.range.0, c.range.1].map(|n| units::count(n.ceil()));
        let (dear, cheap) = (&c.dear_start, &c.cheap_start);
        format!("{dear} costs less than {cheap} from {predictions} on ({low} to {high})")
    };
    crossings.iter().take(TOLD).map(one).collect()
}

fn notes(crossings: &[Crossing], below: &[&Line]) -> Vec<String> {
    let told = told(crossings);
    let mut notes = Vec::new();
    if !told.is_empty() {
        let more = match crossings.len() - told.len() {
            0 => String::new(),
            more => format!(" {more} more are marked."),
        };
        let told = told.join("; ");
        notes.extend(frame::wrap(&format!(
            "Predictions to break even: {told}.{more}"
        )));
    }
    if !below.is_empty() {
        let below: Vec<String> = below.iter().map(|l| l.label.clone()).collect();
        let text = format!("Cheaper than the axis shows: {}.", listed(&below));
        notes.extend(frame::wrap(&text));
    }
    notes
}

/// The chart in words.
fn description(lines: &[&Line], crossings: &[Crossing], most: f64, unit: Unit) -> String {
    let of: Vec<String> = lines
        .iter()
        .map(|l| {
            let [start, each] = [l.start, l.each].map(|value| unit.read(value));
            format!("{} {start} and {each} each", l.label)
        })
        .collect();
    let told = told(crossings);
    let crossings = if told.is_empty() {
        "No two that are not behind break even.".to_owned()
    } else {
        format!("Break-even: {}.", told.join("; "))
    };
    format!(
        "Total cost of 1 to {} predictions on logarithmic axes, before the first and for each: {}. {crossings}",
        units::count(most),
        listed(&of)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::look;
    use crate::plot::picture::Shape;

    const TIME: Measure = Measure {
        unit: Unit::Seconds,
        axis: "search + training + predictions",
    };

    fn line(label: &str, fill: Fill, start: f64, each: f64) -> Line {
        Line {
            label: label.to_owned(),
            look: look::of_arms(&[label], &[])[0],
            fill,
            start,
            each,
        }
    }

    #[test]
    fn crossings_are_marked_on_both_lines_and_told_and_what_is_far_cheaper_is_named() {
        let lines = [
            line("asks", Fill::Full, 0.01, 0.010),
            line("trains", Fill::Half, 60.0, 0.001),
            line("slow", Fill::Hollow, 30.0, 0.002),
            line("guesses", Fill::Hollow, 0.0, 1e-12),
        ];
        let predictions = 59.99 / 0.009;
        let taken = lines[1].after(predictions);
        assert!((taken - lines[0].after(predictions)).abs() < 1e-9);
        let crossing = Crossing {
            dear_start: "trains".to_owned(),
            cheap_start: "asks".to_owned(),
            predictions,
            range: (6000.0, 8000.0),
            taken,
        };
        let picture = chart("Break-even", "", TIME, &lines, &[crossing]).expect("a chart");
        let told = "trains costs less than asks from 6.67 k on (6 k to 8 k)";
        assert!(
            picture.description.contains(told),
            "{}",
            picture.description
        );
        let says = |text: &str| {
            let is = |s: &Shape| matches!(s, Shape::Text(label) if label.text.contains(text));
            picture.shapes.iter().any(is)
        };
        assert!(says(told) && says("Cheaper than the axis shows: guesses."));
        // The first dark square is the sample in the key.
        let dark = |s: &Shape| match s {
            Shape::Box { area, colour, .. } if *colour == TEXT => Some(area.centre()),
            _ => None,
        };
        let [_, marked] = picture.shapes.iter().filter_map(dark).collect::<Vec<_>>()[..] else {
            panic!("one crossing")
        };
        for fill in [Fill::Full, Fill::Half] {
            let of = lines.iter().find(|l| l.fill == fill).unwrap().look;
            let course = picture.shapes.iter().find_map(|s| match s {
                Shape::Line { points, colour, .. } if *colour == of.colour && points.len() > 50 => {
                    Some(points)
                }
                _ => None,
            });
            let distance = |p: &Place| (p.0 - marked.0).hypot(p.1 - marked.1);
            let nearest = course.expect("a line").iter().map(distance);
            assert!(nearest.fold(f64::INFINITY, f64::min) < 6.0, "{fill:?}");
        }
        assert_eq!(
            chart("Break-even", "", TIME, &lines[..1], &[]),
            None,
            "nothing to compare"
        );
    }
}
