//! What is better: the one rule by which checkpoints, classifiers, layers and prompts are chosen on the validation split. Learning rates and
//! epochs have a rule of their own, over several seeds.

use std::cmp::Ordering;

/// How well a model answers labelled examples. Of two scores the one with the higher accuracy is better, of equals the one with the lower
/// loss. A score that is not a number is no candidate: [`Score::beats`] never lets it win.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Share of right answers, 0 to 1.
    pub accuracy: f64,
    /// Mean negative log-likelihood of the labels, in nats.
    pub loss: f64,
}

impl Score {
    /// Scores logits `[n][classes]` against labels `[n]`. A NaN among the logits makes the loss NaN, and the score unusable.
    ///
    /// # Panics
    /// If a label is no class.
    pub fn of_logits<T: Copy + PartialOrd + Into<f64>>(
        logits: &[Vec<T>],
        labels: &[usize],
    ) -> Self {
        let answers = logits
            .iter()
            .zip(labels)
            .map(|(row, &label)| (argmax(row) == label, -log_softmax(row)[label]));
        Self::of_answers(answers)
    }

    /// The mean over answers, each given as whether it is right and as its loss; 0 and 0 where there are none.
    pub fn of_answers(answers: impl IntoIterator<Item = (bool, f64)>) -> Self {
        let (mut n, mut right, mut loss) = (0_usize, 0_usize, 0.0);
        for (is_right, loss_of_one) in answers {
            n += 1;
            right += usize::from(is_right);
            loss += loss_of_one;
        }
        let n = n.max(1) as f64;
        Self {
            accuracy: right as f64 / n,
            loss: loss / n,
        }
    }

    /// Whether both numbers are numbers.
    pub fn is_usable(self) -> bool {
        !self.accuracy.is_nan() && !self.loss.is_nan()
    }

    /// The order of all scores, worst first: by accuracy, then by loss, with those that are not usable below all others.
    pub fn compare(self, other: Self) -> Ordering {
        let usable = self.is_usable().cmp(&other.is_usable());
        let accuracy = || self.accuracy.total_cmp(&other.accuracy);
        // 0 and -0 are the same loss.
        let loss = || (other.loss + 0.0).total_cmp(&(self.loss + 0.0));
        usable.then_with(accuracy).then_with(loss)
    }

    /// Whether this is to be kept in place of the best so far: usable, and better than it. Of equals the first stays.
    pub fn beats(self, best: Option<Self>) -> bool {
        self.is_usable() && best.is_none_or(|best| self.compare(best).is_gt())
    }
}

/// Place of the largest value; the first of equals. NaN is never the largest; of nothing but NaN the first.
pub fn argmax<T: Copy + PartialOrd>(values: &[T]) -> usize {
    let is_nan = |value: T| value.partial_cmp(&value).is_none();
    let mut best = 0;
    for (place, &value) in values.iter().enumerate() {
        if value > values[best] || (is_nan(values[best]) && !is_nan(value)) {
            best = place;
        }
    }
    best
}

/// Logarithms of the softmax probabilities, in f64. NaN in one logit is NaN in all of them.
pub fn log_softmax<T: Copy + Into<f64>>(logits: &[T]) -> Vec<f64> {
    let largest = logits
        .iter()
        .fold(f64::NEG_INFINITY, |largest, &l| largest.max(l.into()));
    let shifted: Vec<f64> = logits.iter().map(|&l| l.into() - largest).collect();
    let log_sum = shifted.iter().map(|s| s.exp()).sum::<f64>().ln();
    shifted.into_iter().map(|s| s - log_sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROKEN: Score = Score {
        accuracy: 1.0,
        loss: f64::NAN,
    };

    fn score(accuracy: f64, loss: f64) -> Score {
        Score { accuracy, loss }
    }

    #[test]
    fn accuracy_decides_before_loss_and_the_first_of_equals_stays() {
        let best = Some(score(0.5, 0.2));
        assert!(score(0.6, 9.0).beats(best));
        assert!(score(0.5, 0.1).beats(best));
        assert!(!score(0.5, 0.2).beats(best));
        assert!(!score(0.4, 0.0).beats(best));
        assert!(!score(0.5, -0.0).beats(Some(score(0.5, 0.0))));
    }

    #[test]
    fn what_is_not_a_number_never_wins_not_even_alone() {
        assert!(!BROKEN.beats(None));
        assert!(!score(f64::NAN, 0.1).beats(None));
        assert!(!BROKEN.beats(Some(score(0.0, f64::INFINITY))));
        assert!(score(0.0, f64::INFINITY).beats(Some(BROKEN)));
        assert_eq!(BROKEN.compare(score(0.0, 9.0)), Ordering::Less);
    }

    #[test]
    fn logits_with_a_nan_give_a_score_that_is_not_usable() {
        // Every answer right but for one logit of one wrong class.
        let logits = [vec![2.0, 0.0, 1.0], vec![0.0, 3.0, f32::NAN]];
        assert!(!Score::of_logits(&logits, &[0, 1]).is_usable());
        let usable = Score::of_logits(&[vec![2.0_f32, 0.0], vec![0.0, 2.0]], &[0, 0]);
        assert_eq!(usable.accuracy, 0.5);
        let expected = 1.0 + (1.0 + (-2.0_f64).exp()).ln();
        assert!((usable.loss - expected).abs() < 1e-9, "{usable:?}");
    }

    #[test]
    fn the_largest_value_is_the_first_of_equals_and_never_a_nan() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0, 2.0]), 1);
        assert_eq!(argmax(&[f32::NAN, -2.0, f32::NAN, -1.0]), 3);
        assert_eq!(argmax(&[f64::NEG_INFINITY, f64::NAN]), 0);
        assert_eq!(argmax(&[f64::NAN, f64::NEG_INFINITY]), 1);
        assert_eq!(argmax(&[f32::NAN; 3]), 0);
    }

    #[test]
    fn log_probabilities_sum_to_one_even_for_huge_logits() {
        let logs = log_softmax(&[1000.0_f32, 999.0, -1000.0]);
        let sum: f64 = logs.iter().map(|l| l.exp()).sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }
}
