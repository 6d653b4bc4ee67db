//! How a method looks in every chart, whatever else stands there.

/// A colour of the palette of Okabe & Ito 2008, "Color universal design", which common colour blindnesses leave apart. Its yellow vanishes on
/// white.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hue {
    /// #000000
    Black,
    /// #e69f00
    Orange,
    /// #56b4e9
    Sky,
    /// #009e73
    Green,
    /// #0072b2
    Blue,
    /// #d55e00
    Vermilion,
    /// #cc79a7
    Purple,
}

impl Hue {
    /// Red, green and blue as `#rrggbb`.
    pub fn hex(self) -> &'static str {
        match self {
            Self::Black => "#000000",
            Self::Orange => "#e69f00",
            Self::Sky => "#56b4e9",
            Self::Green => "#009e73",
            Self::Blue => "#0072b2",
            Self::Vermilion => "#d55e00",
            Self::Purple => "#cc79a7",
        }
    }
}

/// The shape of a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outline {
    /// A circle.
    Circle,
    /// A square on its side.
    Square,
    /// A triangle on its side.
    Up,
    /// A square on its corner.
    Diamond,
    /// A triangle on its corner.
    Down,
    /// A pentagon.
    Pentagon,
    /// An upright cross.
    Cross,
    /// A hexagon.
    Hexagon,
    /// A star of five points.
    Star,
}

impl Outline {
    /// Its name in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Circle => "circle",
            Self::Square => "square",
            Self::Up => "up",
            Self::Diamond => "diamond",
            Self::Down => "down",
            Self::Pentagon => "pentagon",
            Self::Cross => "cross",
            Self::Hexagon => "hexagon",
            Self::Star => "star",
        }
    }
}

/// Colour and shape of a method's markers and lines. Related methods share the colour, none shares both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The colour.
    pub hue: Hue,
    /// The shape.
    pub outline: Outline,
}
