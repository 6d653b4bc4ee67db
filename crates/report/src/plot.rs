//! The charts of a group, from its summary and its trials' learning curves.

mod axis;
mod bars;
mod curves;
mod expected_best;
mod font;
mod frame;
mod labels;
mod picture;
mod rates;
mod render;
mod scatter;

pub use scatter::pareto_front;

use crate::ReportError;
use crate::run::{Arm, Group};
use crate::search::{Kind, Search};
use crate::statistics::Spread;
use crate::summary::{ArmSummary, GroupSummary};
use axis::Unit;
use picture::{Picture, look};
use record::StoreError;
use scatter::{Cost, Point};
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
        render::svg(&self.picture).map_err(|reason| self.failed(reason))
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
const KEPT_COMPACT: [&str; 3] = ["accuracy", "accuracy-training-time", "search-accuracy"];

/// All charts for which there is something to show.
pub(crate) fn charts(group: &Group<'_>, summary: &GroupSummary) -> Vec<Chart> {
    let about = crate::text::intro(summary);
    let on = |what: &str| format!("{what}: {}", shortened(&summary.title, LONGEST_TITLE));
    type Measured = fn(&ArmSummary) -> Option<f64>;
    let pareto = |what: &str, name: &'static str, unit: Unit, cost: Measured| {
        scatter::chart(
            &on(&format!("Accuracy against {what}")),
            &about,
            Cost { name, unit },
            &points(summary, cost),
        )
    };
    let curves = |name: &str, unit: Unit, metric: &str| {
        let note = format!("{about}; a thin line a seed, the median one strong");
        curves::chart(
            &on("Learning curves"),
            &note,
            name,
            unit,
            &learning_curves(group, metric),
        )
    };
    let drawn = [
        (
            "accuracy",
            bars::accuracies(&on("Accuracy"), &about, &dots(summary)),
        ),
        (
            "accuracy-trainable-parameters",
            pareto(
                "trainable parameters",
                "trainable parameters (logarithmic)",
                Unit::Count,
                |a| a.trainable_params.map(|p| p as f64),
            ),
        ),
        (
            "accuracy-training-time",
            pareto(
                "training time",
                "training time: preparation, first step, training (logarithmic)",
                Unit::Seconds,
                |a| median(a.costs.adapt_s),
            ),
        ),
        (
            "accuracy-peak-memory",
            pareto(
                "peak memory",
                "peak resident memory of training (logarithmic)",
                Unit::Bytes,
                |a| median(a.costs.train_peak_rss_bytes),
            ),
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
            bars::phases(&on("Time by phase"), &about, &phase_bars(group, summary)),
        ),
        (
            "search-accuracy",
            rates::chart(
                &on("Validation accuracy by learning rate"),
                &panels(group, rates::Metric::Accuracy),
            ),
        ),
        (
            "search-loss",
            rates::chart(
                &on("Validation loss by learning rate"),
                &panels(group, rates::Metric::Loss),
            ),
        ),
        (
            "search-expected-best",
            expected_best::chart(&on("Expected best of a search"), &draws(group)),
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

/// Characters of a label that leave room for the chart beside it.
const LONGEST_LABEL: usize = 40;
/// Characters of a label above a small panel.
const LONGEST_PANEL: usize = 28;
/// Characters of a model and a task that fit behind what is shown.
const LONGEST_TITLE: usize = 60;

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most - 1).collect();
    kept + "…"
}

fn median(spread: Option<Spread>) -> Option<f64> {
    spread.map(|s| s.median)
}

fn points(summary: &GroupSummary, cost: fn(&ArmSummary) -> Option<f64>) -> Vec<Point> {
    let arms = summary.arms.iter().enumerate();
    arms.filter_map(|(i, arm)| {
        Some(Point {
            label: shortened(&arm.label, LONGEST_LABEL),
            look: look(i),
            accuracy: arm.accuracy?,
            cost: cost(arm),
        })
    })
    .collect()
}

fn dots(summary: &GroupSummary) -> Vec<bars::Dot> {
    let arms = summary.arms.iter().enumerate();
    arms.filter_map(|(i, arm)| {
        Some(bars::Dot {
            label: shortened(&arm.label, LONGEST_LABEL),
            look: look(i),
            accuracy: arm.accuracy?,
            standing: arm.standing,
        })
    })
    .collect()
}

/// One panel for each way of adapting whose settings were searched.
fn panels(group: &Group<'_>, metric: rates::Metric) -> Vec<rates::Panel> {
    let arms = group.arms.iter().enumerate();
    let first = |(i, arm): (usize, &Arm<'_>)| {
        let label = shortened(&arm.label, LONGEST_PANEL);
        let search = Search::all(arm).into_iter().next()?;
        rates::Panel::of(label, look(i), &search, metric)
    };
    arms.filter_map(first).collect()
}

/// The validation accuracies of each way of adapting whose settings were drawn at random.
fn draws(group: &Group<'_>) -> Vec<expected_best::Draws> {
    let arms = group.arms.iter().enumerate();
    let of_arm = |(i, arm): (usize, &Arm<'_>)| {
        let search = Search::all(arm).into_iter().next()?;
        let accuracies = search.tried.iter().filter_map(|tried| tried.accuracy);
        (search.kind == Kind::Random).then(|| expected_best::Draws {
            label: shortened(&arm.label, LONGEST_LABEL),
            look: look(i),
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

/// Medians by phase; what the total holds beyond the named phases (validation above all) is shown as such.
fn phase_bars(group: &Group<'_>, summary: &GroupSummary) -> Vec<bars::Bar> {
    let bar = |(arm, summary): (&Arm<'_>, &ArmSummary)| {
        let c = &summary.costs;
        let named = [
            c.load_s,
            c.tune_s,
            c.prepare_s,
            c.first_step_s,
            c.train_s,
            c.eval_s,
        ]
        .map(median);
        let rest = arm.finished().map(|trial| {
            let r = &trial.record;
            let known: f64 = [
                r.load_s,
                r.tune_s,
                r.prepare_s,
                r.first_step_s,
                r.train_s,
                r.eval_s,
            ]
            .iter()
            .flatten()
            .sum();
            Some((r.total_s? - known).max(0.0))
        });
        let rest = median(Spread::of(rest));
        let [load, tune, prepare, first, train, test] = named;
        bars::Bar {
            label: shortened(&summary.label, LONGEST_LABEL),
            seconds: [load, tune, prepare, first, train, test, rest],
        }
    };
    group
        .arms
        .iter()
        .zip(&summary.arms)
        .filter(|(_, summary)| summary.finished > 0)
        .map(bar)
        .collect()
}

/// The validation points of every trial that was trained step by step, which its training losses tell. What a method chooses among (the C of a
/// linear classifier, templates) is validated as well, but is no course of a training.
fn learning_curves(group: &Group<'_>, metric: &str) -> Vec<curves::Curves> {
    let arms = group.arms.iter().enumerate();
    arms.map(|(i, arm)| {
        let trained = |trial: &&crate::Trial| trial.record.curve.iter().any(|p| p.split == "train");
        let seeds = arm.finished().filter(trained).map(|trial| {
            let points = trial
                .record
                .curve
                .iter()
                .filter(|p| p.split == "validation" && p.metric == metric);
            points.map(|p| (p.elapsed_s, p.value)).collect::<Vec<_>>()
        });
        curves::Curves {
            label: shortened(&arm.label, LONGEST_LABEL),
            look: look(i),
            seeds: seeds.collect(),
        }
    })
    .collect()
}
