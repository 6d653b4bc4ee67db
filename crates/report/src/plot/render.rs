//! A picture as SVG and as PNG, through plotters.
//!
//! Both are drawn at twice the logical size, because plotters works in whole pixels; the SVG's stated size is then halved again.
//! Text in the SVG asks for the reader's own sans-serif; the PNG, and every measurement, uses DejaVu Sans, which is among the widest.

use super::font;
use super::picture::{Colour, Hang, Label, Marker, Picture, Place, Shape};
use plotters::backend::BitMapBackend;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontFamily, FontStyle, FontTransform, RGBAColor, TextStyle, register_font};
use std::path::Path;
use std::sync::Once;

/// Pixels drawn to a logical pixel.
const SCALE: f64 = 2.0;

/// The picture as SVG text.
pub(crate) fn svg(picture: &Picture) -> Result<String, String> {
    prepare();
    let size = pixels(picture);
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(picture, &root, svg_text).map_err(|e| e.to_string())?;
        root.present().map_err(|e| e.to_string())?;
    }
    let drawn = format!("width=\"{}\" height=\"{}\"", size.0, size.1);
    Ok(text.replacen(
        &drawn,
        &format!("width=\"{}\" height=\"{}\"", picture.width, picture.height),
        1,
    ))
}

/// The picture as a PNG file.
pub(crate) fn png(picture: &Picture, path: &Path) -> Result<(), String> {
    prepare();
    let root = BitMapBackend::new(path, pixels(picture)).into_drawing_area();
    draw(picture, &root, bitmap_text).map_err(|e| e.to_string())?;
    root.present().map_err(|e| e.to_string())
}

/// Width of `text` in logical pixels.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    font::width(text, size, false)
}

/// plotters wants a face for every text, even where the SVG leaves the choice to the reader's program.
fn prepare() {
    static FONTS: Once = Once::new();
    FONTS.call_once(|| {
        let _ = register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular());
        let _ = register_font("sans-serif", FontStyle::Bold, dejavu::sans::bold());
    });
}

fn pixels(picture: &Picture) -> (u32, u32) {
    (
        (picture.width * SCALE) as u32,
        (picture.height * SCALE) as u32,
    )
}

type Root<B> = DrawingArea<B, plotters::coord::Shift>;
type Drawn<B> = Result<(), DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

fn draw<B: DrawingBackend>(
    picture: &Picture,
    root: &Root<B>,
    draw_text: fn(&Root<B>, &Label) -> Drawn<B>,
) -> Drawn<B> {
    root.fill(&plotters::style::WHITE)?;
    for shape in &picture.shapes {
        match shape {
            Shape::Line {
                points,
                colour,
                opacity,
                width,
                dashed,
            } => {
                let style = rgba(*colour, *opacity).stroke_width(stroke(*width));
                if *dashed {
                    for dash in dashes(points) {
                        root.draw(&PathElement::new(dash.map(to_pixel).to_vec(), style))?;
                    }
                } else {
                    root.draw(&PathElement::new(
                        points.iter().copied().map(to_pixel).collect::<Vec<_>>(),
                        style,
                    ))?;
                }
            }
            Shape::Box {
                area,
                colour,
                opacity,
            } => {
                let corners = [(area.left, area.top), (area.right, area.bottom)].map(to_pixel);
                root.draw(&Rectangle::new(corners, rgba(*colour, *opacity).filled()))?;
            }
            Shape::Mark {
                at,
                marker,
                radius,
                colour,
                filled,
            } => mark(root, *at, *marker, *radius, *colour, *filled)?,
            Shape::Text(text) => draw_text(root, text)?,
        }
    }
    Ok(())
}

fn svg_text<B: DrawingBackend>(root: &Root<B>, label: &Label) -> Drawn<B> {
    let style = if label.bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    let turn = if label.upright {
        FontTransform::Rotate270
    } else {
        FontTransform::None
    };
    let font = FontDesc::new(FontFamily::SansSerif, label.size * SCALE, style).transform(turn);
    let across = match label.hang {
        Hang::Start => HPos::Left,
        Hang::Middle => HPos::Center,
        Hang::End => HPos::Right,
    };
    let ink = rgba(label.colour, 1.0);
    let style = TextStyle::from(font)
        .color(&ink)
        .pos(Pos::new(across, VPos::Center));
    root.draw(&Text::new(label.text.as_str(), to_pixel(label.at), style))
}

fn bitmap_text<B: DrawingBackend>(root: &Root<B>, label: &Label) -> Drawn<B> {
    let height = label.size * SCALE;
    let width = font::width(&label.text, height, label.bold);
    let back = match label.hang {
        Hang::Start => 0.0,
        Hang::Middle => width / 2.0,
        Hang::End => width,
    };
    let (x0, y0) = to_pixel(label.at);
    let back = back.round() as i32;
    let mut drawn = Ok(());
    font::rasterise(&label.text, height, label.bold, |x, y, coverage| {
        let at = if label.upright {
            (x0 + y, y0 - (x - back))
        } else {
            (x0 + x - back, y0 + y)
        };
        if drawn.is_ok() && coverage > 0.0 {
            drawn = root.draw_pixel(at, &rgba(label.colour, coverage.min(1.0)));
        }
    });
    drawn
}

/// Filled, or an outline around white: told apart in grey print too.
fn mark<B: DrawingBackend>(
    root: &Root<B>,
    at: Place,
    marker: Marker,
    radius: f64,
    colour: Colour,
    filled: bool,
) -> Drawn<B> {
    area(root, marker, at, radius, 0.0, colour)?;
    if filled {
        Ok(())
    } else {
        area(root, marker, at, radius, EDGE, super::picture::WHITE)
    }
}

/// Thickness of a hollow marker's edge.
const EDGE: f64 = 1.7;

fn area<B: DrawingBackend>(
    root: &Root<B>,
    marker: Marker,
    at: Place,
    radius: f64,
    inset: f64,
    colour: Colour,
) -> Drawn<B> {
    let ink = rgba(colour, 1.0).filled();
    if marker == Marker::Circle {
        let radius = ((radius - inset) * SCALE).round() as i32;
        return root.draw(&Circle::new(to_pixel(at), radius, ink));
    }
    let corners = outline(marker, at, radius, inset).into_iter().map(to_pixel);
    root.draw(&Polygon::new(corners.collect::<Vec<_>>(), ink))
}

/// Corners, with areas about that of a circle of `radius`, every side moved inwards by `inset`.
fn outline(marker: Marker, at: Place, radius: f64, inset: f64) -> Vec<Place> {
    let ring = |n: usize, first: f64, r: &dyn Fn(usize) -> f64| {
        let corner = |i: usize| {
            let angle = first + std::f64::consts::TAU * i as f64 / n as f64;
            (at.0 + r(i) * angle.cos(), at.1 + r(i) * angle.sin())
        };
        (0..n).map(corner).collect::<Vec<Place>>()
    };
    // A side of a regular polygon is nearer to the centre than its corners are.
    let regular = |n: usize, first: f64, r: f64| {
        let r = r - inset / (std::f64::consts::PI / n as f64).cos();
        ring(n, first, &|_| r)
    };
    let up = -std::f64::consts::FRAC_PI_2;
    match marker {
        Marker::Circle => regular(24, 0.0, radius),
        Marker::Square => regular(4, up / 2.0, radius * 1.25),
        Marker::Up => regular(3, up, radius * 1.4),
        Marker::Down => regular(3, -up, radius * 1.4),
        Marker::Diamond => regular(4, up, radius * 1.35),
        Marker::Pentagon => regular(5, up, radius * 1.15),
        Marker::Hexagon => regular(6, up, radius * 1.15),
        Marker::Star => {
            let tip = radius * 1.55 - 1.9 * inset;
            ring(10, up, &|i| if i % 2 == 0 { tip } else { 0.45 * tip })
        }
        Marker::Cross => {
            let (a, b) = (radius * 1.25 - inset, radius * 0.55 - inset);
            let corners = [
                (-b, -a),
                (b, -a),
                (b, -b),
                (a, -b),
                (a, b),
                (b, b),
                (b, a),
                (-b, a),
                (-b, b),
                (-a, b),
                (-a, -b),
                (-b, -b),
            ];
            corners.iter().map(|(x, y)| (at.0 + x, at.1 + y)).collect()
        }
    }
}

/// Cuts a line into dashes of 6 with gaps of 4.
fn dashes(points: &[Place]) -> Vec<[Place; 2]> {
    const PERIOD: f64 = 10.0;
    const ON: f64 = 6.0;
    let mut found = Vec::new();
    let mut walked = 0.0;
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let at = |d: f64| {
            (
                from.0 + (to.0 - from.0) * d / length,
                from.1 + (to.1 - from.1) * d / length,
            )
        };
        let mut done = 0.0;
        while done < length {
            let phase = (walked + done) % PERIOD;
            let (rest, on) = if phase < ON {
                (ON - phase, true)
            } else {
                (PERIOD - phase, false)
            };
            // Rounding may leave a sliver of a phase; without the floor it would be walked for ever.
            let end = (done + rest.max(0.01)).min(length);
            if on {
                found.push([at(done), at(end)]);
            }
            done = end;
        }
        walked += length;
    }
    found
}

fn to_pixel(at: Place) -> (i32, i32) {
    ((at.0 * SCALE).round() as i32, (at.1 * SCALE).round() as i32)
}

fn stroke(width: f64) -> u32 {
    (width * SCALE).round().max(1.0) as u32
}

fn rgba(colour: Colour, opacity: f64) -> RGBAColor {
    RGBAColor(colour.0, colour.1, colour.2, opacity)
}
