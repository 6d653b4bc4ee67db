//! Standings in words, the same in every table: `best`, `as good (within 1 point)`, `open (-3.2 [-5.3, -0.9])`, `behind (-8.1 [-9.9, -6.4])`; and what
//! would settle an open one.

use crate::statistics::{AgainstBest, Claim, Improvement, Settle, Standing};
use crate::summary::{ArmSummary, GroupSummary};
use crate::units;

/// The standing of an arm with the figures it rests on, then what marks the arm.
pub(crate) fn in_words(arm: &ArmSummary, margin: f64) -> String {
    let difference = arm.against.as_ref().map(difference);
    let figures = difference.map(|d| format!(" ({d})")).unwrap_or_default();
    let standing = match arm.standing {
        // Two arms with the same mean have no lead to show.
        Standing::Best if arm.against.is_none_or(|a| a.difference <= 0.0) => "best".to_owned(),
        Standing::Unknown => String::new(),
        Standing::AsGood => format!("as good (within {})", margin_points(margin)),
        other => format!("{}{figures}", word(other)),
    };
    let words = std::iter::once(standing).chain(arm.marks.iter().cloned());
    let words: Vec<String> = words.filter(|word| !word.is_empty()).collect();
    words.join(", ")
}

/// The standing alone, as charts have room for it.
pub(crate) fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Best => "best",
        Standing::AsGood => "as good",
        Standing::Open => "open",
        Standing::Behind => "behind",
        Standing::Unknown => "",
    }
}

/// `-3.2 [-5.3, -0.9]`, in points.
pub(crate) fn difference(against: &AgainstBest) -> String {
    let interval = against.interval;
    format!(
        "{} [{}, {}]",
        signed(against.difference),
        points(interval.low),
        points(interval.high)
    )
}

/// `1 point`, `0.5 points`.
pub(crate) fn margin_points(margin: f64) -> String {
    let text = units::three(100.0 * margin);
    let s = if text == "1" { "" } else { "s" };
    format!("{text} point{s}")
}

/// A share in points: `-0.9`.
pub(crate) fn points(share: f64) -> String {
    let text = format!("{:.1}", 100.0 * share);
    if text == "-0.0" { "0.0".into() } else { text }
}

/// A share in points with its sign: `+1.2`, `-0.9`, `0.0`.
pub(crate) fn signed(share: f64) -> String {
    let text = points(share);
    if text.starts_with('-') || text == "0.0" {
        text
    } else {
        format!("+{text}")
    }
}

/// `62 [35, 84]`, in per cent.
pub(crate) fn improvement(found: &Improvement) -> String {
    let [p, low, high] =
        [found.probability, found.interval.low, found.interval.high].map(|p| 100.0 * p);
    format!("{p:.0} [{low:.0}, {high:.0}]")
}

/// What would settle an open arm, in 80 of 100 such experiments.
pub(crate) fn to_settle(arm: &ArmSummary, group: &GroupSummary) -> Option<String> {
    let against = arm.against.filter(|_| arm.standing == Standing::Open)?;
    let margin = group.margin;
    let Some(as_good) = against.settle(Claim::AsGood { margin }) else {
        return Some("more seeds: with one, their variation is unknown".to_owned());
    };
    let behind = against
        .settle(Claim::Behind)
        .filter(|_| against.difference < 0.0);
    let behind = behind.map(|needs| {
        format!(
            "{} to show it behind, if it is by {}",
            amount(needs),
            points(-against.difference)
        )
    });
    let as_good =
        (margin > 0.0).then(|| format!("{} to show it as good, if it is equal", amount(as_good)));
    let parts: Vec<String> = behind.into_iter().chain(as_good).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn amount(needs: Settle) -> String {
    match (needs.seeds, needs.rows) {
        (Some(seeds), Some(rows)) => {
            format!(
                "{} seeds or {} test examples",
                grouped(seeds),
                grouped(rows)
            )
        }
        (Some(seeds), None) => format!("{} seeds", grouped(seeds)),
        (None, Some(rows)) => format!(
            "{} test examples (cannot be settled with this test split)",
            grouped(rows)
        ),
        (None, None) => "more seeds and more test examples together".to_owned(),
    }
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Interval;

    fn arm(standing: Standing, difference: f64, low: f64, high: f64) -> ArmSummary {
        ArmSummary {
            standing,
            against: Some(AgainstBest {
                standing,
                difference,
                interval: Interval { low, high },
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    #[test]
    fn each_standing_has_its_words_and_figures() {
        let words =
            |standing, difference, low, high| in_words(&arm(standing, difference, low, high), 0.01);
        for (found, expected) in [
            (
                words(Standing::Best, 0.012, -0.005, 0.03),
                "best (+1.2 [-0.5, 3.0])",
            ),
            (words(Standing::Best, 0.0, -0.005, 0.03), "best"),
            (
                words(Standing::AsGood, -0.001, -0.009, 0.0),
                "as good (within 1 point)",
            ),
            (
                words(Standing::Open, -0.0322, -0.053, -0.0091),
                "open (-3.2 [-5.3, -0.9])",
            ),
            (
                words(Standing::Behind, -0.081, -0.099, -0.064),
                "behind (-8.1 [-9.9, -6.4])",
            ),
            (
                words(Standing::Open, -0.0001, -0.02, 0.02),
                "open (0.0 [-2.0, 2.0])",
            ),
            (words(Standing::Unknown, 0.0, 0.0, 0.0), ""),
        ] {
            assert_eq!(found, expected);
        }
        let mut marked = arm(Standing::Behind, -0.081, -0.099, -0.064);
        marked.marks = vec!["unstable: seed 2 at 61.0".to_owned()];
        assert_eq!(
            in_words(&marked, 0.01),
            "behind (-8.1 [-9.9, -6.4]), unstable: seed 2 at 61.0"
        );
        assert_eq!(margin_points(0.005), "0.5 points");
    }

    #[test]
    fn numbers_of_examples_are_grouped_by_thousands() {
        assert_eq!(
            [999, 1000, 1_234_567].map(grouped),
            ["999", "1,000", "1,234,567"]
        );
    }
}
