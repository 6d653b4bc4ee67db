//! Charts with a row for each way of adapting: accuracy with its interval, and time by phase.

use super::axis::{Axis, Unit};
use super::frame::{self, WIDTH};
use super::picture::{
    Area, BLUE, Colour, GREEN, GRID, Hang, LABEL, Look, NOTE, ORANGE, Picture, QUIET, SKY, TEXT,
    VERMILION, YELLOW,
};
use super::render::text_width;
use crate::statistics::{Estimate, Standing};
use crate::units;

const ROW: f64 = 25.0;

/// An accuracy for the dot plot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dot {
    pub(crate) label: String,
    pub(crate) look: Look,
    pub(crate) accuracy: Estimate,
    pub(crate) standing: Standing,
}

/// Accuracies with their intervals, the highest on top; filled: the best and what cannot be told apart from it.
pub(crate) fn accuracies(title: &str, subtitle: &str, dots: &[Dot]) -> Option<Picture> {
    let mut dots: Vec<&Dot> = dots.iter().collect();
    dots.sort_by(|a, b| b.accuracy.mean.total_cmp(&a.accuracy.mean));
    let best = dots.first()?;
    let names = dots
        .iter()
        .map(|d| text_width(&d.label, LABEL))
        .fold(0.0, f64::max);
    let plot = Area {
        left: names + 34.0,
        top: 100.0,
        right: WIDTH - 236.0,
        bottom: 100.0 + ROW * dots.len() as f64 + 8.0,
    };
    let mut picture = Picture::new(WIDTH, plot.bottom + 64.0);
    frame::title(&mut picture, title, subtitle);
    let x = accuracy_axis(&plot, &dots);
    frame::x_axis(&mut picture, &plot, &x, "test accuracy (%)");
    let interval = best.accuracy.interval;
    let band = Area {
        left: x.at(interval.low),
        right: x.at(interval.high),
        ..plot
    };
    picture.fill(band, SKY, 0.18);
    key(&mut picture, best.look);
    for (row, dot) in dots.iter().enumerate() {
        let y = middle(&plot, row);
        accuracy(&mut picture, &plot, &x, y, dot);
        figures(&mut picture, &plot, y, dot);
    }
    Some(picture)
}

fn accuracy_axis(plot: &Area, dots: &[&Dot]) -> Axis {
    let intervals = dots.iter().map(|d| d.accuracy.interval);
    let low = intervals.clone().map(|i| i.low).fold(1.0, f64::min);
    let high = intervals.map(|i| i.high).fold(0.0, f64::max);
    let air = 0.03 * (high - low).max(0.02);
    let ends = (plot.left, plot.right);
    Axis::linear(low - air, high + air, ends, Unit::Percent)
}

/// Height at which row `row` of `plot` stands.
fn middle(plot: &Area, row: usize) -> f64 {
    plot.top + 4.0 + ROW * (row as f64 + 0.5)
}

/// A row's dot with its interval, and its label on the left.
fn accuracy(picture: &mut Picture, plot: &Area, x: &Axis, y: f64, dot: &Dot) {
    let interval = dot.accuracy.interval;
    let (from, to) = (x.at(interval.low), x.at(interval.high));
    picture.line(&[(plot.left, y), (from, y)], GRID, 1.0);
    picture.line(&[(from, y), (to, y)], dot.look.colour, 1.8);
    for end in [from, to] {
        picture.line(&[(end, y - 4.0), (end, y + 4.0)], dot.look.colour, 1.8);
    }
    let filled = matches!(dot.standing, Standing::Best | Standing::AsGood);
    picture.mark((x.at(dot.accuracy.mean), y), dot.look, filled);
    let label = dot.label.as_str();
    picture.text((plot.left - 10.0, y), label, LABEL, TEXT, Hang::End);
}

/// A row's accuracy in figures, and its standing, on the right.
fn figures(picture: &mut Picture, plot: &Area, y: f64, dot: &Dot) {
    let interval = dot.accuracy.interval;
    let [mean, low, high] = [dot.accuracy.mean, interval.low, interval.high].map(units::percent);
    picture.text((plot.right + 58.0, y), mean, LABEL, TEXT, Hang::End);
    let range = format!("[{low}, {high}]");
    picture.text((plot.right + 66.0, y), range, NOTE, TEXT, Hang::Start);
    let mark = crate::text::mark(dot.standing);
    picture.text((WIDTH - 62.0, y), mark, NOTE, TEXT, Hang::Start);
}

fn key(picture: &mut Picture, look: Look) {
    let y = 76.0;
    picture.mark((26.0, y), look, true);
    let first = "best, or shown to be as good";
    picture.text((38.0, y), first, NOTE, TEXT, Hang::Start);
    let next = 38.0 + text_width(first, NOTE) + 26.0;
    picture.mark((next, y), look, false);
    picture.text((next + 12.0, y), "below the best", NOTE, TEXT, Hang::Start);
    let last = next + 12.0 + text_width("below the best", NOTE) + 22.0;
    picture.fill(
        Area {
            left: last,
            top: y - 7.0,
            right: last + 22.0,
            bottom: y + 7.0,
        },
        SKY,
        0.3,
    );
    picture.text(
        (last + 28.0, y),
        "interval of the best",
        NOTE,
        TEXT,
        Hang::Start,
    );
}

/// The phases of a trial in the order they run, with their colours.
pub(crate) const PHASES: [(&str, Colour); 7] = [
    ("load", QUIET),
    ("search", VERMILION),
    ("prepare", SKY),
    ("first step", YELLOW),
    ("train", BLUE),
    ("test", GREEN),
    ("validation and other", ORANGE),
];

/// Seconds of one way of adapting, in the order of [`PHASES`]; `None` where not measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) label: String,
    pub(crate) seconds: [Option<f64>; 7],
}

/// Stacked bars of time by phase.
pub(crate) fn phases(title: &str, subtitle: &str, bars: &[Bar]) -> Option<Picture> {
    let total = |bar: &Bar| bar.seconds.iter().flatten().sum::<f64>();
    let longest = bars.iter().map(total).fold(0.0, f64::max);
    if longest <= 0.0 {
        return None;
    }
    let names = bars
        .iter()
        .map(|b| text_width(&b.label, LABEL))
        .fold(0.0, f64::max);
    let plot = Area {
        left: names + 34.0,
        top: 100.0,
        right: WIDTH - 100.0,
        bottom: 100.0 + ROW * bars.len() as f64 + 8.0,
    };
    let mut picture = Picture::new(WIDTH, plot.bottom + 64.0);
    frame::title(&mut picture, title, subtitle);
    key_of_phases(&mut picture, bars);
    let x = Axis::linear(0.0, longest, (plot.left, plot.right), Unit::Seconds);
    frame::x_axis(
        &mut picture,
        &plot,
        &x,
        "wall-clock time, median over seeds",
    );
    picture.line(
        &[(plot.left, plot.top), (plot.left, plot.bottom)],
        super::picture::AXIS,
        1.2,
    );
    for (row, bar) in bars.iter().enumerate() {
        stack(&mut picture, &plot, &x, middle(&plot, row), bar);
    }
    Some(picture)
}

/// The phases that any of the bars has, in one row.
fn key_of_phases(picture: &mut Picture, bars: &[Bar]) {
    let mut left = 22.0;
    for (at, (name, colour)) in PHASES.iter().enumerate() {
        if bars.iter().any(|bar| bar.seconds[at].is_some()) {
            let sample = Area {
                left,
                top: 69.0,
                right: left + 15.0,
                bottom: 84.0,
            };
            picture.fill(sample, *colour, 1.0);
            picture.text((left + 21.0, 76.0), *name, NOTE, TEXT, Hang::Start);
            left += 21.0 + text_width(name, NOTE) + 20.0;
        }
    }
}

/// A row's phases one behind the other, its label on the left and the total at the end.
fn stack(picture: &mut Picture, plot: &Area, x: &Axis, y: f64, bar: &Bar) {
    let label = bar.label.as_str();
    picture.text((plot.left - 10.0, y), label, LABEL, TEXT, Hang::End);
    let mut so_far = 0.0;
    for (seconds, (_, colour)) in bar.seconds.iter().zip(PHASES) {
        let (from, to) = (so_far, so_far + seconds.unwrap_or(0.0));
        let part = Area {
            left: x.at(from),
            top: y - 8.0,
            right: x.at(to),
            bottom: y + 8.0,
        };
        picture.fill(part, colour, 1.0);
        so_far = to;
    }
    if so_far > 0.0 {
        let total = units::seconds(so_far);
        picture.text((x.at(so_far) + 8.0, y), total, NOTE, TEXT, Hang::Start);
    }
}
