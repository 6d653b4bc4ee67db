//! Records to statistics, CSV, charts and one self-contained page. No burn.
//!
//! [`load_run`] reads a run directory, [`write()`] rebuilds everything that is derived from its raw records, [`terminal_table`] is what the
//! program prints at the end, [`update_readme`] keeps the tables of a README. The raw files themselves are `record`'s.

pub mod statistics;
pub mod units;

mod break_even;
mod calibration;
mod compare;
mod costs;
mod differences;
mod error;
mod escape;
mod forgetting;
mod label_curves;
mod large;
mod machines;
pub mod money;
mod names;
mod notes;
mod page;
mod pairing;
mod plot;
mod readme;
mod recommend;
mod replicate;
mod run;
pub mod search;
mod selection;
mod standing;
mod summary;
mod tables;
mod text;

pub use break_even::{BreakEven, CostLine, Crossing, PredictSource, break_even};
pub use calibration::ArmCalibration;
pub use compare::{
    ArmComparison, Change, Changed, Changes, Gate, Machines, Noise, Only, Ratio, RunComparison,
    compare, comparison_table, gate, gate_text,
};
pub use costs::{Costs, Neighbours};
pub use error::ReportError;
pub use label_curves::{ArmCurve, ArmPoint, LabelCurves, PairCurve, label_curves};
pub use large::MOST_SHOWN;
pub use plot::pareto_front;
pub use readme::{replace_between, update_readme};
pub use recommend::{
    Advice, Alternative, Basis, Candidate, Cost, Decision, Limits, Question, Refused, Scored,
    Spending, advice_json, advice_lines, advice_text, decide, recommend, recommend_shown,
};
pub use record::{Predictions, Trial, store};
pub use replicate::{Claim, Judged, Verdict, judge, judged_table};
pub use run::{Arm, Group, Run, file_name, last_part, load_run};
pub use statistics::{AgainstBest, Standing};
pub use summary::{ArmSummary, DEFAULT_MARGIN, GroupSummary, summarise, summarise_with};
pub use text::{markdown_table, terminal_table, terminal_table_of, terminal_table_within};

use rayon::prelude::*;
use record::StoreError;
use std::path::{Path, PathBuf};
use store::Form;

/// The files that a report consists of, as written, and what they say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// All of them.
    pub files: Vec<PathBuf>,
    /// The page for people; a compact run has none.
    pub page: Option<PathBuf>,
    /// The summaries that they were made from.
    pub summaries: Vec<GroupSummary>,
    /// The label curves of models and tasks with several numbers of training examples.
    pub labels: Vec<LabelCurves>,
}

/// Writes `trials.csv`, `curves.csv`, `summary.csv`, `differences.csv`, `summary.md`, `plots/` and `report.html` into `dir`; of a compact run the tables
/// without `curves.csv`, whose points are in the records, and some of the charts, as SVG. Charts of an earlier report in `dir/plots` that this
/// one does not draw are removed. Of a run with many groups [`MOST_SHOWN`] are shown in full.
///
/// # Errors
/// [`ReportError::Store`] or [`ReportError::Plot`], naming the file.
pub fn write(run: &Run, dir: &Path) -> Result<Written, ReportError> {
    write_showing(run, dir, MOST_SHOWN)
}

/// As [`write()`], with at most `most` groups in full: their charts, comparisons and searches. The others have their tables, and it is said.
///
/// # Errors
/// As [`write()`].
pub fn write_showing(run: &Run, dir: &Path, most: usize) -> Result<Written, ReportError> {
    match run.form {
        Form::Folder => write_folder(run, dir, most),
        Form::Compact => write_compact(run, dir, most),
    }
}

/// Copies `run` to `out` in the compact form: `run.json`, one archive of all records and predictions, and its report.
///
/// # Errors
/// As [`write()`]; also where `out` is a run in a folder.
pub fn compact(run: &Run, out: &Path) -> Result<Written, ReportError> {
    store::write_compact(&run.dir, out)?;
    write_compact(run, out, MOST_SHOWN)
}

fn write_folder(run: &Run, dir: &Path, most: usize) -> Result<Written, ReportError> {
    let summaries = summarise(run);
    let labels = label_curves(run, &summaries);
    let mut files = write_tables(run, &summaries, &labels, dir, most)?;
    files.push(large::save_rows(
        dir,
        "curves.csv",
        &record::CURVES_HEADER,
        &run.trials,
        |trial| record::curve_rows(&trial.record),
    )?);

    let plots = dir.join("plots");
    let mut drawn = Vec::new();
    let mut figures = Vec::new();
    let mut label_figures = Vec::new();
    for chart in plot::label_charts(&labels, &run.info.methods) {
        let svg = chart.svg()?;
        drawn.push(save(
            &plots,
            &format!("{}.svg", chart.name),
            svg.as_bytes(),
        )?);
        drawn.push(chart.write_png(&plots)?);
        let name = chart.name;
        label_figures.push(page::Figure { name, svg });
    }
    for charts in charts(run, &summaries, most) {
        let Some(charts) = charts else {
            figures.push(None);
            continue;
        };
        let of_group = draw(&charts, |chart| {
            let svg = chart.svg()?;
            let path = save(&plots, &format!("{}.svg", chart.name), svg.as_bytes())?;
            Ok((vec![path, chart.write_png(&plots)?], svg))
        })?;
        let mut shown = Vec::new();
        for (chart, (paths, svg)) in charts.into_iter().zip(of_group) {
            drawn.extend(paths);
            let name = chart.name;
            shown.push(page::Figure { name, svg });
        }
        figures.push(Some(shown));
    }
    remove_stale(&plots, &drawn)?;
    let page = page::html(
        run,
        &summaries,
        &figures,
        &label_sections(&labels, &label_figures),
    );
    let page = save(dir, "report.html", page.as_bytes())?;
    files.push(page.clone());
    files.extend(drawn);
    Ok(Written {
        files,
        page: Some(page),
        summaries,
        labels,
    })
}

fn write_compact(run: &Run, dir: &Path, most: usize) -> Result<Written, ReportError> {
    let summaries = summarise(run);
    let labels = label_curves(run, &summaries);
    let mut files = write_tables(run, &summaries, &labels, dir, most)?;
    let plots = dir.join("plots");
    let charts = charts(run, &summaries, most)
        .into_iter()
        .flatten()
        .flatten();
    let charts = charts.chain(plot::label_charts(&labels, &run.info.methods));
    let kept: Vec<plot::Chart> = charts.filter(plot::Chart::is_kept_compact).collect();
    let drawn = draw(&kept, |chart| {
        let name = format!("{}.svg", chart.name);
        Ok(save(&plots, &name, chart.svg()?.as_bytes())?)
    })?;
    remove_stale(&plots, &drawn)?;
    files.extend(drawn);
    Ok(Written {
        files,
        page: None,
        summaries,
        labels,
    })
}

/// `of` each chart, on all cores, in order.
fn draw<T: Send>(
    charts: &[plot::Chart],
    of: impl Fn(&plot::Chart) -> Result<T, ReportError> + Sync,
) -> Result<Vec<T>, ReportError> {
    charts.par_iter().map(&of).collect()
}

/// The tables that every report has.
fn write_tables(
    run: &Run,
    summaries: &[GroupSummary],
    labels: &[LabelCurves],
    dir: &Path,
    most: usize,
) -> Result<Vec<PathBuf>, ReportError> {
    let trials = large::save_rows(
        dir,
        "trials.csv",
        &record::TRIALS_HEADER,
        &run.trials,
        |trial| record::trial_row(&completed(trial)),
    )?;
    let mut files = vec![
        trials,
        save(dir, "summary.csv", &tables::summary_csv(summaries))?,
        save(dir, "differences.csv", &differences::differences_csv(run))?,
        save(
            dir,
            "summary.md",
            text::summary_md(run, summaries, labels, most).as_bytes(),
        )?,
    ];
    if !labels.is_empty() {
        let crossings = label_curves::crossings_csv(labels);
        files.push(save(dir, "crossings.csv", &crossings)?);
        let curves = label_curves::label_curves_csv(labels);
        files.push(save(dir, "label_curves.csv", &curves)?);
    }
    if let Some(times) = machines::times_csv(run) {
        files.push(save(dir, "times.csv", &times)?);
    }
    Ok(files)
}

/// What the page says of each label curve, with its charts; those of all of them stand in the first.
fn label_sections(labels: &[LabelCurves], figures: &[page::Figure]) -> String {
    let own = |curves: &LabelCurves, figure: &page::Figure| {
        figure
            .name
            .starts_with(&format!("{}--label-curves", curves.slug))
    };
    let is_of_all = |figure: &page::Figure| !labels.iter().any(|curves| own(curves, figure));
    let sections = labels.iter().enumerate().map(|(at, curves)| {
        let shown = figures
            .iter()
            .filter(|figure| own(curves, figure) || (at == 0 && is_of_all(figure)));
        label_curves::page_section(curves, &shown.collect::<Vec<_>>())
    });
    sections.collect()
}

/// A trial's record with what its predictions give.
fn completed(trial: &Trial) -> record::TrialRecord {
    let predictions = trial.predictions.as_ref();
    let (test_ece, calibration) = calibration::completed(trial);
    record::TrialRecord {
        test_ece,
        calibration,
        coverage_at_5_percent_error: predictions
            .and_then(|p| selection::coverage(p, selection::COLUMN_ERROR)),
        ..trial.record.clone()
    }
}

/// The charts of each group that is shown in full.
fn charts(run: &Run, summaries: &[GroupSummary], most: usize) -> Vec<Option<Vec<plot::Chart>>> {
    let groups = run.groups();
    let pairs = groups
        .iter()
        .zip(summaries)
        .zip(large::in_full(summaries, most));
    pairs
        .map(|((group, summary), shown)| {
            shown.then(|| plot::charts(group, summary, &run.info.methods))
        })
        .collect()
}

fn save(dir: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf, StoreError> {
    let path = dir.join(name);
    store::write_file(&path, bytes)?;
    Ok(path)
}

/// Removes charts of an earlier report that this one did not draw.
fn remove_stale(plots: &Path, drawn: &[PathBuf]) -> Result<(), ReportError> {
    let Ok(entries) = std::fs::read_dir(plots) else {
        return Ok(());
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        // Charts are named <model>--<task>--<chart>; anything else in the folder is not ours.
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // Nor is what another report is writing at this moment.
        let chart = !name.starts_with('.')
            && name.matches("--").count() >= 2
            && path.extension().is_some_and(|e| e == "svg" || e == "png");
        if chart && !drawn.contains(&path) {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::write(&path, error).into());
                }
                _ => {}
            }
        }
    }
    Ok(())
}
