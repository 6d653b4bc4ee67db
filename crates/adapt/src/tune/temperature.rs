//! The loss of answers at the temperature that fits them best (Guo, Pleiss, Sun & Weinberger 2017, On Calibration of Modern Neural Networks).
//!
//! A model that trained long or at a high rate is often right and too sure; its loss is high for its sureness, not for its answers. One
//! number by which all scores are divided takes that out and changes no answer. It is fitted on the examples themselves: one number for all of them, and
//! so in favour of no candidate.

use crate::{Logits, log_softmax};

/// The temperature by which all scores are to be divided for the lowest mean negative log-likelihood; `None` where no one is best: without examples, or
/// where the answers are right throughout (the lower the better) or no better than chance (the higher).
///
/// # Panics
/// If the two disagree in length, or a label is no class.
pub fn best_temperature(logits: &[Logits], labels: &[usize]) -> Option<f64> {
    assert_eq!(logits.len(), labels.len(), "rows of scores and labels");
    let is_right = |(row, label): (&Logits, &usize)| row.iter().all(|z| *z <= row[*label]);
    if logits.iter().zip(labels).all(is_right) {
        return None;
    }
    let log_factor = lowest(|log_factor| losses(logits, labels, log_factor.exp()).iter().sum());
    (log_factor.abs() < FARTHEST - 0.1).then(|| (-log_factor).exp())
}

/// Negative log-likelihood of each example, in nats, where all scores are divided by the temperature with the lowest mean. Empty without examples.
pub(super) fn losses_at_best_temperature(logits: &[Logits], labels: &[usize]) -> Vec<f64> {
    let at = |log_factor: f64| losses(logits, labels, log_factor.exp());
    at(lowest(|log_factor| at(log_factor).iter().sum()))
}

fn losses(logits: &[Logits], labels: &[usize], factor: f64) -> Vec<f64> {
    let rows = logits.iter().zip(labels);
    rows.map(|(row, &label)| {
        let scaled: Vec<f64> = row.iter().map(|z| f64::from(*z) * factor).collect();
        -log_softmax(&scaled)[label]
    })
    .collect()
}

/// Logarithm of the largest factor that is tried, and of the smallest with its sign turned.
const FARTHEST: f64 = 8.0;

/// Where a function of the logarithm of the factor with one valley is lowest, by golden section (Kiefer 1953): the mean loss is convex in
/// the factor. A factor of e⁻⁸ makes all classes alike, one of e⁸ a score of 1 certain.
fn lowest(of: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (-FARTHEST, FARTHEST);
    let share = (5.0_f64.sqrt() - 1.0) / 2.0;
    while high - low > 1e-4 {
        let (left, right) = (high - share * (high - low), low + share * (high - low));
        // Of two alike the lower: what is right throughout has no best temperature, and any will do.
        if of(left) <= of(right) {
            high = right;
        } else {
            low = left;
        }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(losses: &[f64]) -> f64 {
        losses.iter().sum::<f64>() / losses.len() as f64
    }

    /// Two thirds are right, all by the same margin: the best temperature gives each answer a probability of 2/3, whatever the margin.
    #[test]
    fn the_same_answers_have_the_same_loss_however_sure_they_are() {
        let entropy = -(2.0 / 3.0 * (2.0_f64 / 3.0).ln() + (1.0 / 3.0_f64).ln() / 3.0);
        for margin in [0.2, 1.0, 30.0] {
            let logits = vec![vec![0.0, margin], vec![0.0, margin], vec![margin, 0.0]];
            let found = mean(&losses_at_best_temperature(&logits, &[1, 1, 1]));
            assert!((found - entropy).abs() < 1e-6, "{margin}: {found}");
        }
    }

    #[test]
    fn more_right_answers_and_surer_ones_where_they_are_right_have_a_lower_loss() {
        let with = |rows: &[[f32; 2]]| {
            let logits: Vec<Logits> = rows.iter().map(|row| row.to_vec()).collect();
            mean(&losses_at_best_temperature(&logits, &vec![1; rows.len()]))
        };
        let one_wrong = with(&[[0.0, 2.0], [0.0, 2.0], [0.0, 2.0], [2.0, 0.0]]);
        assert!(one_wrong < with(&[[0.0, 2.0], [0.0, 2.0], [2.0, 0.0], [2.0, 0.0]]));
        assert!(with(&[[0.0, 2.0], [0.0, 2.0], [0.0, 2.0], [0.5, 0.0]]) < one_wrong);
    }

    #[test]
    fn the_best_temperature_takes_out_what_scores_were_multiplied_by_and_may_not_exist() {
        let rows = [
            [0.0_f32, 1.3],
            [0.0, 0.4],
            [2.1, 0.0],
            [0.0, 0.9],
            [0.2, 0.0],
        ];
        let labels = [1, 1, 0, 0, 1];
        let times = |factor: f32| -> Vec<Logits> {
            rows.iter()
                .map(|row| row.iter().map(|z| factor * z).collect())
                .collect()
        };
        let once = best_temperature(&times(1.0), &labels).unwrap();
        let thrice = best_temperature(&times(3.0), &labels).unwrap();
        assert!((thrice / once - 3.0).abs() < 1e-3, "{once}, {thrice}");
        assert_eq!(best_temperature(&[], &[]), None);
        assert_eq!(
            best_temperature(&times(1.0)[..2], &[1, 1]),
            None,
            "all right"
        );
        assert_eq!(
            best_temperature(&times(1.0)[..2], &[0, 0]),
            None,
            "all wrong"
        );
    }

    #[test]
    fn answers_no_better_than_chance_lose_as_chance_does_and_right_ones_nothing() {
        let wrong = vec![vec![3.0, 0.0], vec![3.0, 0.0]];
        let found = mean(&losses_at_best_temperature(&wrong, &[1, 1]));
        assert!((found - 2.0_f64.ln()).abs() < 1e-3, "{found}");
        let right = vec![vec![0.0, 3.0], vec![0.0, 3.0]];
        assert!(mean(&losses_at_best_temperature(&right, &[1, 1])) < 1e-3);
        assert!(losses_at_best_temperature(&[], &[]).is_empty());
    }
}
