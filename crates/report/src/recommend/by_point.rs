//! Advice on a label curve: one verdict for each number of training examples, or where the labels are limited that of the most that they allow.

use super::Advice;
use super::sentences::verdict;
use crate::standing::grouped;

/// Whether two pieces of advice are on points of one curve.
pub(super) fn same_curve(a: &Advice, b: &Advice) -> bool {
    a.point.is_some() && b.point.is_some() && a.family == b.family
}

/// Of each curve, where labels are limited, the advice on the last point that has any; without one, that on the first says that nothing fits.
pub(super) fn within_labels(advice: Vec<Advice>) -> Vec<Advice> {
    let limited = |advice: &Advice| advice.question.limits.max_labels.is_some();
    let of_curve = |curve: &[Advice]| {
        if curve.len() < 2 || !curve.iter().all(limited) {
            return curve.to_vec();
        }
        let last = curve.iter().rev().find(|advice| advice.choice.is_some());
        vec![last.unwrap_or(&curve[0]).clone()]
    };
    advice.chunk_by(same_curve).flat_map(of_curve).collect()
}

/// One line a point.
pub(super) fn text(curve: &[Advice]) -> String {
    let title = curve.first().map_or("", |advice| advice.family.as_str());
    let line = |advice: &Advice| {
        let labels = advice.point.map_or(String::new(), grouped);
        format!("  {labels} training examples: {}\n", verdict(advice))
    };
    let lines: String = curve.iter().map(line).collect();
    format!("{title}\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::break_even::PredictSource;
    use crate::recommend::{Basis, Limits, Question, Scored};
    use crate::statistics::Interval;

    fn advice(point: u64, fits: bool, max_labels: Option<f64>) -> Advice {
        let scored = Scored {
            label: "lime".to_owned(),
            mean: 0.5,
            interval: Interval {
                low: 0.4,
                high: 0.6,
            },
            error: None,
            cost: None,
        };
        let limits = Limits {
            max_labels,
            ..Limits::default()
        };
        Advice {
            title: format!("m on t, {point} training examples"),
            family: "m on t".to_owned(),
            point: Some(point),
            question: Question {
                limits,
                ..Question::default()
            },
            source: PredictSource::Alone,
            searched: false,
            seeds: 3,
            choice: fits.then(|| (scored.clone(), Basis::Only)),
            choice_against: None,
            best: fits.then_some(scored),
            others: Vec::new(),
            unbeaten: Vec::new(),
            refused: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_limit_of_labels_takes_the_largest_point_that_fits() {
        let points = |fits: [bool; 3], limit| {
            let all = [8, 32, 128].into_iter().zip(fits);
            let all = all.map(|(point, fits)| advice(point, fits, limit));
            let kept = within_labels(all.collect());
            kept.iter().filter_map(|a| a.point).collect::<Vec<_>>()
        };
        assert_eq!(points([true, true, false], Some(100.0)), [32]);
        assert_eq!(points([false; 3], Some(2.0)), [8]);
        assert_eq!(points([true; 3], None), [8, 32, 128]);
    }

    #[test]
    fn each_point_has_one_line() {
        let curve = [advice(8, true, None), advice(1000, true, None)];
        let text = text(&curve);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.starts_with("m on t\n  8 training examples: Choose lime (50.0 % right"));
        assert!(text.contains("\n  1,000 training examples: "));
    }
}
