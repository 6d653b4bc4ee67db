//! Records to statistics, CSV, charts and one self-contained page. No burn.
//!
//! [`load_run`] reads a run directory, [`write()`] rebuilds everything that is derived from its raw records, [`terminal_table`] is what the
//! program prints at the end, [`update_readme`] keeps the tables of a README. The raw files themselves are `record`'s.

pub mod statistics;
pub mod units;

mod break_even;
mod compare;
mod costs;
mod differences;
mod error;
mod escape;
mod names;
mod notes;
mod page;
mod pairing;
mod plot;
mod readme;
mod recommend;
mod run;
pub mod search;
mod selection;
mod standing;
mod summary;
mod tables;
mod text;

pub use break_even::{BreakEven, CostLine, Crossing, PredictSource, break_even};
pub use compare::{
    ArmComparison, Change, Changed, Changes, Gate, Machines, Noise, Only, Ratio, RunComparison,
    compare, comparison_table, gate, gate_text,
};
pub use costs::{Costs, Neighbours};
pub use error::ReportError;
pub use plot::pareto_front;
pub use readme::{replace_between, update_readme};
pub use recommend::{
    Advice, Alternative, Basis, Candidate, Cost, Decision, Limits, Question, Refused, Scored,
    advice_json, advice_lines, advice_text, decide, recommend,
};
pub use record::{Predictions, Trial, store};
pub use run::{Arm, Group, Run, file_name, last_part, load_run};
pub use statistics::{AgainstBest, Standing};
pub use summary::{ArmSummary, DEFAULT_MARGIN, GroupSummary, summarise, summarise_with};
pub use text::{markdown_table, terminal_table, terminal_table_within};

use record::StoreError;
use std::path::{Path, PathBuf};
use store::Form;

/// The files that a report consists of, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// All of them.
    pub files: Vec<PathBuf>,
    /// The page for people; a compact run has none.
    pub page: Option<PathBuf>,
}

/// Writes `trials.csv`, `curves.csv`, `summary.csv`, `differences.csv`, `summary.md`, `plots/` and `report.html` into `dir`; of a compact run the tables
/// without `curves.csv`, whose points are in the records, and some of the charts, as SVG. Charts of an earlier report in `dir/plots` that this
/// one does not draw are removed.
///
/// # Errors
/// [`ReportError::Store`] or [`ReportError::Plot`], naming the file.
pub fn write(run: &Run, dir: &Path) -> Result<Written, ReportError> {
    match run.form {
        Form::Folder => write_folder(run, dir),
        Form::Compact => write_compact(run, dir),
    }
}

/// Copies `run` to `out` in the compact form: `run.json`, one archive of all records and predictions, and its report.
///
/// # Errors
/// As [`write()`]; also where `out` is a run in a folder.
pub fn compact(run: &Run, out: &Path) -> Result<Written, ReportError> {
    store::write_compact(&run.dir, out)?;
    write_compact(run, out)
}

fn write_folder(run: &Run, dir: &Path) -> Result<Written, ReportError> {
    let summaries = summarise(run);
    let mut files = write_tables(run, &summaries, dir)?;
    let records = run.trials.iter().map(|trial| &trial.record);
    files.push(save(dir, "curves.csv", &record::curves_csv(records))?);

    let plots = dir.join("plots");
    let mut drawn = Vec::new();
    let mut figures = Vec::new();
    for charts in charts(run, &summaries) {
        let mut of_group = Vec::new();
        for chart in charts {
            let svg = chart.svg()?;
            drawn.push(save(
                &plots,
                &format!("{}.svg", chart.name),
                svg.as_bytes(),
            )?);
            drawn.push(chart.write_png(&plots)?);
            let name = chart.name;
            of_group.push(page::Figure { name, svg });
        }
        figures.push(of_group);
    }
    remove_stale(&plots, &drawn)?;
    let page = page::html(run, &summaries, &figures);
    let page = save(dir, "report.html", page.as_bytes())?;
    files.push(page.clone());
    files.extend(drawn);
    Ok(Written {
        files,
        page: Some(page),
    })
}

fn write_compact(run: &Run, dir: &Path) -> Result<Written, ReportError> {
    let summaries = summarise(run);
    let mut files = write_tables(run, &summaries, dir)?;
    let plots = dir.join("plots");
    let mut drawn = Vec::new();
    let charts = charts(run, &summaries).into_iter().flatten();
    for chart in charts.filter(plot::Chart::is_kept_compact) {
        let name = format!("{}.svg", chart.name);
        drawn.push(save(&plots, &name, chart.svg()?.as_bytes())?);
    }
    remove_stale(&plots, &drawn)?;
    files.extend(drawn);
    Ok(Written { files, page: None })
}

/// The tables that every report has.
fn write_tables(
    run: &Run,
    summaries: &[GroupSummary],
    dir: &Path,
) -> Result<Vec<PathBuf>, ReportError> {
    let records: Vec<_> = run.trials.iter().map(with_coverage).collect();
    Ok(vec![
        save(dir, "trials.csv", &record::trials_csv(&records))?,
        save(dir, "summary.csv", &tables::summary_csv(summaries))?,
        save(dir, "differences.csv", &differences::differences_csv(run))?,
        save(
            dir,
            "summary.md",
            text::summary_md(run, summaries).as_bytes(),
        )?,
    ])
}

/// A trial's record with what its predictions give.
fn with_coverage(trial: &Trial) -> record::TrialRecord {
    let predictions = trial.predictions.as_ref();
    record::TrialRecord {
        coverage_at_5_percent_error: predictions
            .and_then(|p| selection::coverage(p, selection::COLUMN_ERROR)),
        ..trial.record.clone()
    }
}

/// Each group's charts.
fn charts(run: &Run, summaries: &[GroupSummary]) -> Vec<Vec<plot::Chart>> {
    let groups = run.groups();
    let pairs = groups.iter().zip(summaries);
    pairs
        .map(|(group, summary)| plot::charts(group, summary, &run.info.methods))
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
