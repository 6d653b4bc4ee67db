//! The end of a run on stdout: the table, a paragraph in plain words, and where everything is.

use report::{ArmSummary, GroupSummary, Run, Standing, Written};
use std::fmt::Write as _;

/// Prints all of it.
pub(crate) fn print_results(run: &Run, written: &Written) {
    println!("{}", report::terminal_table(run).trim_end());
    for group in report::summarise(run) {
        println!("\n{}", in_words(&group));
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
