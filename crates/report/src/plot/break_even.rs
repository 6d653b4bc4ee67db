//! What a way of adapting costs in total, against the number of predictions: what starts dear and predicts cheaply pays off in the end.

use super::axis::{Axis, Unit};
use super::frame::{self, WIDTH};
use super::labels::spread;
use super::look::Look;
use super::picture::{Area, Fill, Hang, LABEL, NOTE, Picture, Place, QUIET, TEXT, WHITE};
use super::render::text_width;
use super::scale::listed;
use crate::units;

/// A way of adapting: seconds before the first prediction, and seconds of each.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) look: Look,
    pub(crate) fill: Fill,
    pub(crate) fixed_s: f64,
    pub(crate) per_prediction_s: f64,
}

impl Line {
    fn after(&self, predictions: f64) -> f64 {
        self.fixed_s + predictions * self.per_prediction_s
    }
}

/// Where a line falls below another.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Crossing {
    /// Places of the one that was dearer at first and of the other.
    between: (usize, usize),
    predictions: f64,
    seconds: f64,
}

/// The chart, or `None` unless two lines are to be compared. Crossings are marked between lines that are not behind.
pub(crate) fn chart(title: &str, subtitle: &str, lines: &[Line]) -> Option<Picture> {
    let timed: Vec<&Line> = lines.iter().filter(|l| l.after(1.0) > 0.0).collect();
    if timed.len() < 2 {
        return None;
    }
    let crossings = crossings(&timed);
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
    let notes = notes(&timed, &crossings, &below);
    let height = plot.bottom + 68.0 + 19.0 * notes.len() as f64;
    let description = description(&timed, &crossings, most);
    let mut picture = Picture::new(WIDTH, height, title, description);
    frame::title(&mut picture, subtitle);
    let fills: Vec<Fill> = drawn.iter().map(|l| l.fill).collect();
    let next = frame::key_of_fills(&mut picture, 20.0, 76.0, &fills);
    crossing_mark(&mut picture, (next + 6.0, 76.0));
    let text = "break-even of two that are not behind";
    picture.text((next + 18.0, 76.0), text, NOTE, TEXT, Hang::Start);

    let x = Axis::log(&[1.0, most], (plot.left, plot.right), Unit::Count);
    let highest = drawn.iter().map(|l| l.after(most)).fold(0.0, f64::max);
    let y = Axis::log(&[lowest, highest], (plot.bottom, plot.top), Unit::Seconds);
    frame::x_axis(&mut picture, &plot, &x, "predictions");
    frame::y_axis(&mut picture, &plot, &y, "search + training + predictions");
    for line in &drawn {
        let behind = line.fill == Fill::Hollow;
        let (width, opacity) = if behind { (1.1, 0.6) } else { (2.0, 1.0) };
        let course = course(line, lowest, most, &x, &y);
        picture.arm_line(&course, line.look, width, opacity);
    }
    for crossing in crossings.iter().filter(|c| c.predictions <= most) {
        let at = (x.at(crossing.predictions), y.at(crossing.seconds));
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

/// Crossings between lines that are not behind, by rising number of predictions, from one prediction on.
fn crossings(lines: &[&Line]) -> Vec<Crossing> {
    let mut found = Vec::new();
    for (i, dear) in lines.iter().enumerate() {
        for (k, cheap) in lines.iter().enumerate() {
            let is_shown = dear.fill != Fill::Hollow && cheap.fill != Fill::Hollow;
            let saved = cheap.per_prediction_s - dear.per_prediction_s;
            let more = dear.fixed_s - cheap.fixed_s;
            if is_shown && more > 0.0 && saved > 0.0 && more / saved >= 1.0 {
                let predictions = more / saved;
                found.push(Crossing {
                    between: (i, k),
                    predictions,
                    seconds: dear.after(predictions),
                });
            }
        }
    }
    found.sort_by(|a, b| a.predictions.total_cmp(&b.predictions));
    found
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

fn told(lines: &[&Line], crossings: &[Crossing]) -> Vec<String> {
    let one = |c: &Crossing| {
        let (dear, cheap) = (&lines[c.between.0].label, &lines[c.between.1].label);
        format!(
            "{dear} costs less than {cheap} from {} on",
            units::count(c.predictions.ceil())
        )
    };
    crossings.iter().take(TOLD).map(one).collect()
}

fn notes(lines: &[&Line], crossings: &[Crossing], below: &[&Line]) -> Vec<String> {
    let told = told(lines, crossings);
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
fn description(lines: &[&Line], crossings: &[Crossing], most: f64) -> String {
    let of: Vec<String> = lines
        .iter()
        .map(|l| {
            let [fixed, each] = [l.fixed_s, l.per_prediction_s].map(units::seconds);
            format!("{} {fixed} and {each} each", l.label)
        })
        .collect();
    let told = told(lines, crossings);
    let crossings = if told.is_empty() {
        "No two that are not behind break even.".to_owned()
    } else {
        format!("Break-even: {}.", told.join("; "))
    };
    format!(
        "Total cost of 1 to {} predictions on logarithmic axes, the time before the first and the time of each: {}. {crossings}",
        units::count(most),
        listed(&of)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::look;
    use crate::plot::picture::Shape;

    fn line(label: &str, fill: Fill, fixed_s: f64, per_prediction_s: f64) -> Line {
        Line {
            label: label.to_owned(),
            look: look::of_arms(&[label], &[])[0],
            fill,
            fixed_s,
            per_prediction_s,
        }
    }

    #[test]
    fn a_crossing_is_where_the_total_costs_are_equal_and_none_is_with_what_is_behind() {
        let lines = [
            line("asks", Fill::Full, 0.0, 0.010),
            line("trains", Fill::Half, 60.0, 0.001),
            line("slow", Fill::Hollow, 30.0, 0.002),
            line("worse", Fill::Half, 70.0, 0.011),
        ];
        let all: Vec<&Line> = lines.iter().collect();
        let found = crossings(&all);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].between, (1, 0));
        assert!((found[0].predictions - 60.0 / 0.009).abs() < 1e-6);
        let [trains, asks] = [1, 0].map(|i: usize| lines[i].after(found[0].predictions));
        assert!((trains - asks).abs() < 1e-9 && (found[0].seconds - asks).abs() < 1e-9);

        let picture = chart("Break-even", "", &lines).expect("a chart");
        assert!(
            picture
                .description
                .contains("trains costs less than asks from 6.67 k on")
        );
        // The key's sample is one, too: a dark square under a white one.
        let dark = |s: &&Shape| matches!(s, Shape::Box { colour, .. } if *colour == TEXT);
        assert_eq!(picture.shapes.iter().filter(dark).count(), 2);
        assert_eq!(
            chart("Break-even", "", &lines[..1]),
            None,
            "nothing to compare"
        );
    }
}
