//! Text in pixels: DejaVu Sans, measured and drawn glyph by glyph.
//!
//! plotters' own bitmap text drops each glyph's left bearing and rounds its place to whole pixels, which shows as ragged spacing.

use ab_glyph::{Font, FontRef, Glyph, PxScale, PxScaleFont, ScaleFont, point};
use std::sync::LazyLock;

static REGULAR: LazyLock<FontRef<'static>> = LazyLock::new(|| face(dejavu::sans::regular()));
static BOLD: LazyLock<FontRef<'static>> = LazyLock::new(|| face(dejavu::sans::bold()));

/// Half the height between that of `x` and that of `X`, as a share of the text's height: what the eye takes for the middle.
const MIDDLE: f64 = 0.27;

fn face(bytes: &'static [u8]) -> FontRef<'static> {
    FontRef::try_from_slice(bytes).expect("the font is compiled in")
}

/// Width of `text` at `height` (ascent to descent), in the unit of `height`.
pub(crate) fn width(text: &str, height: f64, bold: bool) -> f64 {
    glyphs(text, height, bold).1
}

/// Calls `dot(x, y, coverage)` for every pixel of `text`; the origin is its start, at half its visible height.
pub(crate) fn rasterise(text: &str, height: f64, bold: bool, mut dot: impl FnMut(i32, i32, f64)) {
    for glyph in glyphs(text, height, bold).0 {
        if let Some(outline) = face_of(bold).outline_glyph(glyph) {
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, coverage| {
                dot(
                    corner.x as i32 + x as i32,
                    corner.y as i32 + y as i32,
                    f64::from(coverage),
                )
            });
        }
    }
}

fn glyphs(text: &str, height: f64, bold: bool) -> (Vec<Glyph>, f64) {
    let font: PxScaleFont<&FontRef<'static>> =
        face_of(bold).as_scaled(PxScale::from(height as f32));
    let baseline = (MIDDLE * height) as f32;
    let mut x = 0.0;
    let mut before = None;
    let mut glyphs = Vec::new();
    for letter in text.chars() {
        let id = font.glyph_id(letter);
        x += before.map_or(0.0, |before| font.kern(before, id));
        glyphs.push(id.with_scale_and_position(font.scale(), point(x, baseline)));
        x += font.h_advance(id);
        before = Some(id);
    }
    (glyphs, f64::from(x))
}

fn face_of(bold: bool) -> &'static FontRef<'static> {
    if bold { &BOLD } else { &REGULAR }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_lies_within_the_measured_width() {
        let (mut left, mut right, mut ink) = (i32::MAX, i32::MIN, 0.0);
        rasterise("Wide, WAVy j", 40.0, false, |x, _, coverage| {
            if coverage > 0.1 {
                (left, right) = (left.min(x), right.max(x));
            }
            ink += coverage;
        });
        let width = width("Wide, WAVy j", 40.0, false);
        assert!(
            ink > 500.0
                && left >= -1
                && f64::from(right) <= width + 1.0
                && f64::from(right) > width - 6.0,
            "{left}..{right} of {width}"
        );
    }

    #[test]
    fn every_sign_in_use_has_a_glyph() {
        let missing = "×µ…–%()[]/;"
            .chars()
            .filter(|c| REGULAR.glyph_id(*c).0 == 0)
            .collect::<String>();
        assert_eq!(missing, "");
    }
}
