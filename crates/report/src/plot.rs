//! The charts of a group, from its summary and its trials' learning curves.

mod accuracy;
mod axis;
mod break_even;
mod curves;
mod data;
mod expected_best;
mod font;
mod frame;
mod front;
mod label_curves;
mod label_data;
mod labels;
mod look;
mod phases;
mod picture;
mod rates;
mod reliability;
mod render;
mod scale;
mod scatter;

pub use front::pareto_front;
pub(crate) use label_data::label_charts;

use crate::ReportError;
use crate::large::{self, MOST_DRAWN};
use crate::run::{Arm, Group};
use crate::search::{Kind, Search};
use crate::statistics::Spread;
use crate::summary::{ArmSummary, GroupSummary};
use axis::Unit;
use break_even::Measure;
use curves::Metric;
use data::{Data, certain, search_and_adapt_s, shortened};
use picture::Picture;
use record::{MethodNote, StoreError};
use scatter::{Cost, Worth};
use std::path::{Path, PathBuf};

/// A chart that is not drawn yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chart {
    /// File name without its ending.
    pub(crate) name: String,
    picture: Picture,
}

impl Chart {
    /// The drawing as SVG.
    pub(crate) fn svg(&self) -> Result<String, ReportError> {
        render::svg(&self.picture, &self.name).map_err(|reason| self.failed(reason))
    }

    /// Writes `<name>.png` into `dir`; returns its path.
    pub(crate) fn write_png(&self, dir: &Path) -> Result<PathBuf, ReportError> {
        let path = dir.join(format!("{}.png", self.name));
        // The drawing library chooses the format by the ending, which the temporary name shares.
        let drawn = files::replace(&path, |temporary| {
            render::png(&self.picture, temporary).map_err(std::io::Error::other)
        });
        drawn.map_err(|error| StoreError::write(&path, error))?;
        Ok(path)
    }

    /// Whether a compact run keeps this chart.
    pub(crate) fn is_kept_compact(&self) -> bool {
        let name = self.name.rsplit("--").next().unwrap_or_default();
        KEPT_COMPACT.contains(&name)
    }

    fn failed(&self, reason: String) -> ReportError {
        ReportError::Plot {
            chart: self.name.clone(),
            reason,
        }
    }
}

/// The charts of each group that a compact run keeps, as SVG. Once its archive is unpacked, `adaptbench report` draws the others too.
const KEPT_COMPACT: [&str; 4] = [
    "accuracy",
    "accuracy-training-time",
    "label-curves",
    "search-accuracy",
];

/// Characters of a model and a task that fit behind what is shown.
const LONGEST_TITLE: usize = 60;

/// All charts for which there is something to show. `notes` say how the methods look.
pub(crate) fn charts(
    group: &Group<'_>,
    summary: &GroupSummary,
    notes: &[MethodNote],
) -> Vec<Chart> {
    let most_accurate = most_accurate(group, summary);
    let word = large::word_on_charts(summary).map(|word| format!("{word}."));
    let (group, summary) = most_accurate
        .as_ref()
        .map_or((group, summary), |(group, summary)| (group, summary));
    let data = Data::of(group, summary, notes);
    let about = crate::text::intro(summary);
    let on = |what: &str| format!("{what}: {}", shortened(&summary.title, LONGEST_TITLE));
    let curves = |name: &'static str, unit: Unit, metric: &str| {
        let of = data.learning_curves(metric);
        curves::chart(&on("Learning curves"), &about, Metric { name, unit }, &of)
    };
    let (lines, crossings) = data.break_even(crate::break_even(summary));
    let in_money = crate::money::break_even_in_money(summary, crate::money::USD_PER_HOUR);
    let is_priced = in_money.is_some();
    let (prices, paid_off) = data.break_even(in_money);
    let below: Vec<String> = data.failures().into_iter().chain(word).collect();
    let drawn = [
        (
            "accuracy",
            accuracy::chart(
                &on("Accuracy"),
                &about,
                summary.margin,
                &data.dots(),
                &below,
            ),
        ),
        (
            "accuracy-trainable-parameters",
            against(&data, &on, &about, PARAMETERS, |a| {
                certain(a.trainable_params)
            }),
        ),
        (
            "accuracy-training-time",
            against(&data, &on, &about, TIME, |a| search_and_adapt_s(&a.costs)),
        ),
        (
            "accuracy-peak-memory",
            against(&data, &on, &about, MEMORY, |a| a.costs.train_peak_rss_bytes),
        ),
        (
            "learning-curves-accuracy",
            curves("validation accuracy (%)", Unit::Percent, "accuracy"),
        ),
        (
            "learning-curves-loss",
            curves("validation loss (nats)", Unit::Plain, "loss"),
        ),
        (
            "time-by-phase",
            phases::chart(&on("Time by phase"), &about, &data.phase_bars()),
        ),
        (
            "break-even",
            break_even::chart(&on("Break-even"), &about, TAKEN, &lines, &crossings),
        ),
        (
            "reliability",
            reliability::chart(&on("Reliability"), &about, &data.reliability()),
        ),
        (
            "break-even-in-money",
            break_even::chart(
                &on("Break-even in money"),
                &about,
                SPENT,
                &prices,
                &paid_off,
            ),
        ),
        (
            "accuracy-price",
            is_priced
                .then(|| {
                    against(&data, &on, &about, PRICE, |a| {
                        crate::money::usd_per_1000(&a.costs)
                    })
                })
                .flatten(),
        ),
        (
            "search-accuracy",
            rates::chart(
                &on("Validation accuracy by learning rate"),
                &panels(&data, rates::Metric::Accuracy),
            ),
        ),
        (
            "search-loss",
            rates::chart(
                &on("Validation loss by learning rate"),
                &panels(&data, rates::Metric::Loss),
            ),
        ),
        (
            "search-expected-best",
            expected_best::chart(&on("Expected best of a search"), &draws(&data)),
        ),
    ];
    drawn
        .into_iter()
        .filter_map(|(name, picture)| {
            Some(Chart {
                name: format!("{}--{name}", summary.slug),
                picture: picture?,
            })
        })
        .collect()
}

/// As many arms as a chart has room for, the most accurate; `None` where that is all of them.
fn most_accurate<'a>(
    group: &Group<'a>,
    summary: &GroupSummary,
) -> Option<(Group<'a>, GroupSummary)> {
    if summary.arms.len() <= MOST_DRAWN {
        return None;
    }
    let accuracy = |place: &usize| summary.arms[*place].accuracy.map_or(-1.0, |a| a.mean);
    let mut places: Vec<usize> = (0..summary.arms.len()).collect();
    places.sort_by(|a, b| accuracy(b).total_cmp(&accuracy(a)));
    places.truncate(MOST_DRAWN);
    places.sort_unstable();
    let (mut group, mut summary) = (group.clone(), summary.clone());
    group.arms = places.iter().map(|at| group.arms[*at].clone()).collect();
    summary.arms = places.iter().map(|at| summary.arms[*at].clone()).collect();
    Some((group, summary))
}

/// Characters of a label above a small panel.
const LONGEST_PANEL: usize = 28;
/// Characters of a label that leave room for the chart beside it.
const LONGEST_LABEL: usize = 40;

/// One panel for each way of adapting whose settings were searched.
fn panels(data: &Data<'_>, metric: rates::Metric) -> Vec<rates::Panel> {
    let arms = data.group.arms.iter().enumerate();
    let first = |(i, arm): (usize, &Arm<'_>)| {
        let label = shortened(&arm.label, LONGEST_PANEL);
        let search = Search::all(arm).into_iter().next()?;
        rates::Panel::of(label, data.looks[i], &search, metric)
    };
    arms.filter_map(first).collect()
}

/// The validation accuracies of each way of adapting whose settings were drawn at random.
fn draws(data: &Data<'_>) -> Vec<expected_best::Draws> {
    let arms = data.group.arms.iter().enumerate();
    let of_arm = |(i, arm): (usize, &Arm<'_>)| {
        let search = Search::all(arm).into_iter().next()?;
        let accuracies = search.tried.iter().filter_map(|tried| tried.accuracy);
        (search.kind == Kind::Random).then(|| expected_best::Draws {
            label: shortened(&arm.label, LONGEST_LABEL),
            look: data.looks[i],
            accuracies: accuracies.collect(),
            failed: search
                .tried
                .iter()
                .filter(|tried| tried.accuracy.is_none())
                .count(),
        })
    };
    arms.filter_map(of_arm).collect()
}

const PARAMETERS: Cost = Cost {
    what: "trainable parameters",
    name: "trainable parameters (logarithmic)",
    unit: Unit::Count,
};
const TIME: Cost = Cost {
    what: "search and training time",
    name: "search + preparation + training (logarithmic)",
    unit: Unit::Seconds,
};
const PREDICTION: Cost = Cost {
    what: "time a prediction",
    name: "time a prediction (logarithmic)",
    unit: Unit::Seconds,
};
/// What runs here at [`crate::money::USD_PER_HOUR`].
const PRICE: Cost = Cost {
    what: "the price of 1,000 predictions",
    name: "USD for 1,000 predictions, an hour of this machine at 1 USD (logarithmic)",
    unit: Unit::Usd,
};
const TAKEN: Measure = Measure {
    unit: Unit::Seconds,
    axis: "search + training + predictions",
};
const SPENT: Measure = Measure {
    unit: Unit::Usd,
    axis: "USD, an hour of this machine at 1 USD",
};
const MEMORY: Cost = Cost {
    what: "peak memory",
    name: "peak resident memory of training (logarithmic)",
    unit: Unit::Bytes,
};

/// Accuracy against a cost; against time with a panel for what does not train.
fn against(
    data: &Data<'_>,
    on: &dyn Fn(&str) -> String,
    about: &str,
    cost: Cost,
    of: fn(&ArmSummary) -> Option<Spread>,
) -> Option<Picture> {
    let is_apart = |place: usize| cost.unit == Unit::Seconds && data.is_untrained(place);
    let (trained, of_trained) = data.points(of, |place| !is_apart(place));
    let (untrained, of_untrained) = data.points(|arm| data.predict_s(arm), is_apart);
    // Where nothing trains, time a prediction is what there is to see.
    let (cost, points, untrained, places) = if trained.is_empty() {
        (PREDICTION, untrained, Vec::new(), of_untrained)
    } else {
        (cost, trained, untrained, of_trained)
    };
    let worth = Worth {
        margin: data.summary.margin,
        is_better: &|a, b| data.is_better(places[a], places[b]),
    };
    let title = on(&format!("Accuracy against {}", cost.what));
    scatter::chart(&title, about, cost, &points, &untrained, &worth)
}
