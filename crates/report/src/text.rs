//! The table of results for people: on the terminal, as Markdown (`summary.md`, README), and its rows for the HTML page.

use crate::break_even;
use crate::calibration;
use crate::escape::{markdown, one_line};
use crate::forgetting;
use crate::label_curves::{self, LabelCurves};
use crate::large;
use crate::money;
use crate::run::{Group, Run};
use crate::search;
use crate::standing;
use crate::statistics::{Estimate, Spread};
use crate::summary::{ArmSummary, DEFAULT_MARGIN, GroupSummary};
use crate::units;
use record::{Outcome, Trial};

/// Headings of the table of results.
pub(crate) const HEADINGS: [&str; 8] = [
    "method",
    "accuracy % [95 % interval]",
    "against the best",
    "n",
    "training time",
    "peak memory",
    "trainable",
    "stored",
];

/// What stands in place of the number of seeds where all predict the same.
const DETERMINISTIC: &str = "1 (deterministic) x";

/// What the columns and words mean; stands under every table.
pub(crate) fn legend(groups: &[GroupSummary]) -> [String; 5] {
    let margin = standing::margin_points(groups.first().map_or(DEFAULT_MARGIN, |g| g.margin));
    [
        "Accuracy: mean over seeds and test examples with its 95 % interval over both; with one seed over the test examples alone, since the seeds' \
         variation is then unknown. n = seeds x test examples; deterministic: every seed gives the same predictions."
            .to_owned(),
        format!(
            "Against the best: points more or less than the best of the other methods, with an interval that holds for all methods at once at 95 %. \
             best: highest mean, with its lead. as good: shown to lie less than {margin} below the best. open: neither shown to be as good nor to be \
             behind. behind: below some other method beyond chance, all comparisons considered, and not shown to be as good."
        ),
        "These are multiple comparisons with the best (Hsu 1984), paired over seeds and test examples. The variance between seeds is moderated by \
         that of the other pairs (Smyth 2004) and always counted. With one seed: McNemar's test, and none is called as good. unstable: a seed \
         far below its method's median. at an edge: what validation chose is the lowest or highest that was tried."
            .to_owned(),
        "Training time: median over seeds (smallest to largest) of preparation, first step and training, in one process; validation, testing and \
         any search are not in it. disturbed: a neighbour kept the machine busy; such trials are left out of it while there are others."
            .to_owned(),
        "Peak memory: median over seeds of the resident peak of the training phases. Trainable: parameters with a gradient. Stored: bytes to keep \
         beside the shared model. An empty cell was not measured."
            .to_owned(),
    ]
}

/// The cells of one line, in the order of [`HEADINGS`].
pub(crate) fn cells(arm: &ArmSummary, margin: f64) -> [String; 8] {
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
        standing::in_words(arm, margin),
        arm.accuracy
            .map(|e| {
                if arm.deterministic {
                    format!("{DETERMINISTIC} {}", e.rows)
                } else {
                    format!("{} x {}", e.seeds, e.rows)
                }
            })
            .unwrap_or_default(),
        training_time(arm),
        median(arm.costs.train_peak_rss_bytes, units::bytes),
        count(arm.trainable_params, units::count),
        count(arm.stored_bytes, units::bytes),
    ]
}

/// `24 s (22 to 31)`, and how many of the trials were timed beside a busy neighbour.
fn training_time(arm: &ArmSummary) -> String {
    let time = arm.costs.adapt_s.map(|s| units::seconds_with_range(&s));
    let neighbours = arm.costs.neighbours.filter(|n| n.disturbed > 0);
    let disturbed = neighbours.map(|n| format!("{} of {} disturbed", n.disturbed, n.trials));
    let parts: Vec<String> = time.into_iter().chain(disturbed).collect();
    parts.join(", ")
}

fn accuracy(estimate: &Estimate) -> String {
    let [mean, low, high] =
        [estimate.mean, estimate.interval.low, estimate.interval.high].map(units::percent);
    format!("{mean} [{low}, {high}]")
}

/// The sentence above a group's table.
pub(crate) fn intro(group: &GroupSummary) -> String {
    let sizes: Vec<u64> = group.arms.iter().filter_map(|arm| arm.n_train).collect();
    let trained = match (sizes.iter().min(), sizes.iter().max()) {
        (Some(min), Some(max)) if min == max => format!("{min} training examples"),
        (Some(min), Some(max)) => format!("{min} to {max} training examples"),
        _ => "training examples not recorded".to_owned(),
    };
    // Labels of the validation split choose checkpoints and settings: they are labels too.
    let chosen_by = group.arms.iter().filter_map(|arm| arm.n_validation).max();
    let trained = match chosen_by {
        Some(n) => format!("{trained}, {n} validation examples"),
        None => trained,
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
        (Some(rows), Some(1)) => {
            format!("{trained}, {rows} test examples, one seed (seeds' variation unknown)")
        }
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
        Outcome::OverCost => "stopped by the limit of cost",
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
    terminal_table_within(run, usize::MAX)
}

/// As [`terminal_table`]; a table that does not fit `width` columns is parted into accuracies and costs.
pub fn terminal_table_within(run: &Run, width: usize) -> String {
    let groups = crate::summarise(run);
    let labels = label_curves::label_curves(run, &groups);
    terminal_table_of(run, (&groups, &labels), large::MOST_SHOWN, width)
}

/// As [`terminal_table_within`], with the summaries at hand and at most `most` groups; that there are others is said.
pub fn terminal_table_of(
    run: &Run,
    (groups, labels): (&[GroupSummary], &[LabelCurves]),
    most: usize,
    width: usize,
) -> String {
    let shown = large::in_full(groups, most);
    let mut text = String::new();
    for curves in labels {
        text += &label_curves::terminal(curves, width);
        text += &notes_of_all_points(groups, &curves.title);
    }
    // A table for each model and task stands for those of a curve's points.
    let alone = groups
        .iter()
        .zip(&shown)
        .filter(|(group, _)| group.point.is_none());
    for (group, _) in alone.filter(|(_, shown)| **shown) {
        text += &format!("{} ({})\n\n", group.title, intro(group));
        text += &table(group, width);
        text += "\n";
        for note in &group.notes {
            text += &format!("note: {note}.\n");
        }
        if !group.notes.is_empty() {
            text += "\n";
        }
    }
    if let Some(word) = large::word(&shown, "All are in summary.md and summary.csv.") {
        text += &format!("{word}\n\n");
    }
    let failures = failures(run);
    if !failures.is_empty() {
        text += &format!(
            "{} of {} trials did not finish:\n",
            failures.len(),
            run.trials.len()
        );
        large::first_failures(failures)
            .iter()
            .for_each(|failure| text += &format!("  {failure}\n"));
        text += "\n";
    }
    text + &legend(groups).join("\n") + "\n"
}

/// The notes that all points of a label curve have; those of single points are in `summary.md`.
fn notes_of_all_points(groups: &[GroupSummary], family: &str) -> String {
    let is_point = |group: &&GroupSummary| group.point.is_some() && group.family == family;
    let points: Vec<&GroupSummary> = groups.iter().filter(is_point).collect();
    let is_of_all = |note: &&String| points.iter().all(|point| point.notes.contains(note));
    let notes = points.first().into_iter().flat_map(|point| &point.notes);
    let notes: String = notes
        .filter(is_of_all)
        .map(|note| format!("note: {note}.\n"))
        .collect();
    if notes.is_empty() {
        notes
    } else {
        notes + "\n"
    }
}

fn table(group: &GroupSummary, width: usize) -> String {
    let rows: Vec<[String; 8]> = std::iter::once(HEADINGS.map(str::to_owned))
        .chain(group.arms.iter().map(|arm| cells(arm, group.margin)))
        .collect();
    let whole = align(&rows, 3);
    let widest = whole.lines().map(|line| line.chars().count()).max();
    if widest <= Some(width) {
        return whole;
    }
    let mut accuracies: Vec<[String; 4]> = rows
        .iter()
        .map(|row| [0, 1, 2, 3].map(|column: usize| row[column].replace(DETERMINISTIC, "1 x")))
        .collect();
    accuracies[0][1] = "accuracy % [95 %]".to_owned();
    let costs: Vec<[String; 5]> = rows
        .iter()
        .map(|row| [0, 4, 5, 6, 7].map(|column: usize| row[column].clone()))
        .collect();
    format!("{}\n{}", align(&accuracies, 3), align(&costs, 1))
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
        let mut cells = cells(arm, group.margin);
        cells[2] = markdown(&cells[2]);
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

/// A table under its heading, empty without rows.
fn section_md<const N: usize>(
    title: &str,
    legend: &str,
    headings: [&str; N],
    rows: Vec<[String; N]>,
) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let line = |cells: [String; N]| format!("| {} |\n", cells.join(" | "));
    let rows: String = rows
        .into_iter()
        .map(|cells| line(cells.map(|cell| markdown(&cell))))
        .collect();
    format!(
        "### {title}\n\n{legend}\n\n{}|{}\n{rows}\n",
        line(headings.map(str::to_owned)),
        "---|".repeat(N)
    )
}

/// What served models cost, and where training has paid off in money; empty where nothing is served.
fn train_or_call_md(group: &GroupSummary) -> String {
    let served = section_md(
        "Served models",
        money::LEGEND,
        money::HEADINGS,
        money::rows(group),
    );
    let in_money = money::break_even_in_money(group, money::USD_PER_HOUR).map(|found| {
        section_md(
            "Break-even in money",
            &money::break_even_legend(),
            break_even::HEADINGS,
            break_even::rows(group, &found),
        )
    });
    served + &in_money.unwrap_or_default()
}

/// The group's searches, the predictions after which one arm has cost less than another, and what was forgotten.
fn sections_md(group: &GroupSummary, trials: &Group<'_>) -> String {
    let searches = section_md(
        "Search",
        &search::legend(trials),
        search::HEADINGS,
        search::rows(trials),
    );
    let break_even = break_even::break_even(group).map(|found| {
        section_md(
            "Break-even",
            &break_even::legend(found.source),
            break_even::HEADINGS,
            break_even::rows(group, &found),
        )
    });
    let forgotten = section_md(
        forgetting::TITLE,
        forgetting::LEGEND,
        forgetting::HEADINGS,
        forgetting::rows(group),
    );
    let trusted = section_md(
        calibration::TITLE,
        calibration::LEGEND,
        calibration::HEADINGS,
        calibration::rows(group),
    );
    searches + &break_even.unwrap_or_default() + &train_or_call_md(group) + &trusted + &forgotten
}

/// `summary.md`: every group's table, the failures, and what the columns mean.
pub(crate) fn summary_md(
    run: &Run,
    groups: &[GroupSummary],
    labels: &[LabelCurves],
    most: usize,
) -> String {
    let shown = large::in_full(groups, most);
    let mut text = "# Results\n\n".to_owned();
    let where_else = format!("The others have their tables here; {}.", large::SHOW_MORE);
    if let Some(word) = large::word(&shown, &where_else) {
        text += &format!("{word}\n\n");
    }
    text += &labels
        .iter()
        .map(label_curves::summary_md)
        .collect::<String>();
    for ((group, trials), shown) in groups.iter().zip(run.groups()).zip(shown) {
        let sections = if shown {
            sections_md(group, &trials)
        } else {
            String::new()
        };
        text += &format!(
            "## {}\n\n{}.\n\n{}\n{}{sections}",
            markdown(&group.title),
            intro(group),
            markdown_table(group),
            notes_md(group),
        );
    }
    let failures = failures(run);
    if !failures.is_empty() {
        text += &format!(
            "## Trials that did not finish\n\n{} of {}.\n\n",
            failures.len(),
            run.trials.len()
        );
        large::first_failures(failures)
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
    legend(groups)
        .iter()
        .for_each(|line| text += &format!("- {line}\n"));
    text
}
