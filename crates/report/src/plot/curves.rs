//! Learning curves: a validation metric against training time, every line labelled at its end.

use super::axis::{Axis, Unit};
use super::frame::{self, WIDTH};
use super::labels::spread;
use super::picture::{Area, Hang, LABEL, Look, Picture, Place, QUIET, TEXT};
use super::render::text_width;

/// The curves of one way of adapting, one for each seed; points are (training seconds, value).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curves {
    pub(crate) label: String,
    pub(crate) look: Look,
    pub(crate) seeds: Vec<Curve>,
}

/// Points (training seconds, value) of one seed.
type Curve = Vec<(f64, f64)>;

/// The chart, or `None` without any curve. Each seed is a thin line; the seed with the median last value is drawn strongly.
pub(crate) fn chart(
    title: &str,
    subtitle: &str,
    name: &str,
    unit: Unit,
    all: &[Curves],
) -> Option<Picture> {
    // A logarithmic axis has no place for the value before training; the curve starts at its first timed point.
    let timed = |curve: &Curve| {
        curve
            .iter()
            .copied()
            .filter(|p| p.0 > 0.0 && p.1.is_finite())
            .collect::<Vec<_>>()
    };
    let all: Vec<(&Curves, Vec<Curve>)> = all
        .iter()
        .map(|c| {
            (
                c,
                c.seeds
                    .iter()
                    .map(timed)
                    .filter(|curve| !curve.is_empty())
                    .collect::<Vec<_>>(),
            )
        })
        .filter(|(_, seeds)| !seeds.is_empty())
        .collect();
    let points = || {
        all.iter()
            .flat_map(|(_, seeds)| seeds.iter().flatten().copied())
    };
    points().next()?;
    let names = all
        .iter()
        .map(|(c, _)| text_width(&c.label, LABEL))
        .fold(0.0, f64::max);
    let plot = Area {
        left: 82.0,
        top: 72.0,
        right: WIDTH - names - 66.0,
        bottom: 510.0,
    };
    let mut picture = Picture::new(WIDTH, 578.0);
    frame::title(&mut picture, title, subtitle);
    let times: Vec<f64> = points().map(|p| p.0).collect();
    let x = Axis::log(&times, (plot.left, plot.right), Unit::Seconds);
    let low = points().map(|p| p.1).fold(f64::INFINITY, f64::min);
    let high = points().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
    let air = 0.04 * (high - low);
    let y = Axis::linear(low - air, high + air, (plot.bottom, plot.top), unit);
    frame::x_axis(
        &mut picture,
        &plot,
        &x,
        "training time (preparation and validation excluded), logarithmic",
    );
    frame::y_axis(&mut picture, &plot, &y, name);

    let place = |p: &(f64, f64)| (x.at(p.0), y.at(p.1));
    let strong: Vec<usize> = all.iter().map(|(_, seeds)| median_seed(seeds)).collect();
    for ((curves, seeds), strong) in all.iter().zip(&strong) {
        for (seed, curve) in seeds.iter().enumerate() {
            let places: Vec<Place> = curve.iter().map(place).collect();
            let (width, opacity) = if seed == *strong {
                (2.0, 1.0)
            } else {
                (1.0, 0.3)
            };
            picture.faint_line(&places, curves.look.colour, width, opacity);
        }
    }
    let ends: Vec<Place> = all
        .iter()
        .zip(&strong)
        .filter_map(|((_, seeds), s)| seeds[*s].last().map(place))
        .collect();
    let heights = spread(
        &ends.iter().map(|e| e.1).collect::<Vec<_>>(),
        LABEL + 1.5,
        plot.top + 4.0,
        plot.bottom - 4.0,
    );
    for (((curves, _), end), height) in all.iter().zip(&ends).zip(heights) {
        picture.line(
            &[
                *end,
                (plot.right + 12.0, height),
                (plot.right + 18.0, height),
            ],
            QUIET,
            0.7,
        );
        picture.mark(*end, curves.look, true);
        picture.mark((plot.right + 26.0, height), curves.look, true);
        picture.text(
            (plot.right + 38.0, height),
            curves.label.as_str(),
            LABEL,
            TEXT,
            Hang::Start,
        );
    }
    Some(picture)
}

/// The seed whose last value is the (lower) median.
fn median_seed(seeds: &[Curve]) -> usize {
    let last = |i: &usize| seeds[*i].last().map_or(f64::NAN, |p| p.1);
    let mut order: Vec<usize> = (0..seeds.len()).collect();
    order.sort_by(|a, b| last(a).total_cmp(&last(b)));
    order[(order.len() - 1) / 2]
}
