//! What is said to people: the end of a run on stdout (table, a paragraph in plain words, where everything is), and errors.

use report::{ArmSummary, GroupSummary, Run, Standing, Written};
use std::fmt::Write as _;
use std::io;

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

/// Prints all of it.
pub(crate) fn print_results(run: &Run, written: &Written) {
    let terminal = console::Term::stdout();
    let width = terminal.is_term().then(|| terminal.size().1.into());
    for line in report::terminal_table(run).trim_end().lines() {
        println!("{}", wrapped(line, width));
    }
    for group in report::summarise(run) {
        println!("\n{}", wrapped(&in_words(&group), width));
    }
    let charts = written
        .files
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "png"));
    println!("\nReport: {}", written.page.display());
    charts.for_each(|chart| println!("Chart:  {}", chart.display()));
    println!(
        "Tables: {}",
        run.dir.join("{trials,curves,summary}.csv").display()
    );
}

/// A line of prose broken between words at the terminal's width; a row of a table, whose columns two spaces part, as it is.
fn wrapped(line: &str, width: Option<usize>) -> String {
    let Some(width) = width.filter(|_| !line.trim().contains("  ")) else {
        return line.to_owned();
    };
    let mut text = String::new();
    let mut used = 0;
    for word in line.split_inclusive(' ') {
        let length = word.trim_end().chars().count();
        if used > 0 && used + length > width {
            text.truncate(text.trim_end().len());
            text.push('\n');
            used = 0;
        }
        text.push_str(word);
        used += word.chars().count();
    }
    text
}

/// What a group's figures say: the best, what cannot be told from it, the cheapest of these, and what failed.
fn in_words(group: &GroupSummary) -> String {
    let Some(best) = group.arms.iter().find(|arm| arm.standing == Standing::Best) else {
        return format!(
            "{}: no trial finished; the reasons stand in the column error of trials.csv.",
            group.title
        );
    };
    let mut text = format!(
        "{}: {} is the most accurate{}.",
        group.title,
        best.label,
        accuracy(best)
    );
    let like: Vec<&ArmSummary> = group
        .arms
        .iter()
        .filter(|arm| arm.standing == Standing::LikeBest)
        .collect();
    let worse = group
        .arms
        .iter()
        .filter(|arm| arm.standing == Standing::Worse)
        .count();
    match like.len() {
        0 if worse > 0 => text.push_str(" Every other method is less accurate beyond chance."),
        0 => {}
        _ => {
            let names: Vec<&str> = like.iter().map(|arm| arm.label.as_str()).collect();
            let _ = write!(
                text,
                " On this evidence it cannot be told apart from {}.",
                names.join(", ")
            );
        }
    }
    let seconds = |arm: &&ArmSummary| arm.costs.adapt_s.map(|spread| spread.median);
    let equals = std::iter::once(best).chain(like);
    let quickest = equals.filter(|arm| seconds(arm).is_some()).min_by(|a, b| {
        seconds(a)
            .unwrap_or(0.0)
            .total_cmp(&seconds(b).unwrap_or(0.0))
    });
    if let (Some(arm), Some(best_s)) = (quickest, seconds(&best)) {
        let own = seconds(&arm).unwrap_or(best_s);
        if arm.label != best.label {
            let _ = write!(
                text,
                " Of these {} adapts quickest, in {own:.1} s against {best_s:.1} s for {}.",
                arm.label, best.label
            );
        }
    }
    let failed: usize = group.arms.iter().map(|arm| arm.failed).sum();
    if failed > 0 {
        let _ = write!(
            text,
            " {failed} trials did not finish; they are rows of trials.csv with their reasons."
        );
    }
    text
}

fn accuracy(arm: &ArmSummary) -> String {
    arm.accuracy.map_or(String::new(), |estimate| {
        let (low, high) = (
            100.0 * estimate.interval.low,
            100.0 * estimate.interval.high,
        );
        format!(
            " with {:.1} % of the test examples right (95 % interval {low:.1} to {high:.1})",
            100.0 * estimate.mean
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn prose_is_broken_between_words_and_tables_are_not() {
        let prose = "≈ best: cannot be told apart";
        assert_eq!(wrapped(prose, Some(14)), "≈ best: cannot\nbe told apart");
        assert_eq!(wrapped(prose, None), prose);
        let row = "lora  84.3 [82.7, 85.7]  3 x 1821";
        assert_eq!(wrapped(row, Some(14)), row);
        assert_eq!(
            wrapped("averylongword of it", Some(5)),
            "averylongword\nof it"
        );
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
