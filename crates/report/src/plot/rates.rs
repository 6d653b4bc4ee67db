//! What a search found at each learning rate: a small panel for each way of adapting, the rate over its default.

use super::axis::{Axis, Unit};
use super::frame::{self, WIDTH};
use super::look::{Look, Variant};
use super::picture::{
    AXIS, Area, Fill, GRID, HEADING, Hang, LABEL, Marker, NOTE, Picture, Place, QUIET, TEXT, ink,
};
use crate::search::{Kind, Search, Tried};

/// What a panel shows of each training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    Accuracy,
    Loss,
}

/// The search of one way of adapting.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Panel {
    label: String,
    look: Look,
    metric: Metric,
    dots: Vec<Dot>,
    /// Rates over the default at which no training came to numbers.
    failed: Vec<f64>,
    /// Rate over the default, and value of the chosen candidate.
    chosen: (f64, f64),
    /// Between these no rate's loss can be told from that of the chosen one; `None` where the search does not tell.
    optimum: Option<(f64, f64)>,
    /// Epochs by rung, as far as they are known.
    epochs: Vec<u64>,
    kind: Kind,
}

/// One training.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Dot {
    ratio: f64,
    value: f64,
    rung: usize,
}

impl Panel {
    /// `None` where the search tells no default, or nothing was trained to numbers.
    pub(crate) fn of(label: String, look: Look, search: &Search, metric: Metric) -> Option<Self> {
        let default = search.default.filter(|default| *default > 0.0)?;
        let ratio = |tried: &Tried| Some(tried.rate()? / default).filter(|ratio| *ratio > 0.0);
        let mut epochs: Vec<u64> = search.tried.iter().filter_map(|t| t.epochs).collect();
        epochs.sort_unstable();
        epochs.dedup();
        let rung = |tried: &Tried| {
            let place = |own: u64| epochs.iter().position(|epochs| *epochs == own);
            tried.epochs.and_then(place).unwrap_or(0)
        };
        let value = |(accuracy, loss): (f64, f64)| match metric {
            Metric::Accuracy => accuracy,
            Metric::Loss => loss,
        };
        let dots = search.tried.iter().filter_map(|tried| {
            let (ratio, rung) = (ratio(tried)?, rung(tried));
            let seeds = tried.seeds.iter().map(move |seed| Dot {
                ratio,
                value: value(*seed),
                rung,
            });
            Some(seeds)
        });
        let chosen = search.chosen();
        let without_numbers = search.tried.iter().filter(|tried| tried.accuracy.is_none());
        Some(Self {
            label,
            look,
            metric,
            dots: dots.flatten().filter(|dot| dot.value.is_finite()).collect(),
            failed: without_numbers.filter_map(ratio).collect(),
            chosen: (ratio(chosen)?, value((chosen.accuracy?, chosen.loss?))),
            optimum: optimum(search).map(|(low, high)| (low / default, high / default)),
            epochs,
            kind: search.kind,
        })
    }

    /// Beyond it a loss says only that the training went wrong.
    fn largest(&self) -> f64 {
        match self.metric {
            Metric::Accuracy => 1.0,
            Metric::Loss => 3.0 * self.chosen.1.max(0.1),
        }
    }
}

/// The lowest and the highest rate of which a candidate is not behind the chosen one: the 95 % interval of the difference of their mean losses, over
/// both seeds and the validation examples, holds 0.
fn optimum(search: &Search) -> Option<(f64, f64)> {
    let told = search
        .tried
        .iter()
        .any(|tried| tried.against_chosen.is_some());
    let is_level = |tried: &&Tried| tried.against_chosen.is_some_and(|(_, i)| i.low <= 0.0);
    let level = search.tried.iter().filter(is_level);
    let rates = level.chain([search.chosen()]).filter_map(Tried::rate);
    let ends = rates.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), rate| {
        (low.min(rate), high.max(rate))
    });
    told.then_some(ends)
}

const COLUMNS: usize = 3;
const GAP: f64 = 62.0;
const PANEL_HEIGHT: f64 = 150.0;
const ROW: f64 = PANEL_HEIGHT + 62.0;
const TOP: f64 = 84.0;

/// The chart, or `None` without any search.
pub(crate) fn chart(title: &str, panels: &[Panel]) -> Option<Picture> {
    let first = panels.first()?;
    let notes: Vec<String> = frame::wrap(&explained(panels));
    let rows = panels.len().div_ceil(COLUMNS);
    let foot = 8.0 + 19.0 * notes.len() as f64;
    let what = match first.metric {
        Metric::Accuracy => "validation accuracy (%) against learning rate / default (logarithmic)",
        Metric::Loss => "validation loss (nats) against learning rate / default (logarithmic)",
    };
    let mut picture = Picture::new(
        WIDTH,
        TOP + rows as f64 * ROW + foot,
        title,
        described(what, panels),
    );
    frame::title(&mut picture, what);
    let ratios = panels.iter().flat_map(|panel| {
        let dots = panel.dots.iter().map(|dot| dot.ratio);
        dots.chain(panel.failed.iter().copied())
    });
    let ratios: Vec<f64> = ratios.collect();
    let width = (WIDTH - 18.0 - COLUMNS as f64 * GAP) / COLUMNS as f64;
    for (i, panel) in panels.iter().enumerate() {
        let (row, column) = (i / COLUMNS, i % COLUMNS);
        let left = GAP + column as f64 * (width + GAP);
        let top = TOP + row as f64 * ROW;
        let area = Area {
            left,
            top,
            right: left + width,
            bottom: top + PANEL_HEIGHT,
        };
        draw(&mut picture, &area, panel, panels, &ratios);
    }
    frame::notes(&mut picture, &notes);
    Some(picture)
}

fn draw(picture: &mut Picture, area: &Area, panel: &Panel, all: &[Panel], ratios: &[f64]) {
    let x = Axis::log(ratios, (area.left, area.right), Unit::Plain);
    let y = scale(panel, all, area);
    let name = (area.left, area.top - 14.0);
    picture.text(
        name,
        panel.label.as_str(),
        LABEL,
        ink(panel.look.colour),
        Hang::Start,
    );
    for (at, reading) in x.ticks(5) {
        picture.line(&[(at, area.top), (at, area.bottom)], GRID, 1.0);
        picture.text((at, area.bottom + 14.0), reading, NOTE, TEXT, Hang::Middle);
    }
    for (at, reading) in y.ticks(4) {
        picture.line(&[(area.left, at), (area.right, at)], GRID, 1.0);
        picture.text((area.left - 6.0, at), reading, NOTE, TEXT, Hang::End);
    }
    if let Some((low, high)) = panel.optimum {
        let band = Area {
            left: x.at(low) - 7.0,
            right: x.at(high) + 7.0,
            ..*area
        };
        picture.fill(band, panel.look.colour, 0.14);
    }
    let one = x.at(1.0);
    if (area.left..=area.right).contains(&one) {
        picture.dashes(&[(one, area.top), (one, area.bottom)], QUIET, 1.0);
    }
    picture.line(
        &[(area.left, area.bottom), (area.right, area.bottom)],
        AXIS,
        1.0,
    );
    picture.line(
        &[(area.left, area.top), (area.left, area.bottom)],
        AXIS,
        1.0,
    );
    let place = |ratio: f64, value: f64| -> Place {
        (x.at(ratio), y.at(value).clamp(area.top, area.bottom))
    };
    // Below the marks: a ring is filled with white.
    let at = place(panel.chosen.0, panel.chosen.1);
    picture.line(
        &[(at.0, area.top), (at.0, area.bottom)],
        panel.look.colour,
        1.2,
    );
    let chosen = Look {
        colour: AXIS,
        marker: Marker::Circle,
        variant: Variant::Ring,
    };
    picture.mark(at, chosen, Fill::Hollow);
    let last = panel.epochs.len().saturating_sub(1);
    for dot in &panel.dots {
        let at = place(dot.ratio, dot.value);
        let fill = if dot.rung == last {
            Fill::Full
        } else {
            Fill::Hollow
        };
        picture.mark(at, look(panel, dot.rung), fill);
    }
    for ratio in &panel.failed {
        let at = (x.at(*ratio), area.bottom - 6.0);
        picture.text(at, "×", HEADING, QUIET, Hang::Middle);
    }
}

/// Accuracies share one scale; each loss has its own, cut where a training went wrong.
fn scale(panel: &Panel, all: &[Panel], area: &Area) -> Axis {
    let shown: Vec<&Panel> = match panel.metric {
        Metric::Accuracy => all.iter().collect(),
        Metric::Loss => vec![panel],
    };
    let values = shown.iter().flat_map(|panel| {
        let dots = panel.dots.iter().map(|dot| dot.value.min(panel.largest()));
        dots.chain([panel.chosen.1])
    });
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    let air = 0.06 * (high - low);
    let unit = match panel.metric {
        Metric::Accuracy => Unit::Percent,
        Metric::Loss => Unit::Plain,
    };
    Axis::linear(low - air, high + air, (area.bottom, area.top), unit)
}

fn look(panel: &Panel, rung: usize) -> Look {
    const RUNGS: [Marker; 3] = [Marker::Up, Marker::Square, Marker::Circle];
    // The last of fewer rungs looks like the last of all.
    let from_last = panel.epochs.len().saturating_sub(1).saturating_sub(rung);
    Look {
        colour: panel.look.colour,
        marker: RUNGS[(RUNGS.len() - 1).saturating_sub(from_last)],
        variant: Variant::First,
    }
}

/// What was chosen in each panel.
fn described(what: &str, panels: &[Panel]) -> String {
    let chosen = panels.iter().map(|panel| {
        let (ratio, value) = panel.chosen;
        let value = match panel.metric {
            Metric::Accuracy => format!("{:.1} %", 100.0 * value),
            Metric::Loss => format!("{value:.3}"),
        };
        format!("{} {ratio:.3} ({value})", panel.label)
    });
    let chosen: Vec<String> = chosen.collect();
    format!(
        "{what}. Chosen rate over the default, and its value: {}.",
        chosen.join(", ")
    )
}

fn explained(panels: &[Panel]) -> String {
    let first = &panels[0];
    let mut text = match (first.kind, &first.epochs[..]) {
        (Kind::Halving, [.., half, all]) if first.epochs.len() > 2 => format!(
            "One mark a training, two seeds a candidate: epochs {} (triangles), {half} (squares) and {all} (filled circles).",
            first.epochs[0]
        ),
        (Kind::Halving, [half, all]) => format!(
            "One mark a training, two seeds a candidate: epochs {half} (squares) and {all} (filled circles)."
        ),
        _ => "One mark a training.".to_owned(),
    };
    text +=
        " Ring and line: the chosen candidate, the mean of its seeds. Dashed: the default rate.";
    if panels.iter().any(|panel| panel.optimum.is_some()) {
        text += " Shaded: from the lowest to the highest rate whose loss cannot be told from the chosen one's (95 % interval of the \
                 difference, over both seeds and the validation examples).";
    }
    if panels.iter().any(|panel| !panel.failed.is_empty()) {
        text += " ×: a training came to no numbers.";
    }
    if first.metric == Metric::Loss {
        text += " Marks at the upper edge lie above it.";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::picture::Shape;
    use super::*;
    use crate::statistics::Interval;

    fn tried(rate: f64, epochs: u64, losses: [f64; 2], low: Option<f64>) -> Tried {
        let mean = (losses[0] + losses[1]) / 2.0;
        Tried {
            settings: vec![("learning_rate".to_owned(), rate)],
            epochs: Some(epochs),
            accuracy: Some(0.8),
            loss: Some(mean),
            seeds: losses.map(|loss| (0.8, loss)).to_vec(),
            against_chosen: low.map(|low| {
                (
                    low + 0.1,
                    Interval {
                        low,
                        high: low + 0.2,
                    },
                )
            }),
        }
    }

    fn search() -> Search {
        let mut failed = tried(1e-1, 1, [9.0; 2], None);
        (failed.accuracy, failed.loss) = (None, None);
        failed.seeds.clear();
        Search {
            tried: vec![
                tried(1e-4, 1, [1.0, 1.2], Some(0.5)),
                tried(1e-3, 1, [0.5, 0.6], Some(-0.1)),
                tried(1e-2, 1, [0.7, 0.5], Some(-0.01)),
                failed,
                tried(1e-3, 2, [0.4, 0.5], None),
            ],
            chosen: 4,
            at_edge: Vec::new(),
            edge: None,
            default: Some(1e-3),
            kind: Kind::Halving,
            trials: 10,
            seconds: None,
            validation_examples: Some(100),
        }
    }

    #[test]
    fn a_panel_has_a_mark_for_every_training_and_shades_what_cannot_be_told_from_the_best() {
        let look = Look {
            colour: AXIS,
            marker: Marker::Diamond,
            variant: Variant::First,
        };
        let panel = Panel::of("lora".to_owned(), look, &search(), Metric::Loss).unwrap();
        assert_eq!(panel.dots.len(), 8);
        assert_eq!(panel.failed, [100.0]);
        assert_eq!(panel.chosen, (1.0, 0.45));
        let (low, high) = panel.optimum.unwrap();
        assert!((low - 1.0).abs() < 1e-12 && (high - 10.0).abs() < 1e-12);
        let picture = chart("t", std::slice::from_ref(&panel)).unwrap();
        let marks = picture
            .shapes
            .iter()
            .filter(|shape| matches!(shape, Shape::Mark { .. }));
        assert_eq!(marks.count(), 8 + 1);
        assert!(chart("t", &[]).is_none());
    }

    #[test]
    fn a_search_that_tells_no_difference_has_no_shade() {
        let mut search = search();
        search
            .tried
            .iter_mut()
            .for_each(|tried| tried.against_chosen = None);
        assert_eq!(optimum(&search), None);
    }
}
