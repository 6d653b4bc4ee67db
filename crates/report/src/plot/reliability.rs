//! Reliability diagrams: a panel for each way of adapting, the share of right answers against the probability they were given with.

use super::axis::{Axis, Unit};
use super::frame::{self, WIDTH};
use super::look::Look;
use super::picture::{
    AXIS, Area, Fill, GRID, HEADING, Hang, LABEL, NOTE, Picture, Place, QUIET, TEXT,
};
use super::render::text_width;
use record::ReliabilityBin;

/// One way of adapting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Panel {
    pub(crate) label: String,
    pub(crate) look: Look,
    pub(crate) fill: Fill,
    /// Expected calibration error, debiased.
    pub(crate) error: f64,
    pub(crate) bins: Vec<ReliabilityBin>,
    /// At the temperature fitted on validation; empty where there is none.
    pub(crate) tempered: Vec<ReliabilityBin>,
}

const COLUMNS: usize = 4;
const PANEL: f64 = 150.0;
const HEAD: f64 = 46.0;

/// The chart, or `None` without any panel.
pub(crate) fn chart(title: &str, subtitle: &str, panels: &[Panel]) -> Option<Picture> {
    panels.first()?;
    let low = lowest(panels);
    let areas = areas(panels.len());
    let bottom = areas.iter().map(|area| area.bottom).fold(0.0, f64::max);
    let mut picture = Picture::new(WIDTH, bottom + 56.0, title, description(panels));
    frame::title(&mut picture, subtitle);
    let text = "marker: answers of about the same probability; plain line: at the temperature from validation; dashes: as sure as right";
    picture.text((18.0, 74.0), text, NOTE, TEXT, Hang::Start);
    for (at, (area, panel)) in areas.iter().zip(panels).enumerate() {
        let x = Axis::linear(low, 1.0, (area.left, area.right), Unit::Percent);
        let y = Axis::linear(0.0, 1.0, (area.bottom, area.top), Unit::Percent);
        axes(&mut picture, area, &x, &y, at + COLUMNS >= panels.len());
        heading(&mut picture, area, panel);
        picture.dashes(
            &[(x.at(low), y.at(low)), (x.at(1.0), y.at(1.0))],
            QUIET,
            1.0,
        );
        let places = |bins: &[ReliabilityBin]| -> Vec<Place> {
            bins.iter()
                .map(|bin| (x.at(bin.confidence), y.at(bin.accuracy)))
                .collect()
        };
        picture.arm_line(&places(&panel.tempered), panel.look, 1.2, 0.6);
        let raw = places(&panel.bins);
        picture.arm_line(&raw, panel.look, 1.8, 1.0);
        for place in raw {
            picture.mark_of(place, panel.look, panel.fill, 3.6);
        }
    }
    let last = areas[areas.len().min(COLUMNS) - 1];
    let below = ((areas[0].left + last.right) / 2.0, bottom + 40.0);
    picture.text(
        below,
        "probability of the answer (%)",
        HEADING,
        TEXT,
        Hang::Middle,
    );
    let middle = (areas[0].top + bottom) / 2.0;
    picture.upright((20.0, middle), "share that is right (%)", HEADING, TEXT);
    Some(picture)
}

/// Where the axis of probabilities begins: no answer of few classes is given with less than one in so many.
fn lowest(panels: &[Panel]) -> f64 {
    let bins = panels
        .iter()
        .flat_map(|panel| panel.bins.iter().chain(&panel.tempered));
    let least = bins.map(|bin| bin.confidence).fold(1.0, f64::min);
    ((least * 10.0).floor() / 10.0).clamp(0.0, 0.9)
}

fn areas(n: usize) -> Vec<Area> {
    let (left, right, gap) = (76.0, WIDTH - 16.0, 14.0);
    let width = (right - left - gap * (COLUMNS - 1) as f64) / COLUMNS as f64;
    (0..n)
        .map(|at| {
            let (row, column) = ((at / COLUMNS) as f64, (at % COLUMNS) as f64);
            let left = left + column * (width + gap);
            let top = 90.0 + HEAD + row * (PANEL + HEAD + 8.0);
            Area {
                left,
                top,
                right: left + width,
                bottom: top + PANEL,
            }
        })
        .collect()
}

fn axes(picture: &mut Picture, area: &Area, x: &Axis, y: &Axis, is_lowest: bool) {
    for (at, reading) in y.ticks(5) {
        picture.line(&[(area.left, at), (area.right, at)], GRID, 1.0);
        if area.left < 100.0 {
            picture.text((area.left - 7.0, at), reading, NOTE, TEXT, Hang::End);
        }
    }
    for (at, reading) in x.ticks(4) {
        picture.line(&[(at, area.top), (at, area.bottom)], GRID, 1.0);
        if is_lowest {
            picture.text((at, area.bottom + 14.0), reading, NOTE, TEXT, Hang::Middle);
        }
    }
    let frame = [
        (area.left, area.top),
        (area.left, area.bottom),
        (area.right, area.bottom),
    ];
    picture.line(&frame, AXIS, 1.0);
}

/// The label above its panel, cut to its width, and the error below it.
fn heading(picture: &mut Picture, area: &Area, panel: &Panel) {
    let y = area.top - 31.0;
    picture.mark((area.left + 7.0, y), panel.look, panel.fill);
    let room = area.right - area.left - 20.0;
    let mut label = panel.label.clone();
    while text_width(&label, LABEL) > room && label.chars().count() > 3 {
        let shorter = label.chars().count() - 2;
        label = label.chars().take(shorter).collect::<String>() + "…";
    }
    picture.text((area.left + 20.0, y), label, LABEL, TEXT, Hang::Start);
    let error = format!("ECE {:.1} %", 100.0 * panel.error);
    picture.text((area.left + 20.0, y + 19.0), error, NOTE, AXIS, Hang::Start);
}

/// The chart in words.
fn description(panels: &[Panel]) -> String {
    let of: Vec<String> = panels
        .iter()
        .map(|panel| {
            let (label, error) = (&panel.label, 100.0 * panel.error);
            let gap = |bin: &ReliabilityBin| bin.rows as f64 * (bin.confidence - bin.accuracy);
            let lean: f64 = panel.bins.iter().map(gap).sum();
            let lean = if lean > 0.0 {
                "too sure"
            } else {
                "not too sure"
            };
            format!("{label} {error:.1} % ({lean} on average)")
        })
        .collect();
    format!(
        "Share of right answers against the probability they were given with, a panel for each of {} ways of adapting. Expected calibration errors: {}.",
        panels.len(),
        of.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::look;
    use crate::plot::picture::Shape;

    #[test]
    fn a_bin_that_is_as_sure_as_right_lies_on_the_diagonal() {
        let bin = |confidence, accuracy| ReliabilityBin {
            rows: 30,
            confidence,
            accuracy,
        };
        let panel = Panel {
            label: "lime".to_owned(),
            look: look::of_arms(&["lime"], &[])[0],
            fill: Fill::Full,
            error: 0.123,
            bins: vec![bin(0.55, 0.55), bin(0.9, 0.7)],
            tempered: Vec::new(),
        };
        let picture = chart("Reliability", "", &[panel]).unwrap();
        let area = areas(1)[0];
        let small = |shape: &Shape| match shape {
            Shape::Mark { at, radius, .. } if *radius < 4.0 => Some(*at),
            _ => None,
        };
        let marks: Vec<Place> = picture.shapes.iter().filter_map(small).collect();
        let x = Axis::linear(0.5, 1.0, (area.left, area.right), Unit::Percent);
        let y = Axis::linear(0.0, 1.0, (area.bottom, area.top), Unit::Percent);
        assert_eq!(marks, [(x.at(0.55), y.at(0.55)), (x.at(0.9), y.at(0.7))]);
        assert!(
            picture
                .description
                .contains("lime 12.3 % (too sure on average)")
        );
        assert_eq!(chart("Reliability", "", &[]), None);
    }
}
