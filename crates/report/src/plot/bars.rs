//! Charts with a row for each way of adapting: accuracy with its interval, and time by phase.

use super::axis::{Axis, Unit};
use super::frame::{self, WIDTH};
use super::picture::{
    Area, BLUE, Colour, GREEN, GRID, Hang, LABEL, Look, NOTE, ORANGE, Picture, QUIET, SKY, TEXT,
    VERMILION, YELLOW,
};
use super::render::text_width;
use crate::statistics::Estimate;
use crate::summary::Standing;
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
    let low = dots
        .iter()
        .map(|d| d.accuracy.interval.low)
        .fold(1.0, f64::min);
    let high = dots
        .iter()
        .map(|d| d.accuracy.interval.high)
        .fold(0.0, f64::max);
    let air = 0.03 * (high - low).max(0.02);
    let x = Axis::linear(
        low - air,
        high + air,
        (plot.left, plot.right),
        Unit::Percent,
    );
    frame::x_axis(&mut picture, &plot, &x, "test accuracy (%)");
    let interval = best.accuracy.interval;
    picture.fill(
        Area {
            left: x.at(interval.low),
            right: x.at(interval.high),
            ..plot
        },
        SKY,
        0.18,
    );
    key(&mut picture, best.look);
    for (row, dot) in dots.iter().enumerate() {
        let y = plot.top + 4.0 + ROW * (row as f64 + 0.5);
        let (from, to) = (
            x.at(dot.accuracy.interval.low),
            x.at(dot.accuracy.interval.high),
        );
        picture.line(&[(plot.left, y), (from, y)], GRID, 1.0);
        picture.line(&[(from, y), (to, y)], dot.look.colour, 1.8);
        for end in [from, to] {
            picture.line(&[(end, y - 4.0), (end, y + 4.0)], dot.look.colour, 1.8);
        }
        picture.mark(
            (x.at(dot.accuracy.mean), y),
            dot.look,
            matches!(dot.standing, Standing::Best | Standing::LikeBest),
        );
        picture.text(
            (plot.left - 10.0, y),
            dot.label.as_str(),
            LABEL,
            TEXT,
            Hang::End,
        );
        let [mean, low, high] = [
            dot.accuracy.mean,
            dot.accuracy.interval.low,
            dot.accuracy.interval.high,
        ]
        .map(units::percent);
        picture.text((plot.right + 58.0, y), mean, LABEL, TEXT, Hang::End);
        picture.text(
            (plot.right + 66.0, y),
            format!("[{low}, {high}]"),
            NOTE,
            TEXT,
            Hang::Start,
        );
        picture.text(
            (WIDTH - 62.0, y),
            crate::text::mark(dot.standing),
            NOTE,
            TEXT,
            Hang::Start,
        );
    }
    Some(picture)
}

fn key(picture: &mut Picture, look: Look) {
    let y = 76.0;
    picture.mark((26.0, y), look, true);
    let first = "best, or not to be told apart from it at 95 % (≈ best)";
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
    let mut key = 22.0;
    for (at, (name, colour)) in PHASES.iter().enumerate() {
        if bars.iter().any(|bar| bar.seconds[at].is_some()) {
            picture.fill(
                Area {
                    left: key,
                    top: 69.0,
                    right: key + 15.0,
                    bottom: 84.0,
                },
                *colour,
                1.0,
            );
            picture.text((key + 21.0, 76.0), *name, NOTE, TEXT, Hang::Start);
            key += 21.0 + text_width(name, NOTE) + 20.0;
        }
    }
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
        let y = plot.top + 4.0 + ROW * (row as f64 + 0.5);
        picture.text(
            (plot.left - 10.0, y),
            bar.label.as_str(),
            LABEL,
            TEXT,
            Hang::End,
        );
        let mut so_far = 0.0;
        for (seconds, (_, colour)) in bar.seconds.iter().zip(PHASES) {
            let (from, to) = (so_far, so_far + seconds.unwrap_or(0.0));
            picture.fill(
                Area {
                    left: x.at(from),
                    top: y - 8.0,
                    right: x.at(to),
                    bottom: y + 8.0,
                },
                colour,
                1.0,
            );
            so_far = to;
        }
        if so_far > 0.0 {
            picture.text(
                (x.at(so_far) + 8.0, y),
                units::seconds(so_far),
                NOTE,
                TEXT,
                Hang::Start,
            );
        }
    }
    Some(picture)
}
