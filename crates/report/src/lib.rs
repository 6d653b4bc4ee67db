//! Records to statistics, CSV, charts and one self-contained page. No burn.
//!
//! [`load_run`] reads a run directory, [`write()`] rebuilds everything that is derived from its raw records, [`terminal_table`] is what the
//! program prints at the end, [`update_readme`] keeps the tables of a README. `store` reads and writes the raw files themselves.

pub mod statistics;
pub mod store;
pub mod units;

mod compare;
mod error;
mod page;
mod plot;
mod readme;
mod recommend;
mod run;
mod search;
mod summary;
mod tables;
mod text;

pub use compare::{ArmComparison, RunComparison, compare, comparison_table};
pub use error::ReportError;
pub use plot::pareto_front;
pub use readme::{replace_between, update_readme};
pub use recommend::{Advice, Limits, Refused, advice_text, recommend};
pub use run::{Arm, Group, Run, Trial, load_run};
pub use summary::{Against, ArmSummary, Costs, GroupSummary, Standing, summarise};
pub use text::{markdown_table, terminal_table};

use std::path::{Path, PathBuf};

/// The files that [`write()`] wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// All of them.
    pub files: Vec<PathBuf>,
    /// The page for people.
    pub page: PathBuf,
}

/// Writes `trials.csv`, `curves.csv`, `summary.csv`, `summary.md`, `plots/` and `report.html` into `dir`. Charts of an earlier report
/// in `dir/plots` that no longer have anything to show are removed.
///
/// # Errors
/// [`ReportError::Write`] or [`ReportError::Plot`], naming the file.
pub fn write(run: &Run, dir: &Path) -> Result<Written, ReportError> {
    let summaries = summarise(run);
    let mut files = Vec::new();
    let mut save = |name: &str, bytes: &[u8]| {
        let path = dir.join(name);
        store::write_file(&path, bytes)?;
        files.push(path);
        Ok::<(), ReportError>(())
    };
    save("trials.csv", &tables::trials_csv(run))?;
    save("curves.csv", &tables::curves_csv(run))?;
    save("summary.csv", &tables::summary_csv(&summaries))?;
    save("summary.md", text::summary_md(run, &summaries).as_bytes())?;

    let plots = dir.join("plots");
    let mut drawn = Vec::new();
    let mut figures = Vec::new();
    for (group, summary) in run.groups().iter().zip(&summaries) {
        let mut of_group = Vec::new();
        for chart in plot::charts(group, summary) {
            let (svg, paths) = chart.write(&plots)?;
            of_group.push(page::Figure {
                name: chart.name,
                svg,
            });
            drawn.extend(paths);
        }
        figures.push(of_group);
    }
    remove_stale(&plots, &drawn)?;
    save(
        "report.html",
        page::html(run, &summaries, &figures).as_bytes(),
    )?;
    files.extend(drawn);
    Ok(Written {
        files,
        page: dir.join("report.html"),
    })
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
        let chart = name.matches("--").count() >= 2
            && path.extension().is_some_and(|e| e == "svg" || e == "png");
        if chart && !drawn.contains(&path) {
            std::fs::remove_file(&path).map_err(|e| ReportError::write(&path, e))?;
        }
    }
    Ok(())
}
