//! What is said to people: the end of a run on stdout (table, a paragraph in plain words, where everything is), and errors.

use crate::terminal::{say, wrapped};
use report::{ArmSummary, GroupSummary, Run, Standing, Written, units};
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

/// Prints all of it.
pub(crate) fn print_results(run: &Run, written: &Written) {
    let terminal = console::Term::stdout();
    let width = terminal.is_term().then(|| terminal.size().1.into());
    let table = report::terminal_table_within(run, width.unwrap_or(usize::MAX));
    for line in table.trim_end().lines() {
        say(fitted(line, width));
    }
    for group in report::summarise(run) {
        say(format!("\n{}", fitted(&in_words(&group), width)));
    }
    say("");
    if let Some(page) = &written.page {
        say(format!("Report: {}", page.display()));
    }
    // With a page every chart is there as PNG too, which more programs show.
    let ending = if written.page.is_some() { "png" } else { "svg" };
    for path in &written.files {
        if path.extension().is_some_and(|found| found == ending) {
            say(format!("Chart:  {}", path.display()));
        }
    }
    let is_table = |path: &&PathBuf| path.extension().is_some_and(|found| found == "csv");
    let tables = written.files.iter().filter(is_table);
    let tables: Vec<_> = tables
        .filter_map(|path| path.file_stem()?.to_str())
        .collect();
    let tables = run.dir.join(format!("{{{}}}.csv", tables.join(",")));
    say(format!("Tables: {}", tables.display()));
}

/// A line of prose broken at the terminal's width; a row of a table, whose columns two spaces part, as it is.
fn fitted(line: &str, width: Option<usize>) -> String {
    match width.filter(|_| !line.trim().contains("  ")) {
        Some(width) => wrapped(line, width, ""),
        None => line.to_owned(),
    }
}

/// What a group's figures say: the best, what cannot be told from it, the cheapest of these, and what failed.
fn in_words(group: &GroupSummary) -> String {
    let Some(best) = group.arms.iter().find(|arm| arm.standing == Standing::Best) else {
        return format!(
            "{}: no trial finished; the reasons stand in the column error of trials.csv.",
            group.title
        );
    };
    let like = group.arms.iter();
    let like: Vec<&ArmSummary> = like
        .filter(|arm| matches!(arm.standing, Standing::AsGood | Standing::Open))
        .collect();
    let parts = [
        most_accurate(best, &like),
        alike(group, best, &like),
        quickest(best, &like),
        not_finished(group),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    format!("{}: {}", group.title, parts.join(" "))
}

/// The accuracy as the tables print it; equal texts are a tie to the reader.
fn shown_accuracy(arm: &ArmSummary) -> Option<String> {
    arm.accuracy.map(|estimate| units::percent(estimate.mean))
}

fn tied<'a>(best: &ArmSummary, like: &[&'a ArmSummary]) -> Vec<&'a ArmSummary> {
    let of_best = shown_accuracy(best);
    let is_tied = |arm: &&ArmSummary| of_best.is_some() && shown_accuracy(arm) == of_best;
    like.iter().copied().filter(is_tied).collect()
}

fn most_accurate(best: &ArmSummary, like: &[&ArmSummary]) -> Option<String> {
    let estimate = best.accuracy?;
    let [mean, low, high] =
        [estimate.mean, estimate.interval.low, estimate.interval.high].map(units::percent);
    let tied = tied(best, like);
    if tied.is_empty() {
        return Some(format!(
            "{} is the most accurate with {mean} % of the test examples right (95 % interval {low} to {high}).",
            best.label
        ));
    }
    Some(format!(
        "{} and {} are the most accurate, with {mean} % of the test examples right each (95 % interval of {} {low} to {high}).",
        labels(&tied),
        best.label,
        best.label
    ))
}

fn alike(group: &GroupSummary, best: &ArmSummary, like: &[&ArmSummary]) -> Option<String> {
    if like.is_empty() {
        let worse = |arm: &ArmSummary| arm.standing == Standing::Behind;
        let beaten = group.arms.iter().any(worse);
        return beaten.then(|| "Every other method is less accurate beyond chance.".to_owned());
    }
    let tied = tied(best, like);
    let others = like.iter().copied();
    let others: Vec<_> = others
        .filter(|arm| !tied.iter().any(|other| other.label == arm.label))
        .collect();
    let it = if tied.is_empty() { "it" } else { &best.label };
    (!others.is_empty()).then(|| {
        format!(
            "On this evidence {it} cannot be told apart from {}.",
            labels(&others)
        )
    })
}

/// Which of the best adapts in the least time, if the difference shows in the tables' units.
fn quickest(best: &ArmSummary, like: &[&ArmSummary]) -> Option<String> {
    let seconds = |arm: &ArmSummary| arm.costs.adapt_s.map(|spread| spread.median);
    let timed = like.iter().filter_map(|arm| Some((*arm, seconds(arm)?)));
    let (arm, own) = timed.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let of_best = seconds(best)?;
    let [own_shown, best_shown] = [own, of_best].map(units::seconds);
    (own < of_best && own_shown != best_shown).then(|| {
        format!(
            "Of these {} adapts quickest, in {own_shown} against {best_shown} for {}.",
            arm.label, best.label
        )
    })
}

fn not_finished(group: &GroupSummary) -> Option<String> {
    let failed: usize = group.arms.iter().map(|arm| arm.failed).sum();
    match failed {
        0 => None,
        1 => Some("1 trial did not finish; it is a row of trials.csv with its reason.".to_owned()),
        _ => Some(format!(
            "{failed} trials did not finish; they are rows of trials.csv with their reasons."
        )),
    }
}

fn labels(arms: &[&ArmSummary]) -> String {
    let labels: Vec<&str> = arms.iter().map(|arm| arm.label.as_str()).collect();
    labels.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;
    use report::statistics::{Interval, Scores, Spread, estimate_from_scores};

    fn arm(label: &str, standing: Standing, accuracy: f64, seconds: f64) -> ArmSummary {
        let rows = 40;
        let mut estimate = estimate_from_scores(&[Scores { accuracy, rows }]).unwrap();
        estimate.interval = Interval {
            low: accuracy / 2.0,
            high: accuracy * 2.0,
        };
        ArmSummary {
            label: label.to_owned(),
            standing,
            accuracy: Some(estimate),
            costs: report::Costs {
                adapt_s: Spread::of([Some(seconds)]),
                ..Default::default()
            },
            ..Default::default()
        }
    }

    fn words(arms: Vec<ArmSummary>) -> String {
        in_words(&GroupSummary {
            title: "m on t".to_owned(),
            arms,
            ..Default::default()
        })
    }

    #[test]
    fn a_tie_is_called_one_and_times_that_read_alike_are_not_compared() {
        use Standing::{AsGood, Best};
        let text = words(vec![
            arm("ia3", Best, 0.1, 0.1004),
            arm("lora", AsGood, 0.1, 0.1001),
            arm("bitfit", AsGood, 0.08, 0.2),
        ]);
        assert_eq!(
            text,
            "m on t: lora and ia3 are the most accurate, with 10.0 % of the test examples right each (95 % interval of ia3 5.0 to 20.0). \
             On this evidence ia3 cannot be told apart from bitfit."
        );
    }

    #[test]
    fn the_quickest_of_equals_is_named_with_times_as_in_the_tables() {
        use Standing::{AsGood, Behind, Best};
        let text = words(vec![
            arm("ia3", Best, 0.3, 0.12),
            arm("lora", AsGood, 0.28, 0.09),
            arm("knn", Behind, 0.1, 0.01),
        ]);
        assert_eq!(
            text,
            "m on t: ia3 is the most accurate with 30.0 % of the test examples right (95 % interval 15.0 to 60.0). \
             On this evidence it cannot be told apart from lora. Of these lora adapts quickest, in 90 ms against 120 ms for ia3."
        );
    }

    #[test]
    fn prose_is_broken_at_the_width_and_tables_are_not() {
        let prose = "as good: shown to lie close";
        assert_eq!(fitted(prose, Some(14)), "as good: shown\nto lie close");
        assert_eq!(fitted(prose, None), prose);
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
