//! A picture as SVG and as PNG, through plotters.
//!
//! Both are drawn at twice the logical size, because plotters works in whole pixels; the SVG's stated size is then halved again.
//! Text in the SVG asks for the reader's own sans-serif; the PNG, and every measurement, uses DejaVu Sans, which is among the widest.

use super::font;
use super::look::Look;
use super::picture::{Colour, Fill, Hang, Label, Marker, Picture, Place, Shape, Stroke, WHITE};
use crate::escape::html as escape;
use plotters::backend::BitMapBackend;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontFamily, FontStyle, FontTransform, RGBAColor, TextStyle, register_font};
use std::path::Path;
use std::sync::Once;

/// Pixels drawn to a logical pixel.
const SCALE: f64 = 2.0;

/// The picture as SVG text, with its title and description; `id` is what no other picture of a page has.
pub(crate) fn svg(picture: &Picture, id: &str) -> Result<String, String> {
    prepare();
    let size = pixels(picture);
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(picture, &root, svg_text).map_err(|e| e.to_string())?;
        root.present().map_err(|e| e.to_string())?;
    }
    let drawn = format!("width=\"{}\" height=\"{}\"", size.0, size.1);
    let (head, rest) = text
        .split_once('>')
        .ok_or("the drawing library wrote no SVG")?;
    let sized = format!("width=\"{}\" height=\"{}\"", picture.width, picture.height);
    let head = head.replacen(&drawn, &sized, 1);
    let [id, title, description] = [id, &picture.title, &picture.description].map(escape);
    Ok(format!(
        "{head} role=\"img\" aria-labelledby=\"{id}--title {id}--desc\">\n<title id=\"{id}--title\">{title}</title>\n\
         <desc id=\"{id}--desc\">{description}</desc>{rest}"
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
                stroke,
            } => {
                let style = rgba(*colour, *opacity).stroke_width(thickness(*width));
                for part in parts(points, *stroke) {
                    let pixels: Vec<_> = part.into_iter().map(to_pixel).collect();
                    root.draw(&PathElement::new(pixels, style))?;
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
            Shape::Area {
                corners,
                colour,
                opacity,
            } => area(root, corners, rgba(*colour, *opacity))?,
            Shape::Mark {
                at,
                look,
                fill,
                radius,
            } => mark(root, *at, *look, *fill, *radius)?,
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

/// Full, half, or an outline around white: told apart in grey print too.
fn mark<B: DrawingBackend>(
    root: &Root<B>,
    at: Place,
    look: Look,
    fill: Fill,
    radius: f64,
) -> Drawn<B> {
    let Look {
        colour,
        marker,
        variant,
        ..
    } = look;
    let edge = rgba(colour, 1.0).stroke_width(thickness(1.2));
    if variant.has_ring() {
        let ring = ((radius + 3.5) * SCALE).round() as i32;
        root.draw(&Circle::new(to_pixel(at), ring, rgba(WHITE, 1.0).filled()))?;
        root.draw(&Circle::new(to_pixel(at), ring, edge))?;
    }
    if variant.has_bar() {
        let y = at.1 + radius + 4.5;
        let ends = [(at.0 - radius, y), (at.0 + radius, y)].map(to_pixel);
        root.draw(&PathElement::new(ends.to_vec(), edge))?;
    }
    let whole = outline(marker, at, radius, 0.0);
    area(root, &whole, rgba(colour, 1.0))?;
    let inset = match fill {
        Fill::Full => return Ok(()),
        Fill::Half | Fill::Hollow => EDGE,
        Fill::Thin => EDGE / 2.0,
    };
    area(root, &outline(marker, at, radius, inset), rgba(WHITE, 1.0))?;
    if fill == Fill::Half {
        area(root, &left_of(&whole, at.0), rgba(colour, 1.0))?;
    }
    Ok(())
}

/// Thickness of a hollow marker's edge.
const EDGE: f64 = 1.7;

fn area<B: DrawingBackend>(root: &Root<B>, corners: &[Place], colour: RGBAColor) -> Drawn<B> {
    let pixels: Vec<_> = corners.iter().copied().map(to_pixel).collect();
    root.draw(&Polygon::new(pixels, colour.filled()))
}

/// The part of a polygon left of `x` (Sutherland & Hodgman 1974).
fn left_of(corners: &[Place], x: f64) -> Vec<Place> {
    let mut kept = Vec::new();
    for (i, to) in corners.iter().enumerate() {
        let from = corners[(i + corners.len() - 1) % corners.len()];
        if (from.0 <= x) != (to.0 <= x) {
            let share = (x - from.0) / (to.0 - from.0);
            kept.push((x, from.1 + share * (to.1 - from.1)));
        }
        if to.0 <= x {
            kept.push(*to);
        }
    }
    kept
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

/// A line as the parts that are drawn: all of it, or its dashes.
fn parts(points: &[Place], stroke: Stroke) -> Vec<Vec<Place>> {
    match stroke {
        Stroke::Solid => vec![points.to_vec()],
        Stroke::Dashed => dashes(points, &[6.0, 4.0]),
        Stroke::Dotted => dashes(points, &[1.5, 3.0]),
        Stroke::DashDotted => dashes(points, &[7.0, 3.0, 1.5, 3.0]),
    }
}

/// Cuts a line into dashes: lengths that are drawn and, between them, left out.
fn dashes(points: &[Place], lengths: &[f64]) -> Vec<Vec<Place>> {
    let mut found = Vec::new();
    let (mut phase, mut rest) = (0, lengths[0]);
    let mut dash: Vec<Place> = Vec::new();
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let length = (to.0 - from.0).hypot(to.1 - from.1);
        let at = |d: f64| {
            let share = d / length;
            (
                from.0 + (to.0 - from.0) * share,
                from.1 + (to.1 - from.1) * share,
            )
        };
        let mut done = 0.0;
        while done < length {
            if phase % 2 == 0 && dash.is_empty() {
                dash.push(at(done));
            }
            let end = (done + rest).min(length);
            if phase % 2 == 0 {
                dash.push(at(end));
            }
            rest -= end - done;
            done = end;
            // Rounding may leave a sliver of a length; it would be walked for ever.
            if rest < 0.01 {
                found.extend((!dash.is_empty()).then(|| std::mem::take(&mut dash)));
                phase = (phase + 1) % lengths.len();
                rest = lengths[phase];
            }
        }
    }
    found.extend((!dash.is_empty()).then_some(dash));
    found
}

fn to_pixel(at: Place) -> (i32, i32) {
    ((at.0 * SCALE).round() as i32, (at.1 * SCALE).round() as i32)
}

fn thickness(width: f64) -> u32 {
    (width * SCALE).round().max(1.0) as u32
}

fn rgba(colour: Colour, opacity: f64) -> RGBAColor {
    RGBAColor(colour.0, colour.1, colour.2, opacity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(corners: &[Place]) -> f64 {
        let pairs = (0..corners.len()).map(|i| (corners[i], corners[(i + 1) % corners.len()]));
        pairs.map(|(a, b)| a.0 * b.1 - b.0 * a.1).sum::<f64>().abs() / 2.0
    }

    #[test]
    fn the_left_half_of_every_marker_is_half_of_it() {
        use Marker::{Circle, Cross, Diamond, Down, Hexagon, Pentagon, Square, Star, Up};
        for marker in [
            Circle, Square, Up, Diamond, Down, Pentagon, Cross, Hexagon, Star,
        ] {
            let whole = outline(marker, (30.0, 20.0), 5.5, 0.0);
            let half = left_of(&whole, 30.0);
            let share = area(&half) / area(&whole);
            assert!((share - 0.5).abs() < 1e-9, "{marker:?}: {share}");
            assert!(half.iter().all(|corner| corner.0 <= 30.0 + 1e-9));
        }
    }

    #[test]
    fn dashes_go_on_around_corners_and_cover_their_share_of_the_line() {
        let line = [(0.0, 0.0), (40.0, 0.0), (40.0, 60.0)];
        for (stroke, share) in [
            (Stroke::Solid, 1.0),
            (Stroke::Dashed, 0.6),
            (Stroke::Dotted, 1.0 / 3.0),
            (Stroke::DashDotted, 8.5 / 14.5),
        ] {
            let length = |part: &Vec<Place>| -> f64 {
                let steps = part.windows(2);
                steps
                    .map(|w| (w[1].0 - w[0].0).hypot(w[1].1 - w[0].1))
                    .sum()
            };
            let drawn: f64 = parts(&line, stroke).iter().map(length).sum();
            assert!((drawn / 100.0 - share).abs() < 0.05, "{stroke:?}: {drawn}");
        }
    }
}
