//! Time by phase, and beside it what the search took.

use super::axis::{Axis, Unit};
use super::frame::{self, WIDTH};
use super::picture::{
    AXIS, Area, BLUE, Colour, GREEN, Hang, LABEL, NOTE, ORANGE, PURPLE, Picture, QUIET, SKY, TEXT,
    VERMILION, YELLOW,
};
use super::render::text_width;
use super::scale::listed;
use crate::units;

/// The phases of a trial in the order they run, with their colours.
pub(crate) const PHASES: [(&str, Colour); 8] = [
    ("load", QUIET),
    ("prepare", SKY),
    ("prepare validation", PURPLE),
    ("first step", YELLOW),
    ("train", BLUE),
    ("validate", ORANGE),
    ("test", GREEN),
    ("other", (205, 205, 205)),
];
const SEARCH: (&str, Colour) = ("search", VERMILION);

/// Seconds of one way of adapting; `None` where not measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) label: String,
    /// One trial, in the order of [`PHASES`].
    pub(crate) seconds: [Option<f64>; 8],
    /// The search.
    pub(crate) search: Option<f64>,
}

impl Bar {
    fn total(&self) -> f64 {
        self.seconds.iter().flatten().sum()
    }
}

/// A trial's phases as one stacked bar, with a thin one below it where there was a search.
pub(crate) fn chart(title: &str, subtitle: &str, bars: &[Bar]) -> Option<Picture> {
    let ends = bars.iter().flat_map(|b| [Some(b.total()), b.search]);
    let longest = ends.flatten().fold(0.0, f64::max);
    if longest <= 0.0 {
        return None;
    }
    let names = bars.iter().map(|b| text_width(&b.label, LABEL));
    let row = if bars.iter().any(|b| b.search.is_some()) {
        34.0
    } else {
        25.0
    };
    let key = key(bars);
    let rows = key.last().map_or(0.0, |k| k.top - key[0].top);
    let top = 100.0 + rows;
    let plot = Area {
        left: names.fold(0.0, f64::max) + 34.0,
        top,
        right: WIDTH - 108.0,
        bottom: top + row * bars.len() as f64 + 8.0,
    };
    let mut picture = Picture::new(WIDTH, plot.bottom + 64.0, title, description(bars));
    frame::title(&mut picture, subtitle);
    for k in &key {
        let sample = Area {
            left: k.left,
            top: k.top,
            right: k.left + 15.0,
            bottom: k.top + 15.0,
        };
        picture.fill(sample, k.colour, 1.0);
        let at = (k.left + 21.0, k.top + 7.0);
        picture.text(at, k.name, NOTE, TEXT, Hang::Start);
    }
    let x = Axis::linear(0.0, longest, (plot.left, plot.right), Unit::Seconds);
    let name = "wall-clock time of one trial, median over seeds";
    frame::x_axis(&mut picture, &plot, &x, name);
    let left = [(plot.left, plot.top), (plot.left, plot.bottom)];
    picture.line(&left, AXIS, 1.2);
    for (at, bar) in bars.iter().enumerate() {
        let y = plot.top + 4.0 + row * (at as f64 + 0.5);
        draw(&mut picture, &plot, &x, y, bar);
    }
    Some(picture)
}

/// An entry of the key.
struct Key {
    left: f64,
    top: f64,
    name: &'static str,
    colour: Colour,
}

/// The phases that any of the bars has, and the search, in as many rows as they need.
fn key(bars: &[Bar]) -> Vec<Key> {
    let phases = PHASES.iter().enumerate();
    let shown = phases.filter(|(at, _)| bars.iter().any(|b| b.seconds[*at].is_some()));
    let search = bars.iter().any(|b| b.search.is_some()).then_some(SEARCH);
    let (mut left, mut top) = (22.0, 69.0);
    let mut keys = Vec::new();
    for (name, colour) in shown.map(|(_, phase)| *phase).chain(search) {
        let width = 21.0 + text_width(name, NOTE);
        if left + width > WIDTH - 18.0 {
            (left, top) = (22.0, top + 22.0);
        }
        keys.push(Key {
            left,
            top,
            name,
            colour,
        });
        left += width + 20.0;
    }
    keys
}

/// A row: its label on the left, the phases one behind the other with the total at the end, the search below them.
fn draw(picture: &mut Picture, plot: &Area, x: &Axis, y: f64, bar: &Bar) {
    let label = bar.label.as_str();
    picture.text((plot.left - 10.0, y), label, LABEL, TEXT, Hang::End);
    let (upper, half) = if bar.search.is_some() {
        (y - 6.0, 6.0)
    } else {
        (y, 8.0)
    };
    let mut so_far = 0.0;
    for (seconds, (_, colour)) in bar.seconds.iter().zip(PHASES) {
        let to = so_far + seconds.unwrap_or(0.0);
        let part = Area {
            left: x.at(so_far),
            top: upper - half,
            right: x.at(to),
            bottom: upper + half,
        };
        picture.fill(part, colour, 1.0);
        so_far = to;
    }
    let reading = |picture: &mut Picture, seconds: f64, y: f64| {
        let at = (x.at(seconds) + 7.0, y);
        picture.text(at, units::seconds(seconds), NOTE, TEXT, Hang::Start);
    };
    if so_far > 0.0 {
        reading(picture, so_far, upper);
    }
    if let Some(search) = bar.search {
        let part = Area {
            left: x.at(0.0),
            top: y + 3.0,
            right: x.at(search),
            bottom: y + 11.0,
        };
        picture.fill(part, SEARCH.1, 1.0);
        reading(picture, search, y + 8.0);
    }
}

/// The chart in words: what a trial takes, with the search where there was one.
fn description(bars: &[Bar]) -> String {
    let of: Vec<String> = bars
        .iter()
        .map(|bar| {
            let total = units::seconds(bar.total());
            match bar.search {
                Some(s) => format!("{} {total} and {} of search", bar.label, units::seconds(s)),
                None => format!("{} {total}", bar.label),
            }
        })
        .collect();
    format!(
        "Wall-clock time of one trial by phase, median over seeds: {}.",
        listed(&of)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::picture::Shape;

    #[test]
    fn the_search_has_a_bar_of_its_own_from_zero_and_is_in_no_total() {
        let bar = |search| Bar {
            label: "lime".to_owned(),
            seconds: [
                Some(1.0),
                Some(2.0),
                None,
                None,
                Some(7.0),
                None,
                None,
                None,
            ],
            search,
        };
        let picture = chart("Time", "", &[bar(Some(20.0)), bar(None)]).unwrap();
        let boxes = |colour: Colour| -> Vec<Area> {
            let area = |shape: &Shape| match shape {
                Shape::Box {
                    area, colour: c, ..
                } if *c == colour => Some(*area),
                _ => None,
            };
            picture.shapes.iter().filter_map(area).collect()
        };
        // The first of each is the sample in the key.
        let [_, search] = boxes(VERMILION)[..] else {
            panic!("one search")
        };
        let [_, train, _] = boxes(BLUE)[..] else {
            panic!("two trainings")
        };
        let [_, load, _] = boxes(QUIET)[..] else {
            panic!("two loads")
        };
        assert_eq!(search.left, load.left);
        assert!(search.top >= train.bottom, "beside, not behind the phases");
        let width = |area: Area| area.right - area.left;
        assert!((width(search) / width(train) - 20.0 / 7.0).abs() < 1e-9);
        let reads = |text: &str| {
            let is = |s: &Shape| matches!(s, Shape::Text(label) if label.text == text);
            picture.shapes.iter().filter(|s| is(s)).count()
        };
        // Both are ticks, too.
        assert_eq!((reads("10 s"), reads("20 s")), (3, 2));
        assert_eq!(chart("Time", "", &[]), None);
    }
}
