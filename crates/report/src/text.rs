//! The table of results for people: on the terminal, as Markdown (`summary.md`, README), and its rows for the HTML page.

use crate::escape::{markdown, one_line};
use crate::run::{Group, Run};
use crate::search;
use crate::statistics::{Estimate, Spread};
use crate::summary::{ArmSummary, GroupSummary, Standing};
use crate::units;
use record::{Outcome, Trial};

/// Headings of the table of results.
pub(crate) const HEADINGS: [&str; 8] = [
    "method",
    "accuracy % [95 % interval]",
    "",
    "n",
    "training time",
    "peak memory",
    "trainable",
    "stored",
];

/// What the columns and marks mean; stands under every table.
pub(crate) const LEGEND: [&str; 4] = [
    "Accuracy: mean over seeds and test examples with its 95 % interval over both; n = seeds x test examples.",
    "best: highest mean. ≈ best: cannot be told apart from it at 95 % (paired over seeds and examples, Holm's correction for the number of comparisons).",
    "Training time: median over seeds of preparation, first step and training, in one process; validation, testing and any search are not in it.",
    "Peak memory: median over seeds of the resident peak of the training phases. Trainable: parameters with a gradient. Stored: bytes to keep beside the shared model. An empty cell was not measured.",
];

/// The cells of one line, in the order of [`HEADINGS`].
pub(crate) fn cells(arm: &ArmSummary) -> [String; 8] {
    let count = |value: Option<u64>, unit: fn(f64) -> String| {
        value.map(|v| unit(v as f64)).unwrap_or_default()
    };
    let median = |spread: Option<Spread>, unit: fn(f64) -> String| {
        spread.map(|s| unit(s.median)).unwrap_or_default()
    };
    [
        arm.label.clone(),
        arm.accuracy
            .as_ref()
            .map(accuracy)
            .unwrap_or_else(|| "no trial finished".to_owned()),
        mark(arm.standing).to_owned(),
        arm.accuracy
            .map(|e| format!("{} x {}", e.seeds, e.rows))
            .unwrap_or_default(),
        median(arm.costs.adapt_s, units::seconds),
        median(arm.costs.train_peak_rss_bytes, units::bytes),
        count(arm.trainable_params, units::count),
        count(arm.stored_bytes, units::bytes),
    ]
}

fn accuracy(estimate: &Estimate) -> String {
    let [mean, low, high] =
        [estimate.mean, estimate.interval.low, estimate.interval.high].map(units::percent);
    format!("{mean} [{low}, {high}]")
}

pub(crate) fn mark(standing: Standing) -> &'static str {
    match standing {
        Standing::Best => "best",
        Standing::LikeBest => "≈ best",
        Standing::Worse | Standing::Unknown => "",
    }
}

/// The sentence above a group's table.
pub(crate) fn intro(group: &GroupSummary) -> String {
    let sizes: Vec<u64> = group.arms.iter().filter_map(|arm| arm.n_train).collect();
    let trained = match (sizes.iter().min(), sizes.iter().max()) {
        (Some(min), Some(max)) if min == max => format!("{min} training examples"),
        (Some(min), Some(max)) => format!("{min} to {max} training examples"),
        _ => "training examples not recorded".to_owned(),
    };
    let tested = group
        .arms
        .iter()
        .filter_map(|arm| arm.accuracy.map(|e| e.rows))
        .max();
    let seeds = group
        .arms
        .iter()
        .filter_map(|arm| arm.accuracy.map(|e| e.seeds))
        .max();
    match (tested, seeds) {
        (Some(rows), Some(1)) => format!("{trained}, {rows} test examples, one seed"),
        (Some(rows), Some(seeds)) => format!("{trained}, {rows} test examples, {seeds} seeds"),
        _ => trained,
    }
}

/// Failed trials, one line each: which, how it ended, why.
pub(crate) fn failures(run: &Run) -> Vec<String> {
    let failed = run
        .trials
        .iter()
        .filter(|trial| trial.record.outcome != Outcome::Finished);
    failed.map(failure).collect()
}

fn failure(trial: &Trial) -> String {
    let record = &trial.record;
    let how = match record.outcome {
        Outcome::Finished => "finished",
        Outcome::OutOfMemory => "out of memory",
        Outcome::TimedOut => "timed out",
        Outcome::Crashed => "crashed",
        Outcome::Failed => "failed",
    };
    let peak = record
        .train_peak_rss_bytes
        .map(|b| format!(" at {}", units::bytes(b as f64)))
        .unwrap_or_default();
    let why = record
        .error
        .as_deref()
        .and_then(|e| e.lines().next())
        .map(|e| format!(": {e}"))
        .unwrap_or_default();
    one_line(&format!(
        "{} (seed {}) {how}{peak}{why}",
        record.trial_id, record.spec.seed
    ))
}

/// The table of results as the program prints it at the end.
pub fn terminal_table(run: &Run) -> String {
    let mut text = String::new();
    for group in crate::summarise(run) {
        text += &format!("{} ({})\n\n", group.title, intro(&group));
        let rows: Vec<[String; 8]> = std::iter::once(HEADINGS.map(str::to_owned))
            .chain(group.arms.iter().map(cells))
            .collect();
        text += &align(&rows, 3);
        text += "\n";
        for note in &group.notes {
            text += &format!("note: {note}.\n");
        }
        if !group.notes.is_empty() {
            text += "\n";
        }
    }
    let failures = failures(run);
    if !failures.is_empty() {
        text += &format!(
            "{} of {} trials did not finish:\n",
            failures.len(),
            run.trials.len()
        );
        failures
            .iter()
            .for_each(|failure| text += &format!("  {failure}\n"));
        text += "\n";
    }
    text + &LEGEND.join("\n") + "\n"
}

/// Rows as aligned lines with a rule below the first: the first `words` columns to the left, the rest to the right.
pub(crate) fn align<const N: usize>(rows: &[[String; N]], words: usize) -> String {
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |row: &[String; N]| {
        let pad = |column: usize| {
            let space = " ".repeat(widths[column] - row[column].chars().count());
            if column < words {
                format!("{}{space}", row[column])
            } else {
                format!("{space}{}", row[column])
            }
        };
        let cells: Vec<String> = (0..N).map(pad).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    let rule: Vec<String> = widths.iter().map(|w| "─".repeat(*w)).collect();
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.insert(1.min(lines.len()), format!("{}\n", rule.join("  ")));
    lines.concat()
}

/// One group's table as Markdown.
pub fn markdown_table(group: &GroupSummary) -> String {
    let row = |cells: [String; 8]| format!("| {} |\n", cells.join(" | "));
    let mut text = row(HEADINGS.map(str::to_owned)) + "|---|---|---|---:|---:|---:|---:|---:|\n";
    for arm in &group.arms {
        let mut cells = cells(arm);
        cells[0] = markdown(&arm.label);
        text += &row(cells);
    }
    text
}

/// The group's notes as a list, empty where there are none.
fn notes_md(group: &GroupSummary) -> String {
    if group.notes.is_empty() {
        return String::new();
    }
    let items = group.notes.iter();
    let items: String = items
        .map(|note| format!("- {}.\n", markdown(note)))
        .collect();
    format!("### Notes\n\n{items}\n")
}

/// The table of the group's searches, empty where nothing was searched.
fn searches_md(group: &Group<'_>) -> String {
    let rows = search::rows(group);
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: [String; search::COLUMNS]| format!("| {} |\n", cells.join(" | "));
    let rows: String = rows
        .into_iter()
        .map(|cells| line(cells.map(|cell| markdown(&cell))))
        .collect();
    format!(
        "### Search\n\n{}\n\n{}|{}\n{rows}\n",
        search::legend(group),
        line(search::HEADINGS.map(str::to_owned)),
        "---|".repeat(search::COLUMNS)
    )
}

/// `summary.md`: every group's table, the failures, and what the columns mean.
pub(crate) fn summary_md(run: &Run, groups: &[GroupSummary]) -> String {
    let mut text = "# Results\n\n".to_owned();
    for (group, trials) in groups.iter().zip(run.groups()) {
        text += &format!(
            "## {}\n\n{}.\n\n{}\n{}{}",
            markdown(&group.title),
            intro(group),
            markdown_table(group),
            notes_md(group),
            searches_md(&trials)
        );
    }
    let failures = failures(run);
    if !failures.is_empty() {
        text += &format!(
            "## Trials that did not finish\n\n{} of {}.\n\n",
            failures.len(),
            run.trials.len()
        );
        failures
            .iter()
            .for_each(|failure| text += &format!("- {}\n", markdown(failure)));
        text += "\n";
    }
    let defined: Vec<_> = run
        .info
        .methods
        .iter()
        .filter(|note| run.trials.iter().any(|t| t.record.spec.method == note.name))
        .collect();
    if !defined.is_empty() {
        text += "## Methods\n\n";
        for note in defined {
            let paper = note
                .paper
                .as_ref()
                .map(|p| format!(" ({})", markdown(p)))
                .unwrap_or_default();
            let [name, definition] = [&note.name, &note.definition].map(|text| markdown(text));
            text += &format!("- **{name}**: {definition}{paper}\n");
        }
        text += "\n";
    }
    text += "## How to read this\n\n";
    LEGEND
        .iter()
        .for_each(|line| text += &format!("- {line}\n"));
    text
}
