//! Answering only where the model is sure enough: which share of the texts that is at a given error, the rest going to a person.
//!
//! A threshold on the probability of the predicted class that is chosen and measured on the same texts looks better than it is. The test split is
//! therefore parted in two halves, the same for every trial: on one the threshold is chosen, the lowest at which the error among the answered is
//! shown to be within what is allowed (its one-sided 95 % limit; selection with guaranteed risk, Geifman & El-Yaniv 2017), and on the other the
//! share answered and their error are measured; then the other way round.

use crate::run::Arm;
use crate::statistics::{self, Answers, ErrorsAllowed, Share};
use record::Predictions;
use std::cell::RefCell;

/// The error that the column `coverage_at_5_percent_error` allows.
pub(crate) const COLUMN_ERROR: f64 = 0.05;

/// One text: its row, the logarithm of the predicted class's probability, whether the prediction is right.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Answer {
    row: u64,
    sureness: f64,
    right: bool,
}

/// What an arm answers within an error, over its seeds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Selected {
    /// Answered or left, by seed and row.
    pub(crate) answered: Answers,
    /// Share answered.
    pub(crate) coverage: Share,
    /// Share of wrong ones among the answered; `None` where none is.
    pub(crate) error: Option<Share>,
}

/// Of the trials of `arm`; `None` where one has no predictions with probabilities.
pub(crate) fn select(arm: &Arm<'_>, most_error: f64) -> Option<Selected> {
    let mut answered = Vec::new();
    let mut wrong = Vec::new();
    for trial in arm.finished() {
        let kept = answered_rows(trial.predictions.as_ref()?, most_error)?;
        let seed = trial.record.spec.seed;
        let of = |is: fn(&(u64, Option<bool>)) -> bool| kept.iter().map(|k| (k.0, is(k))).collect();
        answered.push((seed, of(|(_, right)| right.is_some())));
        wrong.push((seed, of(|(_, right)| *right == Some(false))));
    }
    let [answered, wrong] = [answered, wrong].map(Answers::new);
    Some(Selected {
        coverage: statistics::share(&answered)?,
        error: statistics::ratio(&wrong, &answered),
        answered,
    })
}

/// The share that one trial answers within `most_error`; `None` without probabilities.
pub(crate) fn coverage(predictions: &Predictions, most_error: f64) -> Option<f64> {
    let rows = answered_rows(predictions, most_error)?;
    let answered = rows.iter().filter(|(_, right)| right.is_some()).count();
    (!rows.is_empty()).then(|| answered as f64 / rows.len() as f64)
}

/// Each row, with whether its answer is right where it is answered.
fn answered_rows(predictions: &Predictions, most_error: f64) -> Option<Vec<(u64, Option<bool>)>> {
    let answers = predictions
        .sureness()?
        .into_iter()
        .map(|(row, right, sureness)| Answer {
            row,
            sureness,
            right,
        });
    let mut answers: Vec<Answer> = answers.collect();
    answers.sort_by_key(|answer| (shuffled(answer.row), answer.row));
    let half = |which: usize| -> Vec<Answer> {
        let other = answers.iter().enumerate().filter(|(at, _)| at % 2 == which);
        other.map(|(_, answer)| *answer).collect()
    };
    let halves = [half(0), half(1)];
    let mut rows = Vec::with_capacity(answers.len());
    for (chosen_on, measured_on) in [(0, 1), (1, 0)] {
        let threshold = with_allowed(most_error, |allowed| threshold(&halves[chosen_on], allowed));
        rows.extend(halves[measured_on].iter().map(|answer| {
            let sure = threshold.is_some_and(|threshold| answer.sureness >= threshold);
            (answer.row, sure.then_some(answer.right))
        }));
    }
    Some(rows)
}

/// `of` the errors that are allowed, kept from trial to trial: a run asks about one share all the time.
fn with_allowed<T>(most_error: f64, of: impl FnOnce(&mut ErrorsAllowed) -> T) -> T {
    thread_local! {
        static LAST: RefCell<Option<(f64, ErrorsAllowed)>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| {
        let known = last.take().filter(|(share, _)| *share == most_error);
        let (_, allowed) =
            last.insert(known.unwrap_or_else(|| (most_error, ErrorsAllowed::new(most_error))));
        of(allowed)
    })
}

/// The lowest sureness from which on the error is shown to be within what is allowed; `None` where none is high enough.
fn threshold(half: &[Answer], allowed: &mut ErrorsAllowed) -> Option<f64> {
    let mut surest_first = half.to_vec();
    surest_first.sort_by(|a, b| b.sureness.total_cmp(&a.sureness));
    let mut errors = half.iter().filter(|answer| !answer.right).count() as u64;
    let mut next: Option<Answer> = None;
    for (at, answer) in surest_first.iter().enumerate().rev() {
        let n = at as u64 + 1;
        // Equally sure ones are answered together.
        let more_alike = next.is_some_and(|next| next.sureness == answer.sureness);
        if !more_alike && allowed.are(errors, n) {
            return Some(answer.sureness);
        }
        errors -= u64::from(!answer.right);
        next = Some(*answer);
    }
    None
}

/// A number by which rows are parted: a split may be in the order of its classes, or alternate between them (SplitMix64's mixing).
fn shuffled(row: u64) -> u64 {
    let z = row.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use record::Prediction;

    /// Sureness evenly from 0.5 to 1, and right as often as it says.
    fn calibrated(random: &mut ChaCha8Rng, rows: u64) -> Predictions {
        of_rows(&calibrated_rows(random, rows))
    }

    fn of_rows(rows: &[Prediction]) -> Predictions {
        Predictions::of(vec!["a".to_owned(), "b".to_owned()], rows).unwrap()
    }

    fn calibrated_rows(random: &mut ChaCha8Rng, rows: u64) -> Vec<Prediction> {
        let row = |row| {
            let p: f64 = 0.5 + 0.5 * random.random::<f64>();
            let right = random.random_bool(p);
            Prediction {
                row,
                label: if right { "a" } else { "b" }.to_owned(),
                predicted: "a".to_owned(),
                log_probabilities: vec![p.ln(), (1.0 - p).ln()],
            }
        };
        (0..rows).map(row).collect()
    }

    #[test]
    fn many_texts_are_answered_as_far_as_theory_says() {
        // Surest first, the error of a share c answered is c / 4: 5 % at c = 0.2.
        let found = coverage(
            &calibrated(&mut ChaCha8Rng::seed_from_u64(3), 200_000),
            0.05,
        );
        assert!((found.unwrap() - 0.2).abs() < 0.02, "{found:?}");
    }

    #[test]
    fn the_error_measured_on_the_other_half_keeps_to_what_is_allowed() {
        let mut random = ChaCha8Rng::seed_from_u64(4);
        let (mut above, mut answered) = (0, 0);
        for _ in 0..300 {
            let rows = answered_rows(&calibrated(&mut random, 2000), 0.1).unwrap();
            let kept: Vec<bool> = rows.iter().filter_map(|(_, right)| *right).collect();
            let wrong = kept.iter().filter(|right| !**right).count();
            answered += kept.len();
            above += u32::from(wrong as f64 > 0.1 * kept.len() as f64);
        }
        // A threshold at the observed error would be above in half of them.
        assert!(above <= 30, "{above} of 300");
        assert!(answered > 300 * 2000 / 5, "{answered}");
    }

    #[test]
    fn a_half_is_never_measured_by_the_threshold_chosen_on_it() {
        let mut order: Vec<u64> = (0..200).collect();
        order.sort_by_key(|row| shuffled(*row));
        let row = |(at, row): (usize, u64)| Prediction {
            row,
            // All of one half is right, all of the other wrong.
            label: if at % 2 == 0 { "a" } else { "b" }.to_owned(),
            predicted: "a".to_owned(),
            log_probabilities: vec![-0.1, -2.3],
        };
        let rows: Vec<Prediction> = order.into_iter().enumerate().map(row).collect();
        let predictions = of_rows(&rows);
        let rows = answered_rows(&predictions, 0.05).unwrap();
        let right: Vec<bool> = rows.iter().filter_map(|(_, right)| *right).collect();
        assert_eq!(right, vec![false; 100]);
    }

    #[test]
    fn too_few_texts_show_nothing_and_missing_probabilities_are_missing() {
        let mut few = calibrated_rows(&mut ChaCha8Rng::seed_from_u64(5), 60);
        assert_eq!(coverage(&of_rows(&few), 0.05), Some(0.0));
        few[7].log_probabilities[0] = f64::NAN;
        assert_eq!(coverage(&of_rows(&few), 0.05), None);
        assert_eq!(coverage(&Predictions::default(), 0.05), None);
    }

    #[test]
    fn the_equally_sure_are_answered_together_or_not_at_all() {
        let mut rows = calibrated_rows(&mut ChaCha8Rng::seed_from_u64(6), 1000);
        for row in &mut rows {
            row.log_probabilities = vec![0.0, f64::NEG_INFINITY];
        }
        let predictions = of_rows(&rows);
        assert_eq!(coverage(&predictions, 0.05), Some(0.0));
        assert_eq!(coverage(&predictions, 0.5), Some(1.0));
    }
}
