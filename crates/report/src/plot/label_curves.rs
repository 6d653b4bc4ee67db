//! Accuracy against labels: the ways of adapting that lead somewhere with their bands in one panel, and every way in a small panel of its own over the
//! others.

mod parts;

use super::frame::{self, WIDTH};
use super::look::Look;
use super::picture::{Area, Fill, HEADING, Hang, LABEL, NOTE, Picture, QUIET, TEXT};
use super::render::text_width;
use super::scale::listed;
use crate::statistics::Interval;
use crate::units;
use parts::{
    COLUMNS, axes, band, crossing_mark, cut, draw_key, heading, key_of_lines, key_rows, marks,
    names_beside, panels, places, small_axes, wide_panels,
};

/// One way of adapting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) look: Look,
    /// Whether it is the best, as good or open at some point.
    pub(crate) leads: bool,
    pub(crate) points: Vec<Point>,
}

/// An accuracy at a number of labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) labels: f64,
    pub(crate) mean: f64,
    pub(crate) interval: Interval,
    pub(crate) fill: Fill,
}

/// Where a line overtakes another, both of which lead somewhere.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Crossing {
    pub(crate) labels: f64,
    pub(crate) accuracy: f64,
    /// The sentence that says it.
    pub(crate) said: String,
}

/// Lines with a band in one panel; more would cover each other.
const MOST_BANDS: usize = 6;

/// The lines in one panel, or `None` where none has two points.
pub(crate) fn together(
    title: &str,
    subtitle: &str,
    lines: &[Line],
    crossings: &[Crossing],
) -> Option<Picture> {
    let lines = with_points(lines);
    lines.first()?;
    let shown: Vec<&Line> = lines.iter().copied().filter(|line| line.leads).collect();
    let shown = if shown.is_empty() {
        lines.clone()
    } else {
        shown
    };
    let names = shown.iter().map(|line| text_width(&line.label, LABEL));
    let plot = Area {
        left: 84.0,
        top: 98.0,
        right: WIDTH - names.fold(0.0, f64::max) - 62.0,
        bottom: (98.0 + 17.5 * shown.len() as f64).max(470.0),
    };
    let notes = notes(&lines, &shown, crossings);
    let height = plot.bottom + 68.0 + 19.0 * notes.len() as f64;
    let mut picture = Picture::new(WIDTH, height, title, description(&lines, crossings));
    frame::title(&mut picture, subtitle);
    let next = frame::key_of_fills(&mut picture, 20.0, 76.0, &fills(&shown));
    if !crossings.is_empty() {
        crossing_mark(&mut picture, (next + 6.0, 76.0));
        picture.text(
            (next + 18.0, 76.0),
            "one overtakes another",
            NOTE,
            TEXT,
            Hang::Start,
        );
    }
    let (x, y) = axes(&lines, &plot);
    frame::x_axis(&mut picture, &plot, &x, "training examples (logarithmic)");
    frame::y_axis(&mut picture, &plot, &y, "test accuracy (%)");
    for line in lines.iter().filter(|line| !shown.contains(line)) {
        picture.faint_line(&places(line, &x, &y), QUIET, 1.0, 0.5);
    }
    for line in bands(&shown) {
        band(&mut picture, line, &x, &y, 0.16);
    }
    for line in &shown {
        picture.arm_line(&places(line, &x, &y), line.look, 2.0, 1.0);
        marks(&mut picture, line, &x, &y);
    }
    for crossing in crossings {
        crossing_mark(
            &mut picture,
            (x.at(crossing.labels), y.at(crossing.accuracy)),
        );
    }
    names_beside(&mut picture, &plot, &shown, &x, &y);
    frame::notes(&mut picture, &notes);
    Some(picture)
}

/// Each line with its band in a panel of its own, the others grey behind it; `None` where none has two points.
pub(crate) fn apart(title: &str, subtitle: &str, lines: &[Line]) -> Option<Picture> {
    let lines = with_points(lines);
    lines.first()?;
    let panels = panels(lines.len());
    let bottom = panels.iter().map(|panel| panel.bottom).fold(0.0, f64::max);
    let mut picture = Picture::new(WIDTH, bottom + 56.0, title, description(&lines, &[]));
    frame::title(&mut picture, subtitle);
    frame::key_of_fills(&mut picture, 20.0, 76.0, &fills(&lines));
    for (at, (panel, line)) in panels.iter().zip(&lines).enumerate() {
        let (x, y) = axes(&lines, panel);
        small_axes(&mut picture, panel, &x, &y, at + COLUMNS >= lines.len());
        heading(&mut picture, panel, line);
        for other in lines.iter().filter(|other| *other != line) {
            picture.faint_line(&places(other, &x, &y), QUIET, 0.8, 0.35);
        }
        band(&mut picture, line, &x, &y, 0.22);
        picture.arm_line(&places(line, &x, &y), line.look, 2.0, 1.0);
        marks(&mut picture, line, &x, &y);
    }
    let last = panels[panels.len().min(COLUMNS) - 1];
    let centre = (panels[0].left + last.right) / 2.0;
    let below = (centre, bottom + 40.0);
    picture.text(
        below,
        "training examples (logarithmic)",
        HEADING,
        TEXT,
        Hang::Middle,
    );
    let middle = (panels[0].top + bottom) / 2.0;
    picture.upright((20.0, middle), "test accuracy (%)", HEADING, TEXT);
    Some(picture)
}

/// The lines of several models and tasks, a panel each with axes of its own: the same methods look the same in all.
pub(crate) fn of_all(
    title: &str,
    subtitle: &str,
    families: &[(String, Vec<Line>)],
) -> Option<Picture> {
    let families: Vec<(&String, Vec<&Line>)> = families
        .iter()
        .map(|(title, lines)| (title, with_points(lines)))
        .filter(|(_, lines)| !lines.is_empty())
        .collect();
    if families.len() < 2 {
        return None;
    }
    let key = key_of_lines(&families);
    let panels = wide_panels(families.len());
    let bottom = panels.iter().map(|panel| panel.bottom).fold(0.0, f64::max);
    let rows = key_rows(&key);
    let told = families
        .iter()
        .map(|(title, lines)| format!("{title}: {}", description(lines, &[])));
    let described = told.collect::<Vec<_>>().join(" ");
    let height = bottom + 66.0 + 22.0 * rows as f64;
    let mut picture = Picture::new(WIDTH, height, title, described);
    frame::title(&mut picture, subtitle);
    for (panel, (title, lines)) in panels.iter().zip(&families) {
        let (x, y) = axes(lines, panel);
        small_axes(&mut picture, panel, &x, &y, true);
        let above = (panel.left, panel.top - 11.0);
        let room = panel.right - panel.left;
        picture.text(above, cut(title, room), LABEL, TEXT, Hang::Start);
        for line in bands(lines) {
            band(&mut picture, line, &x, &y, 0.13);
        }
        for line in lines {
            let (width, opacity) = if line.leads { (1.8, 1.0) } else { (1.0, 0.45) };
            picture.arm_line(&places(line, &x, &y), line.look, width, opacity);
        }
    }
    let centre = (76.0 + WIDTH - 16.0) / 2.0;
    let below = (centre, bottom + 40.0);
    picture.text(
        below,
        "training examples (logarithmic)",
        HEADING,
        TEXT,
        Hang::Middle,
    );
    let middle = (panels[0].top + bottom) / 2.0;
    picture.upright((20.0, middle), "test accuracy (%)", HEADING, TEXT);
    draw_key(&mut picture, &key, bottom + 66.0);
    Some(picture)
}

fn with_points(lines: &[Line]) -> Vec<&Line> {
    lines.iter().filter(|line| line.points.len() > 1).collect()
}

/// The lines whose bands are shown: those that lead, the most accurate at their last point first.
fn bands<'a>(lines: &[&'a Line]) -> Vec<&'a Line> {
    let last = |line: &Line| line.points.last().map_or(0.0, |point| point.mean);
    let mut leading: Vec<&Line> = lines.iter().copied().filter(|line| line.leads).collect();
    leading.sort_by(|a, b| last(b).total_cmp(&last(a)));
    leading.truncate(MOST_BANDS);
    leading
}

fn fills(lines: &[&Line]) -> Vec<Fill> {
    let points = lines.iter().flat_map(|line| &line.points);
    points.map(|point| point.fill).collect()
}

fn notes(lines: &[&Line], shown: &[&Line], crossings: &[Crossing]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for crossing in crossings {
        notes.extend(frame::wrap(&crossing.said));
    }
    let with_band = bands(shown).len();
    if with_band < shown.len() {
        notes.extend(frame::wrap(&format!(
            "Bands: 95 % intervals, of the {with_band} most accurate at the most training examples."
        )));
    }
    let grey: Vec<String> = lines
        .iter()
        .filter(|line| !shown.contains(line))
        .map(|line| line.label.clone())
        .collect();
    if !grey.is_empty() {
        notes.extend(frame::wrap(&format!(
            "Grey, behind at every point: {}.",
            listed(&grey)
        )));
    }
    notes
}

/// The chart in words.
fn description(lines: &[&Line], crossings: &[Crossing]) -> String {
    let of: Vec<String> = lines
        .iter()
        .map(|line| {
            let points = line
                .points
                .iter()
                .map(|point| format!("{} at {:.0}", units::percent(point.mean), point.labels));
            format!("{} {}", line.label, points.collect::<Vec<_>>().join(", "))
        })
        .collect();
    let said: Vec<&str> = crossings
        .iter()
        .map(|crossing| crossing.said.as_str())
        .collect();
    let text = format!(
        "Test accuracy in per cent against training examples on a logarithmic axis, with 95 % intervals: {}. {}",
        of.join("; "),
        said.join(" ")
    );
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests;
