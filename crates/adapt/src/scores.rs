//! What is required of texts and of their scores, whatever the method: texts of the kind that the model was adapted to, and numbers.

use crate::{Logits, PredictError};
use task::{Example, Split};

/// Whether the examples of a split are pairs of texts.
pub fn has_pairs(split: &Split) -> bool {
    split.iter().any(|example| example.second.is_some())
}

/// # Errors
/// The first row that is one text where the model was adapted to pairs, or the other way round.
pub fn require_kind(examples: &[Example], pairs: bool) -> Result<(), PredictError> {
    let other_kind = |example: &&Example| example.second.is_some() != pairs;
    match examples.iter().find(other_kind) {
        None => Ok(()),
        Some(example) => Err(PredictError::OtherKind {
            row: example.row,
            found: if pairs { "one text" } else { "a pair of texts" },
            expected: if pairs {
                "pairs of texts"
            } else {
                "single texts"
            },
        }),
    }
}

/// # Errors
/// The first row with a score that is NaN or infinite.
pub(crate) fn require_numbers(examples: &[Example], scores: &[Logits]) -> Result<(), PredictError> {
    let broken = |(_, scores): &(&Example, &Logits)| !scores.iter().all(|score| score.is_finite());
    match examples.iter().zip(scores).find(broken) {
        None => Ok(()),
        Some((example, scores)) => Err(PredictError::NotNumbers {
            row: example.row,
            value: scores
                .iter()
                .copied()
                .find(|score| !score.is_finite())
                .unwrap_or(f32::NAN),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(row: u64, second: Option<&str>) -> Example {
        Example {
            row,
            text: "one".to_owned(),
            second: second.map(str::to_owned),
            label: 0,
        }
    }

    #[test]
    fn a_row_of_the_other_kind_is_named() {
        let (single, pair) = (example(3, None), example(4, Some("two")));
        assert!(require_kind(std::slice::from_ref(&pair), true).is_ok());
        assert!(require_kind(std::slice::from_ref(&single), false).is_ok());
        let both = [single, pair];
        assert_eq!(
            require_kind(&both, true).unwrap_err().to_string(),
            "row 3 has one text, and the model was adapted to pairs of texts; give it what it was trained on"
        );
        assert_eq!(
            require_kind(&both, false).unwrap_err().to_string(),
            "row 4 has a pair of texts, and the model was adapted to single texts; give it what it was trained on"
        );
    }

    #[test]
    fn the_row_of_a_score_that_is_no_number_is_named() {
        let rows = [example(7, None), example(9, None)];
        for (wrong, said) in [
            (f32::NAN, "NaN"),
            (f32::INFINITY, "inf"),
            (f32::NEG_INFINITY, "-inf"),
        ] {
            let error = require_numbers(&rows, &[vec![0.5, -1.0], vec![0.1, wrong]]);
            let error = error.unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("a score of row 9 is {said}, ")),
                "{error}"
            );
        }
        assert!(require_numbers(&rows, &[vec![f32::MAX], vec![0.0]]).is_ok());
    }
}
