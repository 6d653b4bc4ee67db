//! What is said to people: the end of a run on stdout (table, advice, where everything is), and errors.

use crate::terminal::{say, wrapped};
use report::{Question, Run, Written};
use std::io;
use std::path::PathBuf;

/// An error and its causes in one line, each said once: many messages hold their cause's already.
pub(crate) fn of_error(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |said, cause| {
        let cause = cause.to_string();
        match said.is_empty() {
            true => cause,
            false if said.contains(&cause) => said,
            false => format!("{said}: {cause}"),
        }
    })
}

/// Whether an error is the disk's: full, or not to be written. It is of the place, not of the trial, and the trial is worth repeating elsewhere.
pub(crate) fn names_disk(error: &anyhow::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| {
            matches!(
                cause.kind(),
                StorageFull | QuotaExceeded | ReadOnlyFilesystem
            )
        })
}

/// So many charts are named one by one.
const MOST_CHARTS_NAMED: usize = 40;

/// Prints all of it.
pub(crate) fn print_results(run: &Run, written: &Written) {
    print_showing(run, written, report::MOST_SHOWN);
}

/// As [`print_results`]; of a run with many groups at most `most`.
pub(crate) fn print_showing(run: &Run, written: &Written, most: usize) {
    let (width, summaries) = (width(), &written.summaries);
    let shown = (summaries.as_slice(), written.labels.as_slice());
    let table = report::terminal_table_of(run, shown, most, width.unwrap_or(usize::MAX));
    for line in table.trim_end().lines() {
        say(fitted(line, width));
    }
    say("");
    let advice = report::recommend_shown(run, summaries, &Question::default(), most);
    for line in report::advice_text(&advice).trim_end().lines() {
        say(fitted(line, width));
    }
    say("");
    if let Some(page) = &written.page {
        say(format!("Report: {}", page.display()));
    }
    // With a page every chart is there as PNG too, which more programs show.
    let ending = if written.page.is_some() { "png" } else { "svg" };
    let is_chart = |path: &&PathBuf| path.extension().is_some_and(|found| found == ending);
    let charts: Vec<&PathBuf> = written.files.iter().filter(is_chart).collect();
    match charts.first().and_then(|first| first.parent()) {
        Some(folder) if charts.len() > MOST_CHARTS_NAMED => {
            say(format!("Charts: {} in {}", charts.len(), folder.display()));
        }
        _ => charts
            .iter()
            .for_each(|path| say(format!("Chart:  {}", path.display()))),
    }
    let is_table = |path: &&PathBuf| path.extension().is_some_and(|found| found == "csv");
    let tables = written.files.iter().filter(is_table);
    let tables: Vec<_> = tables
        .filter_map(|path| path.file_stem()?.to_str())
        .collect();
    let tables = run.dir.join(format!("{{{}}}.csv", tables.join(",")));
    say(format!("Tables: {}", tables.display()));
}

/// The terminal's width, if it is one.
pub(crate) fn width() -> Option<usize> {
    let terminal = console::Term::stdout();
    terminal.is_term().then(|| terminal.size().1.into())
}

/// A line of prose broken at the terminal's width, further in where it is; a row of a table, whose columns two spaces part, as it is.
pub(crate) fn fitted(line: &str, width: Option<usize>) -> String {
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    match width.filter(|_| !text.trim_end().contains("  ")) {
        Some(width) if indent.is_empty() => wrapped(text, width, ""),
        Some(width) => {
            let lines = wrapped(text, width.saturating_sub(indent.len()), "  ");
            let lines = lines.lines().map(|line| format!("{indent}{line}"));
            lines.collect::<Vec<_>>().join("\n")
        }
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;
    #[test]
    fn prose_is_broken_at_the_width_and_tables_are_not() {
        let prose = "as good: shown to lie close";
        assert_eq!(fitted(prose, Some(14)), "as good: shown\nto lie close");
        assert_eq!(fitted(prose, None), prose);
        let inside = "  as good: shown to lie close";
        assert_eq!(
            fitted(inside, Some(16)),
            "  as good: shown\n    to lie close"
        );
        let row = "lora  84.3 [82.7, 85.7]  3 x 1821";
        assert_eq!(fitted(row, Some(14)), row);
    }

    #[test]
    fn a_cause_that_the_message_holds_is_said_once() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let error = anyhow::Error::new(full()).context(format!("cannot write x: {}", full()));
        assert_eq!(of_error(&error), format!("cannot write x: {}", full()));
        let error = anyhow::Error::new(full()).context("cannot write x");
        assert_eq!(of_error(&error), format!("cannot write x: {}", full()));
    }

    #[test]
    fn a_full_disk_is_told_from_a_missing_file() {
        let failed = |kind| -> anyhow::Error {
            Err::<(), _>(io::Error::from(kind))
                .context("cannot write x")
                .unwrap_err()
        };
        assert!(names_disk(&failed(io::ErrorKind::StorageFull)));
        assert!(!names_disk(&failed(io::ErrorKind::NotFound)));
    }
}
