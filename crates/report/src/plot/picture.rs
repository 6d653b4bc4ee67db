//! A picture as a list of shapes in logical pixels: charts are laid out and tested without a drawing backend.

use super::look::Look;

/// Red, green, blue.
pub(crate) type Colour = (u8, u8, u8);

/// Okabe & Ito 2008, "Color universal design": told apart under the common colour blindnesses. Its yellow is left to areas, as
/// it vanishes on white.
pub(crate) const BLACK: Colour = (0, 0, 0);
pub(crate) const ORANGE: Colour = (230, 159, 0);
pub(crate) const SKY: Colour = (86, 180, 233);
pub(crate) const GREEN: Colour = (0, 158, 115);
pub(crate) const YELLOW: Colour = (240, 228, 66);
pub(crate) const BLUE: Colour = (0, 114, 178);
pub(crate) const VERMILION: Colour = (213, 94, 0);
pub(crate) const PURPLE: Colour = (204, 121, 167);

pub(crate) const WHITE: Colour = (255, 255, 255);
pub(crate) const TEXT: Colour = (40, 40, 40);
pub(crate) const AXIS: Colour = (90, 90, 90);
pub(crate) const GRID: Colour = (228, 228, 228);
pub(crate) const QUIET: Colour = (150, 150, 150);

/// Heights of text in logical pixels, ascent to descent.
pub(crate) const TITLE: f64 = 21.0;
pub(crate) const HEADING: f64 = 17.5;
pub(crate) const LABEL: f64 = 16.0;
pub(crate) const NOTE: f64 = 14.5;

pub(crate) type Place = (f64, f64);

/// An axis-parallel box; y grows downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

impl Area {
    pub(crate) fn around(centre: Place, half_width: f64, half_height: f64) -> Self {
        let (x, y) = centre;
        Self {
            left: x - half_width,
            top: y - half_height,
            right: x + half_width,
            bottom: y + half_height,
        }
    }

    pub(crate) fn grown(self, by: f64) -> Self {
        Self {
            left: self.left - by,
            top: self.top - by,
            right: self.right + by,
            bottom: self.bottom + by,
        }
    }

    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    pub(crate) fn holds(&self, other: &Self) -> bool {
        self.left <= other.left
            && other.right <= self.right
            && self.top <= other.top
            && other.bottom <= self.bottom
    }

    pub(crate) fn centre(&self) -> Place {
        (
            (self.left + self.right) / 2.0,
            (self.top + self.bottom) / 2.0,
        )
    }

    /// The place in the box that is nearest to `to`.
    pub(crate) fn nearest(&self, to: Place) -> Place {
        (
            to.0.clamp(self.left, self.right),
            to.1.clamp(self.top, self.bottom),
        )
    }

    /// Whether the segment passes through the box (Liang & Barsky 1984).
    pub(crate) fn crossed_by(&self, from: Place, to: Place) -> bool {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let sides = [
            (-dx, from.0 - self.left),
            (dx, self.right - from.0),
            (-dy, from.1 - self.top),
            (dy, self.bottom - from.1),
        ];
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        for (slope, room) in sides {
            if slope == 0.0 {
                if room < 0.0 {
                    return false;
                }
            } else if slope < 0.0 {
                enter = enter.max(room / slope);
            } else {
                leave = leave.min(room / slope);
            }
        }
        enter < leave
    }
}

/// Where a text hangs on its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hang {
    /// Starts there.
    Start,
    /// Is centred there.
    Middle,
    /// Ends there.
    End,
}

/// The outline of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    Circle,
    Square,
    Up,
    Diamond,
    Down,
    Pentagon,
    Cross,
    Hexagon,
    Star,
}

/// What a marker's inside says: how its arm stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// Best or as good.
    Full,
    /// Open.
    Half,
    /// Behind.
    Hollow,
    /// Not compared with the others; a thin edge.
    Thin,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stroke {
    Solid,
    Dashed,
    Dotted,
    DashDotted,
}

/// One thing to draw; later ones lie on earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Shape {
    Line {
        points: Vec<Place>,
        colour: Colour,
        opacity: f64,
        width: f64,
        stroke: Stroke,
    },
    Box {
        area: Area,
        colour: Colour,
        opacity: f64,
    },
    /// Within an outline.
    Area {
        corners: Vec<Place>,
        colour: Colour,
        opacity: f64,
    },
    Mark {
        at: Place,
        look: Look,
        fill: Fill,
        radius: f64,
    },
    Text(Label),
}

/// A text in the picture.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Label {
    /// Its middle in height; what it is across, `hang` says.
    pub(crate) at: Place,
    pub(crate) text: String,
    /// Ascent to descent.
    pub(crate) size: f64,
    pub(crate) colour: Colour,
    pub(crate) hang: Hang,
    /// Whether it reads from below.
    pub(crate) upright: bool,
    pub(crate) bold: bool,
}

/// A picture to be drawn as SVG and PNG.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Picture {
    /// What it is called.
    pub(crate) title: String,
    /// What it shows with the main numbers, for whoever does not see it.
    pub(crate) description: String,
    pub(crate) width: f64,
    pub(crate) height: f64,
    pub(crate) shapes: Vec<Shape>,
}

impl Picture {
    pub(crate) fn new(width: f64, height: f64, title: &str, description: String) -> Self {
        Self {
            title: title.to_owned(),
            description,
            width,
            height,
            shapes: Vec::new(),
        }
    }

    pub(crate) fn line(&mut self, points: &[Place], colour: Colour, width: f64) {
        self.shapes.push(Shape::Line {
            points: points.to_vec(),
            colour,
            opacity: 1.0,
            width,
            stroke: Stroke::Solid,
        });
    }

    pub(crate) fn faint_line(
        &mut self,
        points: &[Place],
        colour: Colour,
        width: f64,
        opacity: f64,
    ) {
        self.shapes.push(Shape::Line {
            points: points.to_vec(),
            colour,
            opacity,
            width,
            stroke: Stroke::Solid,
        });
    }

    pub(crate) fn dashes(&mut self, points: &[Place], colour: Colour, width: f64) {
        self.shapes.push(Shape::Line {
            points: points.to_vec(),
            colour,
            opacity: 1.0,
            width,
            stroke: Stroke::Dashed,
        });
    }

    pub(crate) fn fill(&mut self, area: Area, colour: Colour, opacity: f64) {
        self.shapes.push(Shape::Box {
            area,
            colour,
            opacity,
        });
    }

    /// The inside of an outline.
    pub(crate) fn area(&mut self, corners: &[Place], colour: Colour, opacity: f64) {
        self.shapes.push(Shape::Area {
            corners: corners.to_vec(),
            colour,
            opacity,
        });
    }

    /// A line as arms of `look` have it.
    pub(crate) fn arm_line(&mut self, points: &[Place], look: Look, width: f64, opacity: f64) {
        self.shapes.push(Shape::Line {
            points: points.to_vec(),
            colour: look.colour,
            opacity,
            width,
            stroke: look.variant.stroke(),
        });
    }

    pub(crate) fn mark(&mut self, at: Place, look: Look, fill: Fill) {
        self.mark_of(at, look, fill, RADIUS);
    }

    /// A marker of another size than the usual one.
    pub(crate) fn mark_of(&mut self, at: Place, look: Look, fill: Fill, radius: f64) {
        self.shapes.push(Shape::Mark {
            at,
            look,
            fill,
            radius,
        });
    }

    /// Horizontal text, centred vertically on `at`.
    pub(crate) fn text(
        &mut self,
        at: Place,
        text: impl Into<String>,
        size: f64,
        colour: Colour,
        hang: Hang,
    ) {
        self.shapes.push(Shape::Text(Label {
            at,
            text: text.into(),
            size,
            colour,
            hang,
            upright: false,
            bold: false,
        }));
    }

    pub(crate) fn bold(&mut self, at: Place, text: impl Into<String>, size: f64, hang: Hang) {
        self.shapes.push(Shape::Text(Label {
            at,
            text: text.into(),
            size,
            colour: BLACK,
            hang,
            upright: false,
            bold: true,
        }));
    }

    /// Text that reads from below, centred on `at`.
    pub(crate) fn upright(
        &mut self,
        at: Place,
        text: impl Into<String>,
        size: f64,
        colour: Colour,
    ) {
        self.shapes.push(Shape::Text(Label {
            at,
            text: text.into(),
            size,
            colour,
            hang: Hang::Middle,
            upright: true,
            bold: false,
        }));
    }
}

/// Radius of a marker.
pub(crate) const RADIUS: f64 = 5.5;

/// The colour for text about something drawn in `colour`: darker, so that it can be read on white.
pub(crate) fn ink(colour: Colour) -> Colour {
    let darker = |channel: u8| (u16::from(channel) * 3 / 5) as u8;
    (darker(colour.0), darker(colour.1), darker(colour.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_crosses_a_box_only_if_it_passes_through_it() {
        let area = Area {
            left: 10.0,
            top: 10.0,
            right: 20.0,
            bottom: 15.0,
        };
        assert!(area.crossed_by((0.0, 12.0), (30.0, 13.0)));
        assert!(area.crossed_by((15.0, 12.0), (15.0, 12.5)));
        assert!(!area.crossed_by((0.0, 12.0), (9.0, 12.0)));
        assert!(!area.crossed_by((0.0, 20.0), (30.0, 16.0)));
        assert!(!area.crossed_by((5.0, 0.0), (5.0, 30.0)));
    }
}
