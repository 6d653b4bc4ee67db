//! Title, axes, grid and captions: what all charts share.

use super::axis::Axis;
use super::look::{Look, Variant};
use super::picture::{
    AXIS, Area, Fill, GRID, HEADING, Hang, LABEL, Marker, NOTE, Picture, QUIET, RADIUS, TEXT,
    TITLE, WHITE,
};
use super::render::text_width;

/// Width of every chart in logical pixels; at the width of a text column, labels print at about 8 points.
pub(crate) const WIDTH: f64 = 840.0;

/// The title and, below it, one line that says what is shown.
pub(crate) fn title(picture: &mut Picture, subtitle: &str) {
    let title = picture.title.clone();
    picture.bold((18.0, 24.0), title, TITLE, Hang::Start);
    picture.text((18.0, 48.0), subtitle, NOTE, TEXT, Hang::Start);
}

/// Grid lines, tick readings and the axis title below `plot`.
pub(crate) fn x_axis(picture: &mut Picture, plot: &Area, axis: &Axis, name: &str) {
    let most = ((plot.right - plot.left) / 64.0) as usize;
    for (x, reading) in axis.ticks(most.clamp(2, 8)) {
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
    y_grid(picture, plot, axis);
    for (y, reading) in axis.ticks(8) {
        picture.line(&[(plot.left - 5.0, y), (plot.left, y)], AXIS, 1.0);
        picture.text((plot.left - 9.0, y), reading, LABEL, TEXT, Hang::End);
    }
    picture.upright((22.0, (plot.top + plot.bottom) / 2.0), name, HEADING, TEXT);
}

/// Grid lines of an axis whose readings stand elsewhere.
pub(crate) fn y_grid(picture: &mut Picture, plot: &Area, axis: &Axis) {
    for (y, _) in axis.ticks(8) {
        picture.line(&[(plot.left, y), (plot.right, y)], GRID, 1.0);
    }
    picture.line(
        &[(plot.left, plot.top), (plot.left, plot.bottom)],
        AXIS,
        1.2,
    );
}

/// A break of the axis on the left at the height `y`: below it nothing is to scale.
pub(crate) fn y_break(picture: &mut Picture, plot: &Area, y: f64) {
    picture.fill(Area::around((plot.left, y), 7.0, 2.5), WHITE, 1.0);
    for y in [y - 2.5, y + 2.5] {
        let stroke = [(plot.left - 6.0, y + 3.0), (plot.left + 6.0, y - 3.0)];
        picture.line(&stroke, AXIS, 1.4);
    }
    picture.dashes(&[(plot.left + 10.0, y), (WIDTH - 22.0, y)], QUIET, 1.0);
}

/// A marker's place and what it means, in grey: the fills that `shown` has, from `left` on. Returns where it ends.
pub(crate) fn key_of_fills(picture: &mut Picture, left: f64, y: f64, shown: &[Fill]) -> f64 {
    let grey = Look {
        colour: AXIS,
        marker: Marker::Circle,
        variant: Variant::First,
    };
    let meanings = [
        (Fill::Full, "best or as good"),
        (Fill::Half, "open"),
        (Fill::Hollow, "behind"),
        (Fill::Thin, "not compared"),
    ];
    let mut left = left;
    for (fill, meaning) in meanings {
        if fill != Fill::Thin || shown.contains(&fill) {
            picture.mark((left + RADIUS, y), grey, fill);
            picture.text((left + 18.0, y), meaning, NOTE, TEXT, Hang::Start);
            left += 18.0 + text_width(meaning, NOTE) + 22.0;
        }
    }
    left
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
            Some(line) if text_width(&format!("{line} {word}"), NOTE) <= WIDTH - 36.0 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
