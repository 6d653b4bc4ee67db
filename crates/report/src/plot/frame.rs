//! Title, axes, grid and captions: what all charts share.

use super::axis::Axis;
use super::picture::{AXIS, Area, GRID, HEADING, Hang, LABEL, NOTE, Picture, QUIET, TEXT, TITLE};

/// Width of every chart in logical pixels; at the width of a text column, labels print at about 8 points.
pub(crate) const WIDTH: f64 = 840.0;

/// The title and, below it, one line that says what is shown.
pub(crate) fn title(picture: &mut Picture, title: &str, subtitle: &str) {
    picture.bold((18.0, 24.0), title, TITLE, Hang::Start);
    picture.text((18.0, 48.0), subtitle, NOTE, TEXT, Hang::Start);
}

/// Grid lines, tick readings and the axis title below `plot`.
pub(crate) fn x_axis(picture: &mut Picture, plot: &Area, axis: &Axis, name: &str) {
    for (x, reading) in axis.ticks(8) {
        let apart = axis.zero == Some(x);
        picture.line(&[(x, plot.top), (x, plot.bottom)], GRID, 1.0);
        picture.line(&[(x, plot.bottom), (x, plot.bottom + 5.0)], AXIS, 1.0);
        picture.text((x, plot.bottom + 17.0), reading, LABEL, TEXT, Hang::Middle);
        if apart {
            // The axis is broken between zero and the logarithmic part.
            let gap = x + 26.0;
            picture.dashes(&[(gap, plot.top), (gap, plot.bottom)], QUIET, 1.0);
        }
    }
    picture.line(
        &[(plot.left, plot.bottom), (plot.right, plot.bottom)],
        AXIS,
        1.2,
    );
    picture.text(
        ((plot.left + plot.right) / 2.0, plot.bottom + 42.0),
        name,
        HEADING,
        TEXT,
        Hang::Middle,
    );
}

/// Grid lines, tick readings and the axis title left of `plot`.
pub(crate) fn y_axis(picture: &mut Picture, plot: &Area, axis: &Axis, name: &str) {
    for (y, reading) in axis.ticks(8) {
        picture.line(&[(plot.left, y), (plot.right, y)], GRID, 1.0);
        picture.line(&[(plot.left - 5.0, y), (plot.left, y)], AXIS, 1.0);
        picture.text((plot.left - 9.0, y), reading, LABEL, TEXT, Hang::End);
    }
    picture.line(
        &[(plot.left, plot.top), (plot.left, plot.bottom)],
        AXIS,
        1.2,
    );
    picture.upright((22.0, (plot.top + plot.bottom) / 2.0), name, HEADING, TEXT);
}

/// Small print at the foot, one line each, the last one at the very bottom.
pub(crate) fn notes(picture: &mut Picture, lines: &[String]) {
    for (i, line) in lines.iter().rev().enumerate() {
        let y = picture.height - 14.0 - 19.0 * i as f64;
        picture.text((18.0, y), line.as_str(), NOTE, AXIS, Hang::Start);
    }
}

/// Breaks `text` into lines that fit the chart's width.
pub(crate) fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line)
                if super::render::text_width(&format!("{line} {word}"), NOTE) <= WIDTH - 36.0 =>
            {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
