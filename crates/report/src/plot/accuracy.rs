//! Accuracies with their intervals, and beside them how far each is from the best of the others.

use super::axis::{Axis, Unit};
use super::frame::{self, WIDTH};
use super::look::Look;
use super::picture::{
    AXIS, Area, Fill, GRID, HEADING, Hang, LABEL, NOTE, Picture, Place, QUIET, SKY, TEXT,
};
use super::render::text_width;
use super::scale::{floor, listed};
use crate::standing::{self, margin_points, signed};
use crate::statistics::{AgainstBest, Estimate, Interval, Standing};
use crate::units;

const ROW: f64 = 25.0;

/// An arm in the chart.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dot {
    pub(crate) label: String,
    pub(crate) look: Look,
    pub(crate) accuracy: Estimate,
    pub(crate) standing: Standing,
    /// `None` where there are no shared predictions to compare.
    pub(crate) against: Option<AgainstBest>,
}

/// What an arm's standing fills its marker with, in every chart.
pub(crate) fn fill(standing: Standing) -> Fill {
    match standing {
        Standing::Best | Standing::AsGood => Fill::Full,
        Standing::Open => Fill::Half,
        Standing::Behind => Fill::Hollow,
        Standing::Unknown => Fill::Thin,
    }
}

/// The highest on top. `margin` is how far behind the best an arm may be and still be as good; `notes` stand at the foot.
pub(crate) fn chart(
    title: &str,
    subtitle: &str,
    margin: f64,
    dots: &[Dot],
    notes: &[String],
) -> Option<Picture> {
    let mut dots: Vec<&Dot> = dots.iter().collect();
    dots.sort_by(|a, b| b.accuracy.mean.total_cmp(&a.accuracy.mean));
    dots.first()?;
    let means: Vec<f64> = dots.iter().map(|d| d.accuracy.mean).collect();
    let floor = floor(&means);
    let mut notes: Vec<String> = notes.iter().flat_map(|note| frame::wrap(note)).collect();
    if floor.is_some() {
        let cut = "// The axes are cut: what is far less accurate than the rest stands left of the break, its figures on the right of each panel.";
        notes.splice(0..0, frame::wrap(cut));
    }
    if dots.iter().all(|d| d.accuracy.seeds == 1) {
        let one = "One seed: how much accuracies vary between seeds is unknown, and no interval holds it.";
        notes.extend(frame::wrap(one));
    }
    let places = Places::of(&dots);
    let foot = 64.0 + 19.0 * notes.len() as f64;
    let description = description(&dots, margin);
    let mut picture = Picture::new(places.width, places.left.bottom + foot, title, description);
    frame::title(&mut picture, subtitle);
    key(&mut picture, &dots, margin);
    accuracies(&mut picture, &places, &dots, floor);
    differences(&mut picture, &places, &dots, floor, margin);
    frame::notes(&mut picture, &notes);
    Some(picture)
}

/// Where the panels and the figures between them stand.
struct Places {
    /// Of the accuracies.
    left: Area,
    /// Of the differences.
    right: Area,
    /// Of the whole picture.
    width: f64,
}

/// Room for a mean between the panels.
const MEAN: f64 = 58.0;
/// The least that a panel can be read at.
const NARROWEST: f64 = 176.0;

impl Places {
    /// Two panels of one width, between the labels and the figures; long ones widen the picture.
    fn of(dots: &[&Dot]) -> Self {
        let widest = |texts: &mut dyn Iterator<Item = f64>| texts.fold(0.0, f64::max);
        let names = widest(&mut dots.iter().map(|d| text_width(&d.label, LABEL)));
        let verdicts = widest(&mut dots.iter().map(|d| text_width(&verdict(d), NOTE)));
        let start = names.max(60.0) + 34.0;
        let taken = start + MEAN + verdicts + 26.0;
        let width = WIDTH.max(taken + 2.0 * NARROWEST);
        let panel = (width - taken) / 2.0;
        let left = Area {
            left: start,
            top: 122.0,
            right: start + panel,
            bottom: 122.0 + ROW * dots.len() as f64 + 8.0,
        };
        let right = Area {
            left: left.right + MEAN,
            right: left.right + MEAN + panel,
            ..left
        };
        Self { left, right, width }
    }
}

/// Height at which row `row` of `plot` stands.
fn middle(plot: &Area, row: usize) -> f64 {
    plot.top + 4.0 + ROW * (row as f64 + 0.5)
}

/// Width of the strip left of a cut axis.
const STRIP: f64 = 34.0;

/// Where an axis begins: right of the strip where it is cut.
fn ends(plot: &Area, is_cut: bool) -> (f64, f64) {
    let strip = if is_cut { STRIP } else { 0.0 };
    (plot.left + strip, plot.right)
}

fn is_below(dot: &Dot, floor: Option<f64>) -> bool {
    floor.is_some_and(|floor| dot.accuracy.mean < floor)
}

fn accuracies(picture: &mut Picture, places: &Places, dots: &[&Dot], floor: Option<f64>) {
    let plot = &places.left;
    let in_scale = dots.iter().filter(|d| !is_below(d, floor));
    let intervals = in_scale.map(|d| d.accuracy.interval);
    let low = intervals.clone().map(|i| i.low).fold(1.0, f64::min);
    let high = intervals.map(|i| i.high).fold(0.0, f64::max);
    let air = 0.05 * (high - low).max(0.02);
    let x = Axis::linear(
        low - air,
        high + air,
        ends(plot, floor.is_some()),
        Unit::Percent,
    );
    panel(picture, plot, &x, "test accuracy (%)", floor.is_some());
    for (row, dot) in dots.iter().enumerate() {
        let y = middle(plot, row);
        let label = dot.label.as_str();
        picture.text((plot.left - 10.0, y), label, LABEL, TEXT, Hang::End);
        let mean = units::percent(dot.accuracy.mean);
        picture.text((plot.right + 46.0, y), mean, LABEL, TEXT, Hang::End);
        if is_below(dot, floor) {
            out_of_scale(picture, plot, y, dot);
        } else {
            interval(
                picture,
                plot,
                &x,
                y,
                dot,
                dot.accuracy.mean,
                dot.accuracy.interval,
            );
        }
    }
}

fn differences(
    picture: &mut Picture,
    places: &Places,
    dots: &[&Dot],
    floor: Option<f64>,
    margin: f64,
) {
    let plot = &places.right;
    let in_scale = dots.iter().filter(|d| !is_below(d, floor));
    let compared: Vec<&AgainstBest> = in_scale.filter_map(|d| d.against.as_ref()).collect();
    if compared.is_empty() {
        let centre = (plot.left + plot.right) / 2.0;
        let at = (centre, (plot.top + plot.bottom) / 2.0);
        picture.text(at, "nothing to compare", NOTE, AXIS, Hang::Middle);
        return;
    }
    let (low, high) = reach(&compared, margin);
    let air = 0.05 * (high - low);
    let is_cut = floor.is_some();
    let x = Axis::linear(low - air, high + air, ends(plot, is_cut), Unit::Percent);
    let band = Area {
        left: x.at(-margin),
        right: x.at(margin),
        ..*plot
    };
    picture.fill(band, SKY, 0.18);
    panel(
        picture,
        plot,
        &x,
        "minus the best other (points)",
        floor.is_some(),
    );
    let zero = x.at(0.0);
    picture.line(&[(zero, plot.top), (zero, plot.bottom)], QUIET, 1.2);
    for (row, dot) in dots.iter().enumerate() {
        let y = middle(plot, row);
        picture.text(
            (plot.right + 12.0, y),
            verdict(dot),
            NOTE,
            TEXT,
            Hang::Start,
        );
        match &dot.against {
            Some(_) if is_below(dot, floor) => out_of_scale(picture, plot, y, dot),
            Some(a) => interval(picture, plot, &x, y, dot, a.difference, a.interval),
            None => {}
        }
    }
}

/// Ends of the axis of differences: those of the intervals, but at most three times as far from 0 as the differences and the margin are. An arm with
/// few seeds has an interval beside which the others would be dots.
fn reach(compared: &[&AgainstBest], margin: f64) -> (f64, f64) {
    let of = |value: fn(&AgainstBest) -> f64, start: f64, end: fn(f64, f64) -> f64| {
        compared.iter().map(|a| value(a)).fold(start, end)
    };
    let low = of(|a| a.interval.low, -margin, f64::min);
    let high = of(|a| a.interval.high, margin, f64::max);
    let lowest = of(|a| a.difference, -margin, f64::min);
    let highest = of(|a| a.difference, margin, f64::max);
    (low.max(3.0 * lowest), high.min(3.0 * highest))
}

/// Grid, ticks and name of a panel's axis, and the break where it is cut.
fn panel(picture: &mut Picture, plot: &Area, x: &Axis, name: &str, is_cut: bool) {
    for (x, reading) in x.ticks(((plot.right - plot.left) / 44.0) as usize) {
        picture.line(&[(x, plot.top), (x, plot.bottom)], GRID, 1.0);
        picture.line(&[(x, plot.bottom), (x, plot.bottom + 5.0)], AXIS, 1.0);
        picture.text((x, plot.bottom + 17.0), reading, LABEL, TEXT, Hang::Middle);
    }
    let y = plot.bottom;
    let start = if is_cut { plot.left + STRIP } else { plot.left };
    picture.line(&[(start, y), (plot.right, y)], AXIS, 1.2);
    if is_cut {
        picture.line(&[(plot.left, y), (start - 5.0, y)], AXIS, 1.2);
        for x in [start - 5.0, start] {
            picture.line(&[(x - 3.0, y + 6.0), (x + 3.0, y - 6.0)], AXIS, 1.4);
        }
        picture.dashes(
            &[(start - 2.5, plot.top), (start - 2.5, y - 8.0)],
            QUIET,
            1.0,
        );
    }
    let centre = ((plot.left + plot.right) / 2.0, plot.bottom + 42.0);
    let size = HEADING.min(HEADING * (plot.right - plot.left + 30.0) / text_width(name, HEADING));
    picture.text(centre, name, size, TEXT, Hang::Middle);
}

/// A marker left of the break; its value stands beside the panel.
fn out_of_scale(picture: &mut Picture, plot: &Area, y: f64, dot: &Dot) {
    picture.mark((plot.left + 0.4 * STRIP, y), dot.look, fill(dot.standing));
}

/// A marker with its interval.
fn interval(
    picture: &mut Picture,
    plot: &Area,
    x: &Axis,
    y: f64,
    dot: &Dot,
    mean: f64,
    interval: Interval,
) {
    let within = |value: f64| x.at(value).clamp(x.start(), plot.right);
    let (from, to) = (within(interval.low), within(interval.high));
    let line: [Place; 2] = [(from, y), (to, y)];
    picture.line(&line, dot.look.colour, 1.8);
    for (end, value, outwards) in [(from, interval.low, -1.0), (to, interval.high, 1.0)] {
        let goes_on = (x.at(value) - end).abs() > 0.5;
        // A serif where the interval ends, an arrowhead where the axis does.
        let back = if goes_on { -5.0 * outwards } else { 0.0 };
        let tip = [(end + back, y - 4.0), (end, y), (end + back, y + 4.0)];
        picture.line(&tip, dot.look.colour, 1.8);
    }
    picture.mark((within(mean), y), dot.look, fill(dot.standing));
}

/// `open -3.2 [-5.3, -0.9]`; of the best, its lead.
fn verdict(dot: &Dot) -> String {
    let word = match dot.standing {
        Standing::Unknown => "not compared",
        known => standing::word(known),
    };
    match &dot.against {
        Some(against) => format!("{word} {}", standing::difference(against)),
        None => word.to_owned(),
    }
}

/// What fillings, lines and the band mean, in two rows.
fn key(picture: &mut Picture, dots: &[&Dot], margin: f64) {
    let fills: Vec<Fill> = dots.iter().map(|d| fill(d.standing)).collect();
    frame::key_of_fills(picture, 20.0, 76.0, &fills);
    let y = 98.0;
    picture.line(&[(20.0, y), (42.0, y)], AXIS, 1.8);
    for end in [20.0, 42.0] {
        picture.line(&[(end, y - 4.0), (end, y + 4.0)], AXIS, 1.8);
    }
    let text = "95 % interval (left: its own; right: simultaneous)";
    picture.text((50.0, y), text, NOTE, TEXT, Hang::Start);
    let next = 50.0 + text_width(text, NOTE) + 24.0;
    let sample = Area {
        left: next,
        top: y - 7.0,
        right: next + 22.0,
        bottom: y + 7.0,
    };
    picture.fill(sample, SKY, 0.3);
    let text = format!("within {} of the best other", margin_points(margin));
    picture.text((next + 28.0, y), text, NOTE, TEXT, Hang::Start);
}

/// The chart in words: the best with its lead, and who stands where.
fn description(dots: &[&Dot], margin: f64) -> String {
    let accuracy = |dot: &Dot| {
        let [low, high] = [dot.accuracy.interval.low, dot.accuracy.interval.high];
        let [mean, low, high] = [dot.accuracy.mean, low, high].map(units::percent);
        format!("{} {mean} % [{low}, {high}]", dot.label)
    };
    let with_difference = |dot: &&&Dot| match &dot.against {
        Some(a) => format!("{} {}", dot.label, signed(a.difference)),
        None => dot.label.clone(),
    };
    let mut sentences = vec![format!(
        "Test accuracies of {} ways of adapting with 95 % intervals, and their differences from the best of the others in points.",
        dots.len()
    )];
    for (standing, opening) in [
        (
            Standing::AsGood,
            format!("As good, within {}", margin_points(margin)),
        ),
        (Standing::Open, "Open".to_owned()),
        (Standing::Behind, "Behind".to_owned()),
    ] {
        let of: Vec<String> = dots
            .iter()
            .filter(|d| d.standing == standing)
            .map(|dot| with_difference(&dot))
            .collect();
        if !of.is_empty() {
            sentences.push(format!("{opening}: {}.", listed(&of)));
        }
    }
    let best = dots.iter().find(|d| d.standing == Standing::Best);
    let first = best.or(dots.first()).map(|dot| match &dot.against {
        Some(a) => format!(
            "Best: {}, {} on the next.",
            accuracy(dot),
            signed(a.difference)
        ),
        None => format!("Highest: {}.", accuracy(dot)),
    });
    sentences.splice(1..1, first);
    sentences.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::look;
    use crate::plot::picture::Shape;
    use crate::statistics::{Scores, estimate_from_scores};

    fn look_of(label: &str) -> Look {
        let labels = ["ash", "lime", "elm", "oak", "fir", "yew"];
        let at = labels.iter().position(|other| *other == label).unwrap();
        look::of_arms(&labels, &[])[at]
    }

    fn dot(label: &str, accuracy: f64, standing: Standing, difference: f64) -> Dot {
        let scores = Scores {
            accuracy,
            rows: 1000,
        };
        Dot {
            label: label.to_owned(),
            look: look_of(label),
            accuracy: estimate_from_scores(&[scores]).unwrap(),
            standing,
            against: (standing != Standing::Unknown).then(|| AgainstBest {
                standing,
                difference,
                interval: Interval {
                    low: difference - 0.02,
                    high: difference + 0.01,
                },
                ..AgainstBest::default()
            }),
        }
    }

    fn dots() -> Vec<Dot> {
        vec![
            dot("ash", 0.70, Standing::Behind, -0.17),
            dot("lime", 0.85, Standing::Open, -0.02),
            dot("elm", 0.87, Standing::Best, 0.004),
            dot("oak", 0.866, Standing::AsGood, -0.004),
            dot("fir", 0.86, Standing::Unknown, 0.0),
            dot("yew", 0.84, Standing::Behind, -0.03),
        ]
    }

    /// Fill and place of every marker of an arm.
    fn marks(picture: &Picture, label: &str) -> Vec<(Fill, Place)> {
        let of = look_of(label);
        let mark = |shape: &Shape| match shape {
            Shape::Mark { at, look, fill, .. } if *look == of => Some((*fill, *at)),
            _ => None,
        };
        picture.shapes.iter().filter_map(mark).collect()
    }

    fn texts(picture: &Picture) -> Vec<&str> {
        let mut texts = Vec::new();
        for shape in &picture.shapes {
            if let Shape::Text(label) = shape {
                texts.push(label.text.as_str());
            }
        }
        texts
    }

    #[test]
    fn markers_are_filled_by_standing_in_both_panels_and_the_words_say_it() {
        let picture = chart("Accuracy", "", 0.01, &dots(), &[]).unwrap();
        for (label, fill, panels) in [
            ("elm", Fill::Full, 2),
            ("oak", Fill::Full, 2),
            ("lime", Fill::Half, 2),
            ("yew", Fill::Hollow, 2),
            ("fir", Fill::Thin, 1),
        ] {
            let marks = marks(&picture, label);
            assert_eq!(marks.len(), panels, "{label}");
            assert!(
                marks.iter().all(|mark| mark.0 == fill),
                "{label}: {marks:?}"
            );
        }
        let texts = texts(&picture);
        for verdict in [
            "best +0.4 [-1.6, 1.4]",
            "as good -0.4 [-2.4, 0.6]",
            "open -2.0 [-4.0, -1.0]",
            "behind -3.0 [-5.0, -2.0]",
            "not compared",
            "within 1 point of the best other",
        ] {
            assert!(texts.contains(&verdict), "{verdict} in {texts:?}");
        }
    }

    #[test]
    fn the_axes_are_cut_below_the_crowd_and_only_then() {
        let cut = chart("Accuracy", "", 0.01, &dots(), &[]).unwrap();
        let ash = marks(&cut, "ash");
        let [crowd, best] = ["yew", "elm"].map(|label| marks(&cut, label));
        assert_eq!(ash.len(), 2);
        for ((below, crowd), best) in ash.iter().zip(&crowd).zip(&best) {
            let [below, crowd, best] = [below, crowd, best].map(|mark| mark.1.0);
            // To scale, it would be more than four times as far from the others as they are from each other.
            assert!(
                crowd - below < 2.5 * (best - crowd),
                "{below} {crowd} {best}"
            );
        }
        let is_cut = |picture: &Picture| texts(picture).iter().any(|t| t.starts_with("//"));
        assert!(is_cut(&cut) && texts(&cut).contains(&"70.0"));
        let whole = chart("Accuracy", "", 0.01, &dots()[1..], &[]).unwrap();
        assert!(!is_cut(&whole));
    }
}
