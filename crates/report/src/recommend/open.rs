//! The arms that are neither shown to be as good nor to be behind: what each would lose and save, and what would settle it.

use super::sentences::{ITEM, listed, points_of_margin};
use super::{Advice, Alternative};
use crate::standing::{difference, grouped};
use crate::statistics::{Claim, Settle, Standing};

/// Open arms, one a line: what each would lose and save, and what would settle it.
pub(super) fn not_settled(advice: &Advice) -> Vec<String> {
    let (Some((choice, _)), Some(best)) = (&advice.choice, &advice.best) else {
        return Vec::new();
    };
    let open = advice
        .others
        .iter()
        .filter(|other| other.standing == Standing::Open);
    let mut items: Vec<String> = open.map(|other| open_arm(other, advice)).collect();
    if items.is_empty() {
        return items;
    }
    let costs = if choice.label == best.label {
        String::new()
    } else {
        format!("; savings against {}", choice.label)
    };
    items.insert(
        0,
        format!(
            "Not settled, neither shown to be as good within {} nor to be behind (points from the best, {}{costs}):",
            points_of_margin(advice),
            best.label
        ),
    );
    items
}

/// `- lora -0.8 [-2.7, 0.0]: saves 24 s and 86 MiB of memory; 9 seeds would settle it.`
fn open_arm(other: &Alternative, advice: &Advice) -> String {
    let mut parts = Vec::new();
    if other.saves.is_empty() {
        parts.push("no saving".to_owned());
    } else {
        parts.push(format!("saves {}", listed(&other.saves)));
    }
    if !other.costs_more.is_empty() {
        parts.push(format!("takes {} more", listed(&other.costs_more)));
    }
    parts.extend(settled_by(other, advice));
    format!(
        "{ITEM}{} {}: {}.",
        other.scored.label,
        difference(&other.against),
        parts.join("; ")
    )
}

/// What is assumed of the numbers that would settle something.
pub(super) fn how_settled(advice: &Advice) -> Option<String> {
    let open = advice
        .others
        .iter()
        .filter(|other| other.standing == Standing::Open);
    let counted: Vec<_> = open
        .filter(|other| settled_by(other, advice).is_some())
        .collect();
    let squares = counted.first()?.against.pair.squares;
    Some(format!(
        "Seeds and test texts that would settle it are totals, against {} and {} now, for a power of 80 % where the observed difference is the true one \
         (or where there is none, if it is within {}).",
        squares.seed_count,
        grouped(squares.row_count as u64),
        points_of_margin(advice)
    ))
}

/// `9 seeds or 4000 test texts would settle it`
fn settled_by(other: &Alternative, advice: &Advice) -> Option<String> {
    let margin = advice.question.margin;
    let claim = if -other.against.difference > margin {
        Claim::Behind
    } else {
        Claim::AsGood { margin }
    };
    let Settle { seeds, rows } = other.against.settle(claim)?;
    let squares = other.against.pair.squares;
    // What usually suffices did not here.
    let more = |n: u64, now: usize| n.max(now as u64 + 1);
    let seeds = seeds.map(|n| more(n, squares.seed_count));
    let rows = rows.map(|n| more(n, squares.row_count));
    let seeds = seeds.filter(|n| *n <= MOST_SEEDS);
    let rows = rows.filter(|n| *n <= MOST_ROWS);
    Some(match (seeds, rows) {
        (Some(seeds), Some(rows)) => format!(
            "{} seeds or {} test texts would settle it",
            grouped(seeds),
            grouped(rows)
        ),
        (Some(seeds), None) => format!("{} seeds would settle it", grouped(seeds)),
        (None, Some(rows)) => {
            format!(
                "cannot be settled with this test split, with {} test texts it could",
                grouped(rows)
            )
        }
        (None, None) => "cannot be settled by more seeds or more test texts alone".to_owned(),
    })
}

/// More than this nobody runs.
const MOST_SEEDS: u64 = 1000;
const MOST_ROWS: u64 = 1_000_000;
