//! A comparison as text: what differs first, then a table for each model and task, then what the words mean.

use super::{ArmComparison, Change, Changed, Gate, Machines, Only, Ratio, RunComparison};
use crate::escape::one_line;
use crate::standing;
use crate::statistics::{Difference, Evidence};
use crate::units;

const HEADINGS: [&str; 8] = [
    "method",
    "accuracy, points [95 %]",
    "",
    "n",
    "training time",
    "",
    "peak memory",
    "",
];

const LEGEND: &str = "Second run against first. Accuracy: difference with its 95 % interval, paired by seed and test example (n = seeds x examples). \
higher, lower: beyond chance at 95 %, Holm's correction over all rows; no word: not shown to differ, which is not the same as equal.
Time and memory: medians, and in brackets the ratio of the second to the first (geometric mean over seeds) with its 95 % interval. faster, slower, less, more: \
the interval lies beyond the threshold of noise; no change, within noise: it lies inside, with 1 or without; open: neither.";

/// The comparison as a text for the terminal.
pub fn comparison_table(comparison: &RunComparison) -> String {
    let [first, second] = &comparison.runs;
    let mut text = format!("first:  {first}\nsecond: {second}\n\n");
    text += &changes(comparison);
    if !(comparison.refused.is_empty()
        && comparison.not_paired.is_empty()
        && comparison.notes.is_empty())
    {
        text += "\n";
    }
    for refused in &comparison.refused {
        text += &format!("NOT COMPARED: {refused}\n");
    }
    for why in &comparison.not_paired {
        text += &format!(
            "NOT PAIRED: {why}. The accuracies are compared as those of two different tests, which finds only large differences\n"
        );
    }
    for note in &comparison.notes {
        text += &format!("note: {note}.\n");
    }
    text += &disturbed(&comparison.arms);
    text += &tables(&comparison.arms);
    text += &only_in("first", &comparison.only_first);
    text += &only_in("second", &comparison.only_second);
    text += LEGEND;
    text += match comparison.changes.machines {
        Machines::Same => "",
        Machines::Other => {
            "\nThe machines differ: nothing is said of the ratios of time and memory."
        }
        Machines::Unknown => {
            "\nThe machine is not on record in both runs: nothing is said of the ratios of time and memory."
        }
    };
    text + "\n"
}

/// Whose times were measured beside busy neighbours, empty where none were.
fn disturbed(arms: &[ArmComparison]) -> String {
    let mut text = String::new();
    for (run, which) in ["first", "second"].iter().enumerate() {
        let of_run = arms.iter().filter(|arm| arm.disturbed[run] > 0);
        let said: Vec<String> = of_run
            .map(|arm| format!("{} ({})", arm.label, arm.disturbed[run]))
            .collect();
        if !said.is_empty() {
            text += &format!(
                "note: trials of the {which} run trained beside a busy neighbour, and their times are left out where there are others: {}.\n",
                said.join(", ")
            );
        }
    }
    text
}

/// `only in the first: model on task: arm, arm; model on task: arm`, empty where there are none.
fn only_in(which: &str, arms: &[Only]) -> String {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for arm in arms {
        match groups.iter_mut().find(|(title, _)| *title == arm.title) {
            Some((_, labels)) => labels.push(&arm.label),
            None => groups.push((&arm.title, vec![&arm.label])),
        }
    }
    let groups: Vec<String> = groups
        .into_iter()
        .map(|(title, labels)| format!("{title}: {}", labels.join(", ")))
        .collect();
    if groups.is_empty() {
        String::new()
    } else {
        format!("only in the {which}: {}\n", groups.join("; "))
    }
}

/// What differs, first → second, a paragraph a kind; or that nothing does.
fn changes(comparison: &RunComparison) -> String {
    let changes = &comparison.changes;
    let kinds = [
        ("settings", &changes.settings),
        ("model and task", &changes.data),
        ("machine", &changes.machine),
        ("program", &changes.program),
    ];
    let mut text = String::new();
    let same: Vec<String> = kinds
        .iter()
        .filter(|(kind, changed)| changed.is_empty() && !is_unknown(kind, changes.machines))
        .map(|(kind, _)| format!("same {kind}"))
        .collect();
    for (kind, changed) in kinds.iter().filter(|(_, changed)| !changed.is_empty()) {
        text += &format!("{kind}, first → second:\n");
        changed.iter().for_each(|changed| text += &line(changed));
    }
    if !same.is_empty() {
        text += &format!("{}\n", same.join(", "));
    }
    text
}

/// Two machines of which nothing is on record do not differ, and are not the same.
fn is_unknown(kind: &str, machines: Machines) -> bool {
    kind == "machine" && machines == Machines::Unknown
}

fn line(changed: &Changed) -> String {
    let Changed {
        what,
        first,
        second,
        arms,
    } = changed;
    let arms = if arms.is_empty() {
        String::new()
    } else {
        format!(" ({})", arms.join(", "))
    };
    format!(
        "  {}\n",
        one_line(&format!("{what}: {first} → {second}{arms}"))
    )
}

fn tables(arms: &[ArmComparison]) -> String {
    let mut text = String::new();
    let mut titles: Vec<&String> = Vec::new();
    for arm in arms {
        if titles.contains(&&arm.title) {
            continue;
        }
        titles.push(&arm.title);
        let of_group = arms.iter().filter(|other| other.title == arm.title);
        let rows: Vec<[String; 8]> = std::iter::once(HEADINGS.map(str::to_owned))
            .chain(of_group.map(cells))
            .collect();
        text += &format!("\n{}\n\n{}", arm.title, crate::text::align(&rows, 8));
    }
    text + "\n"
}

fn cells(arm: &ArmComparison) -> [String; 8] {
    let accuracy = match &arm.accuracy {
        // Nothing to be uncertain of.
        Some(_) if arm.same_answers => "0.0".to_owned(),
        Some(difference) => points(difference),
        None => String::new(),
    };
    let n = arm.accuracy.map(|difference| match difference.evidence {
        Evidence::Paired { seeds, rows } => format!("{seeds} x {rows}"),
        Evidence::Unpaired => "unpaired".to_owned(),
    });
    let time = arm.adapt_s.as_ref();
    let memory = arm.train_peak_rss_bytes.as_ref();
    [
        arm.label.clone(),
        accuracy,
        verdict(arm).to_owned(),
        n.unwrap_or_default(),
        time.map(|r| ratio(r, units::seconds)).unwrap_or_default(),
        time.map(|r| word(r, "faster", "slower"))
            .unwrap_or_default(),
        memory.map(|r| ratio(r, units::bytes)).unwrap_or_default(),
        memory.map(|r| word(r, "less", "more")).unwrap_or_default(),
    ]
}

fn verdict(arm: &ArmComparison) -> &'static str {
    match arm.accuracy {
        None => "",
        Some(_) if arm.same_answers => "same answers",
        Some(difference) if arm.differs() && difference.mean > 0.0 => "higher",
        Some(_) if arm.differs() => "lower",
        Some(_) => "",
    }
}

/// `-0.8 [-2.7, 0.1]`.
pub(super) fn points(difference: &Difference) -> String {
    let interval = difference.interval;
    let [low, high] = [interval.low, interval.high].map(standing::points);
    format!("{} [{low}, {high}]", standing::signed(difference.mean))
}

fn ratio(ratio: &Ratio, unit: fn(f64) -> String) -> String {
    let interval = ratio.interval.map(|interval| {
        let [low, high] = [interval.low, interval.high].map(times);
        format!(" [{low}, {high}]")
    });
    format!(
        "{} → {} (x{}{})",
        unit(ratio.first.median),
        unit(ratio.second.median),
        times(ratio.ratio),
        interval.unwrap_or_default()
    )
}

/// Two decimals; three digits where that says more.
fn times(ratio: f64) -> String {
    if (0.1..10.0).contains(&ratio) {
        format!("{ratio:.2}")
    } else {
        units::three(ratio)
    }
}

fn word(ratio: &Ratio, less: &str, more: &str) -> String {
    let word = match ratio.change {
        Change::None => "no change",
        Change::WithinNoise => "within noise",
        Change::Less => less,
        Change::More => more,
        Change::Open => "open",
        Change::Unsaid if ratio.interval.is_none() => "one trial",
        Change::Unsaid => "",
    };
    word.to_owned()
}

/// The verdict for a build as a text for the terminal.
pub fn gate_text(gate: &Gate, threshold: f64) -> String {
    let limit = units::three(100.0 * threshold);
    let mut text = format!("fail if worse by more than {limit} pp:\n");
    gate.worse
        .iter()
        .for_each(|line| text += &format!("  WORSE: {line}\n"));
    gate.unsettled
        .iter()
        .for_each(|line| text += &format!("  cannot tell: {line}\n"));
    let all = gate.holding + gate.unsettled.len() + gate.worse.len();
    text + &format!("  {} of {all} hold\n", gate.holding)
}
