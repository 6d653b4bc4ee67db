//! What the charts of label curves are made of: axes, bands, marks, panels and keys.

use super::{Line, Point};
use crate::plot::axis::{Axis, Unit};
use crate::plot::frame::WIDTH;
use crate::plot::labels::spread;
use crate::plot::look::Look;
use crate::plot::picture::{
    AXIS, Area, Fill, GRID, Hang, LABEL, NOTE, Picture, Place, QUIET, TEXT, WHITE,
};
use crate::plot::render::text_width;

/// Labels across, accuracies upwards, over all lines' intervals.
pub(super) fn axes(lines: &[&Line], plot: &Area) -> (Axis, Axis) {
    let points = || lines.iter().flat_map(|line| &line.points);
    let labels: Vec<f64> = points().map(|point| point.labels).collect();
    let low = points()
        .map(|p| p.interval.low)
        .fold(f64::INFINITY, f64::min);
    let high = points().map(|p| p.interval.high).fold(0.0, f64::max);
    let air = 0.03 * (high - low);
    let x = Axis::log(&labels, (plot.left, plot.right), Unit::Count);
    let y = Axis::linear(
        (low - air).max(0.0),
        (high + air).min(1.0),
        (plot.bottom, plot.top),
        Unit::Percent,
    );
    (x, y)
}

pub(super) fn places(line: &Line, x: &Axis, y: &Axis) -> Vec<Place> {
    let place = |point: &Point| (x.at(point.labels), y.at(point.mean));
    line.points.iter().map(place).collect()
}

pub(super) fn marks(picture: &mut Picture, line: &Line, x: &Axis, y: &Axis) {
    for point in &line.points {
        let at = (x.at(point.labels), y.at(point.mean));
        picture.mark_of(at, line.look, point.fill, 4.2);
    }
}

/// The 95 % interval between the points.
pub(super) fn band(picture: &mut Picture, line: &Line, x: &Axis, y: &Axis, opacity: f64) {
    let end = |point: &Point, value: f64| (x.at(point.labels), y.at(value));
    let lower = line.points.iter().map(|p| end(p, p.interval.low));
    let upper = line.points.iter().rev().map(|p| end(p, p.interval.high));
    let outline: Vec<Place> = lower.chain(upper).collect();
    picture.area(&outline, line.look.colour, opacity);
}

pub(super) fn crossing_mark(picture: &mut Picture, at: Place) {
    picture.fill(Area::around(at, 4.0, 4.0), TEXT, 1.0);
    picture.fill(Area::around(at, 2.2, 2.2), WHITE, 1.0);
}

/// The labels right of the plot, each beside the end of its line as far as the others leave room.
pub(super) fn names_beside(
    picture: &mut Picture,
    plot: &Area,
    lines: &[&Line],
    x: &Axis,
    y: &Axis,
) {
    let ends: Vec<Place> = lines
        .iter()
        .filter_map(|line| places(line, x, y).last().copied())
        .collect();
    let wanted: Vec<f64> = ends.iter().map(|end| end.1).collect();
    let heights = spread(&wanted, LABEL + 1.0, plot.top + 4.0, plot.bottom - 4.0);
    for ((line, end), height) in lines.iter().zip(ends).zip(heights) {
        let leader = [
            end,
            (plot.right + 12.0, height),
            (plot.right + 18.0, height),
        ];
        picture.line(&leader, QUIET, 0.7);
        let last = line.points.last().map_or(Fill::Thin, |point| point.fill);
        picture.mark((plot.right + 26.0, height), line.look, last);
        let at = (plot.right + 38.0, height);
        picture.text(at, line.label.as_str(), LABEL, TEXT, Hang::Start);
    }
}

pub(super) const COLUMNS: usize = 4;
/// Height of a panel, and the room for its heading.
pub(super) const PANEL: f64 = 118.0;
pub(super) const HEAD: f64 = 26.0;

/// Places of `n` small panels, row by row.
pub(super) fn panels(n: usize) -> Vec<Area> {
    let tall = if n > COLUMNS { PANEL } else { 2.0 * PANEL };
    grid(n, COLUMNS, 14.0, tall, 8.0)
}

/// Places of `n` panels that each have readings of their own, two in a row.
pub(super) fn wide_panels(n: usize) -> Vec<Area> {
    grid(n, 2, 62.0, 220.0, 34.0)
}

pub(super) fn grid(n: usize, columns: usize, gap: f64, tall: f64, below: f64) -> Vec<Area> {
    let (left, right) = (76.0, WIDTH - 16.0);
    let width = (right - left - gap * (columns - 1) as f64) / columns as f64;
    (0..n)
        .map(|at| {
            let (row, column) = ((at / columns) as f64, (at % columns) as f64);
            let left = left + column * (width + gap);
            let top = 96.0 + HEAD + row * (tall + HEAD + below);
            Area {
                left,
                top,
                right: left + width,
                bottom: top + tall,
            }
        })
        .collect()
}

/// Grid and readings; of small panels those of the lowest row have readings below, those of the first column beside them.
pub(super) fn small_axes(picture: &mut Picture, panel: &Area, x: &Axis, y: &Axis, is_lowest: bool) {
    let has_readings = panel.left < 100.0 || panel.right - panel.left > 250.0;
    for (at, reading) in y.ticks(4) {
        picture.line(&[(panel.left, at), (panel.right, at)], GRID, 1.0);
        if has_readings {
            picture.text((panel.left - 7.0, at), reading, NOTE, TEXT, Hang::End);
        }
    }
    let most = ((panel.right - panel.left) / 48.0) as usize;
    for (at, reading) in x.ticks(most.max(2)) {
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
pub(super) fn heading(picture: &mut Picture, panel: &Area, line: &Line) {
    let y = panel.top - 11.0;
    let last = line.points.last().map_or(Fill::Thin, |point| point.fill);
    picture.mark((panel.left + 7.0, y), line.look, last);
    let label = cut(&line.label, panel.right - panel.left - 20.0);
    picture.text((panel.left + 20.0, y), label, LABEL, TEXT, Hang::Start);
}

pub(super) fn cut(text: &str, room: f64) -> String {
    let mut text = text.to_owned();
    while text_width(&text, LABEL) > room && text.chars().count() > 3 {
        let shorter = text.chars().count() - 2;
        text = text.chars().take(shorter).collect::<String>() + "…";
    }
    text
}

/// Each label and look once, those that lead somewhere first.
pub(super) fn key_of_lines(families: &[(&String, Vec<&Line>)]) -> Vec<(String, Look)> {
    let mut key: Vec<(String, Look)> = Vec::new();
    for leads in [true, false] {
        for line in families.iter().flat_map(|(_, lines)| lines) {
            if line.leads == leads && key.iter().all(|(label, _)| *label != line.label) {
                key.push((line.label.clone(), line.look));
            }
        }
    }
    key
}

pub(super) const KEY_COLUMNS: usize = 4;

pub(super) fn key_rows(key: &[(String, Look)]) -> usize {
    key.len().div_ceil(KEY_COLUMNS)
}

pub(super) fn draw_key(picture: &mut Picture, key: &[(String, Look)], top: f64) {
    let width = (WIDTH - 36.0) / KEY_COLUMNS as f64;
    for (at, (label, look)) in key.iter().enumerate() {
        let (row, column) = (at / KEY_COLUMNS, at % KEY_COLUMNS);
        let (x, y) = (18.0 + width * column as f64, top + 22.0 * row as f64);
        picture.arm_line(&[(x, y), (x + 26.0, y)], *look, 2.0, 1.0);
        let text = cut(label, width - 40.0);
        picture.text((x + 33.0, y), text, NOTE, TEXT, Hang::Start);
    }
}
