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

/// The curves of one way of adapting that can be drawn, at least one.
struct Drawn<'a> {
    curves: &'a Curves,
    seeds: Vec<Curve>,
    /// The seed that is drawn strongly and bears the label.
    strong: usize,
}

/// The chart, or `None` without any curve. Each seed is a thin line; the seed with the median last value is drawn strongly.
pub(crate) fn chart(
    title: &str,
    subtitle: &str,
    name: &str,
    unit: Unit,
    all: &[Curves],
) -> Option<Picture> {
    let all: Vec<Drawn<'_>> = all.iter().filter_map(drawn).collect();
    if all.is_empty() {
        return None;
    }
    let names = all.iter().map(|d| text_width(&d.curves.label, LABEL));
    let plot = Area {
        left: 82.0,
        top: 72.0,
        right: WIDTH - names.fold(0.0, f64::max) - 66.0,
        bottom: 510.0,
    };
    let mut picture = Picture::new(WIDTH, 578.0);
    frame::title(&mut picture, title, subtitle);
    let (x, y) = axes(&plot, unit, &all);
    frame::x_axis(
        &mut picture,
        &plot,
        &x,
        "training time (preparation and validation excluded), logarithmic",
    );
    frame::y_axis(&mut picture, &plot, &y, name);
    for of_arm in &all {
        lines(&mut picture, of_arm, &x, &y);
    }
    labels(&mut picture, &plot, &all, &x, &y);
    Some(picture)
}

/// Beyond it a training has diverged, and an axis that held it would show nothing else.
const LARGEST: f64 = 1e18;

/// A logarithmic axis has no place for the value before training; a curve starts at its first timed point.
fn drawn(curves: &Curves) -> Option<Drawn<'_>> {
    let timed = |curve: &Curve| -> Curve {
        let points = curve.iter().copied();
        let is_shown = |p: &(f64, f64)| p.0 > 0.0 && p.1.abs() <= LARGEST;
        points.filter(is_shown).collect()
    };
    let seeds = curves.seeds.iter().map(timed);
    let seeds: Vec<Curve> = seeds.filter(|curve| !curve.is_empty()).collect();
    (!seeds.is_empty()).then(|| Drawn {
        curves,
        strong: median_seed(&seeds),
        seeds,
    })
}

fn axes(plot: &Area, unit: Unit, all: &[Drawn<'_>]) -> (Axis, Axis) {
    let points: Vec<(f64, f64)> = all.iter().flat_map(|d| d.seeds.concat()).collect();
    let times: Vec<f64> = points.iter().map(|p| p.0).collect();
    let x = Axis::log(&times, (plot.left, plot.right), Unit::Seconds);
    let values = points.iter().map(|p| p.1);
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    let air = 0.04 * (high - low);
    let y = Axis::linear(low - air, high + air, (plot.bottom, plot.top), unit);
    (x, y)
}

fn lines(picture: &mut Picture, of_arm: &Drawn<'_>, x: &Axis, y: &Axis) {
    for (seed, curve) in of_arm.seeds.iter().enumerate() {
        let places: Vec<Place> = curve.iter().map(|p| (x.at(p.0), y.at(p.1))).collect();
        let (width, opacity) = if seed == of_arm.strong {
            (2.0, 1.0)
        } else {
            (1.0, 0.3)
        };
        picture.faint_line(&places, of_arm.curves.look.colour, width, opacity);
    }
}

/// The labels right of the plot, each beside the end of its strong line as far as the others leave room.
fn labels(picture: &mut Picture, plot: &Area, all: &[Drawn<'_>], x: &Axis, y: &Axis) {
    let last = |d: &Drawn<'_>| {
        let (time, value) = *d.seeds[d.strong].last().expect("no drawn curve is empty");
        (x.at(time), y.at(value))
    };
    let ends: Vec<Place> = all.iter().map(last).collect();
    let heights = spread(
        &ends.iter().map(|e| e.1).collect::<Vec<_>>(),
        LABEL + 1.5,
        plot.top + 4.0,
        plot.bottom - 4.0,
    );
    for ((d, end), height) in all.iter().zip(&ends).zip(heights) {
        let look = d.curves.look;
        let leader = [
            *end,
            (plot.right + 12.0, height),
            (plot.right + 18.0, height),
        ];
        picture.line(&leader, QUIET, 0.7);
        picture.mark(*end, look, true);
        picture.mark((plot.right + 26.0, height), look, true);
        let label = d.curves.label.as_str();
        picture.text((plot.right + 38.0, height), label, LABEL, TEXT, Hang::Start);
    }
}

/// The seed whose last value is the (lower) median.
fn median_seed(seeds: &[Curve]) -> usize {
    let last = |i: &usize| seeds[*i].last().map_or(f64::NAN, |p| p.1);
    let mut order: Vec<usize> = (0..seeds.len()).collect();
    order.sort_by(|a, b| last(a).total_cmp(&last(b)));
    order[(order.len() - 1) / 2]
}
