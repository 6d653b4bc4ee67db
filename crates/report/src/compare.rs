//! Two runs, arm by arm: did a change of the program, the machine or the settings change accuracy, time or memory?
//!
//! Accuracies are paired by seed and test example, as within a run; p-values carry Holm's correction over all arms that both
//! runs have. Times and memory are compared as ratios of medians, with the range over seeds beside them.

use crate::escape::one_line;
use crate::pairing;
use crate::run::{Arm, Group, Run};
use crate::statistics::{self, CONFIDENCE, Difference, Spread};
use crate::summary::{ArmSummary, summarise};
use crate::units;

/// One arm in two runs; everything is second against first.
#[derive(Clone, Debug, PartialEq)]
pub struct ArmComparison {
    /// Model and task.
    pub title: String,
    /// Name of the arm in both.
    pub label: String,
    /// Accuracy of the second minus that of the first; `None` where either has none.
    pub accuracy: Option<Difference>,
    /// Its p-value, corrected over all arms.
    pub p_holm: Option<f64>,
    /// Training time of both.
    pub adapt_s: (Option<Spread>, Option<Spread>),
    /// Peak resident memory of training of both.
    pub train_peak_rss_bytes: (Option<Spread>, Option<Spread>),
}

/// Two runs compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunComparison {
    /// Arms that both have.
    pub arms: Vec<ArmComparison>,
    /// Arms that only the first has, as `model on task: arm`.
    pub only_first: Vec<String>,
    /// Arms that only the second has.
    pub only_second: Vec<String>,
    /// What must be known of models and tasks that are not plainly the same in both.
    pub notes: Vec<String>,
}

impl ArmComparison {
    /// Whether the accuracies differ beyond chance, all arms considered.
    pub fn differs(&self) -> bool {
        self.p_holm.is_some_and(|p| p < 1.0 - CONFIDENCE)
    }
}

/// Compares `second` with `first`. Groups match by the digests of model and task, else by their names as given, with a note; arms by label.
pub fn compare(first: &Run, second: &Run) -> RunComparison {
    let (groups_1, groups_2) = (first.groups(), second.groups());
    let pairing = pairing::pair(&groups_1, &groups_2);
    let (titles_1, titles_2) = pairing::titles(&groups_1, &groups_2, &pairing);
    let pair_of_1 = |i: usize| pairing.pairs.iter().position(|(a, _)| *a == i);
    let pair_of_2 = |j: usize| pairing.pairs.iter().position(|(_, b)| *b == j);
    let of_1 = entries(first, &groups_1, &titles_1, pair_of_1);
    let of_2 = entries(second, &groups_2, &titles_2, pair_of_2);
    let key = |entry: &Entry<'_>| Some((entry.pair?, entry.summary.label.clone()));
    let paired = |a: &Entry<'_>, b: &Entry<'_>| key(a).is_some() && key(a) == key(b);
    let missing = |all: &[Entry<'_>], other: &[Entry<'_>]| {
        let only = all.iter().filter(|e| !other.iter().any(|o| paired(o, e)));
        only.map(|e| format!("{}: {}", e.title, e.summary.label))
            .collect()
    };
    let mut arms: Vec<ArmComparison> = of_1
        .iter()
        .filter_map(|a| Some(compare_arm(a, of_2.iter().find(|b| paired(b, a))?)))
        .collect();
    let p_values: Vec<f64> = arms
        .iter()
        .filter_map(|arm| arm.accuracy.map(|d| d.p_value))
        .collect();
    let mut adjusted = statistics::holm(&p_values).into_iter();
    for arm in arms.iter_mut().filter(|arm| arm.accuracy.is_some()) {
        arm.p_holm = adjusted.next();
    }
    RunComparison {
        arms,
        only_first: missing(&of_1, &of_2),
        only_second: missing(&of_2, &of_1),
        notes: pairing.notes.iter().map(|note| one_line(note)).collect(),
    }
}

struct Entry<'a> {
    title: String,
    /// Which pair of groups it belongs to; `None` where the other run has no such group.
    pair: Option<usize>,
    summary: ArmSummary,
    arm: &'a Arm<'a>,
}

fn entries<'a>(
    run: &Run,
    groups: &'a [Group<'a>],
    titles: &[String],
    pair_of: impl Fn(usize) -> Option<usize>,
) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    for (at, (summary, group)) in summarise(run).into_iter().zip(groups).enumerate() {
        for (summary, arm) in summary.arms.into_iter().zip(&group.arms) {
            entries.push(Entry {
                title: titles[at].clone(),
                pair: pair_of(at),
                summary,
                arm,
            });
        }
    }
    entries
}

fn compare_arm(first: &Entry<'_>, second: &Entry<'_>) -> ArmComparison {
    let accuracy = match (&first.summary.accuracy, &second.summary.accuracy) {
        (Some(a), Some(b)) => Some(statistics::difference(
            (&second.arm.answers(), b),
            (&first.arm.answers(), a),
        )),
        _ => None,
    };
    let (a, b) = (&first.summary.costs, &second.summary.costs);
    ArmComparison {
        title: first.title.clone(),
        label: first.summary.label.clone(),
        accuracy,
        p_holm: None,
        adapt_s: (a.adapt_s, b.adapt_s),
        train_peak_rss_bytes: (a.train_peak_rss_bytes, b.train_peak_rss_bytes),
    }
}

/// The comparison as a table for the terminal.
pub fn comparison_table(comparison: &RunComparison) -> String {
    let mut rows = vec![
        [
            "",
            "method",
            "accuracy, points [95 %]",
            "",
            "training time",
            "peak memory",
        ]
        .map(str::to_owned),
    ];
    for arm in &comparison.arms {
        let accuracy = arm.accuracy.map(|d| {
            let [mean, low, high] =
                [d.mean, d.interval.low, d.interval.high].map(|v| format!("{:+.1}", 100.0 * v));
            format!("{mean} [{low}, {high}]")
        });
        let verdict = if arm.differs() { "differs" } else { "" };
        let time = ratio(arm.adapt_s, units::seconds);
        let memory = ratio(arm.train_peak_rss_bytes, units::bytes);
        rows.push([
            arm.title.clone(),
            arm.label.clone(),
            accuracy.unwrap_or_default(),
            verdict.to_owned(),
            time,
            memory,
        ]);
    }
    let mut text = crate::text::align(&rows, 4);
    for note in &comparison.notes {
        text += &format!("note: {note}.\n");
    }
    for (which, only) in [
        ("first", &comparison.only_first),
        ("second", &comparison.only_second),
    ] {
        if !only.is_empty() {
            text += &format!("only in the {which}: {}\n", only.join(", "));
        }
    }
    text + "Second run against first. differs: beyond chance at 95 %, paired, Holm's correction over all rows. Times and memory: medians.\n"
}

fn ratio(spreads: (Option<Spread>, Option<Spread>), unit: fn(f64) -> String) -> String {
    match spreads {
        (Some(a), Some(b)) if a.median > 0.0 => {
            format!(
                "{} → {} (x{:.2})",
                unit(a.median),
                unit(b.median),
                b.median / a.median
            )
        }
        _ => String::new(),
    }
}
