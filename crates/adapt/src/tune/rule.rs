//! What is better in a search: the one rule by which learning rates and epochs are chosen.
//!
//! The loss decides, not the accuracy: on some hundred validation examples the accuracies of good settings differ by a handful of examples,
//! and their order is that of chance; the loss uses every example's probability. It is taken at the temperature that fits the answers
//! best, so that a model is not worse for being too sure. Checkpoints within one training are chosen by
//! [`Score`](crate::Score).

use crate::Score;
use std::cmp::Ordering;

/// The mean of a candidate's scores over the search seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanScore {
    /// Mean negative log-likelihood on the validation split, in nats.
    pub loss: f64,
    /// Share of right answers.
    pub accuracy: f64,
}

impl MeanScore {
    /// `None` where a training failed or a score is no number: such a candidate is never chosen.
    pub fn of(scores: &[Option<Score>]) -> Option<Self> {
        let usable: Vec<Score> = scores
            .iter()
            .flatten()
            .copied()
            .filter(|score| score.is_usable())
            .collect();
        let n = usable.len() as f64;
        let mean = |of: fn(&Score) -> f64| usable.iter().map(of).sum::<f64>() / n;
        (!usable.is_empty() && usable.len() == scores.len()).then(|| Self {
            loss: mean(|score| score.loss),
            accuracy: mean(|score| score.accuracy),
        })
    }

    /// The order of all candidates, worst first: by loss, then by accuracy.
    pub fn compare(self, other: Self) -> Ordering {
        // 0 and -0 are the same loss.
        let loss = (other.loss + 0.0).total_cmp(&(self.loss + 0.0));
        loss.then_with(|| self.accuracy.total_cmp(&other.accuracy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(loss: f64, accuracy: f64) -> Option<Score> {
        Some(Score { accuracy, loss })
    }

    fn mean(loss: f64, accuracy: f64) -> MeanScore {
        MeanScore { loss, accuracy }
    }

    #[test]
    fn the_loss_decides_and_accuracy_breaks_ties() {
        assert!(mean(0.4, 0.5).compare(mean(0.5, 0.9)).is_gt());
        assert!(mean(0.4, 0.6).compare(mean(0.4, 0.5)).is_gt());
        assert!(mean(0.0, 0.5).compare(mean(-0.0, 0.5)).is_eq());
    }

    #[test]
    fn one_failed_or_unusable_training_makes_a_candidate_unusable() {
        assert_eq!(
            MeanScore::of(&[score(0.2, 0.5), score(0.4, 1.0)]),
            Some(mean(0.3, 0.75)).map(|m| MeanScore {
                loss: (0.2 + 0.4) / 2.0,
                ..m
            })
        );
        assert_eq!(MeanScore::of(&[score(0.2, 1.0), None]), None);
        assert_eq!(
            MeanScore::of(&[score(0.2, 1.0), score(f64::NAN, 1.0)]),
            None
        );
        assert_eq!(MeanScore::of(&[]), None);
    }
}
