//! Probabilities of the classes from the likeliest tokens that a server lists for the beginning of a label.
//!
//! A token counts for the class whose label word it begins, or that it ends with marks. A class that no listed token begins has at most the
//! probability of the last that is listed, and its share of what the list leaves; it gets the smaller of the two. Where a token of more than
//! 1 % begins several label words, the list does not tell them apart, and there are no probabilities.

use adapt::log_softmax;

/// What a listed token may leave undecided.
const UNDECIDED: f64 = 0.01;

/// Logarithms of the probabilities of the classes; `None` where the list does not give them. `listed`: tokens with ln p.
pub(crate) fn log_probabilities(listed: &[(String, f64)], words: &[String]) -> Option<Vec<f64>> {
    let words: Vec<String> = words
        .iter()
        .map(|word| word.trim().to_lowercase())
        .collect();
    let mut masses = vec![0.0; words.len()];
    let mut left = 1.0;
    for (token, log) in listed {
        let probability = log.exp();
        left -= probability;
        match begun(token, &words)[..] {
            [class] => masses[class] += probability,
            [] => {}
            _ if probability > UNDECIDED => return None,
            _ => {}
        }
    }
    let missing = masses.iter().filter(|mass| **mass == 0.0).count();
    if missing == masses.len() {
        return None;
    }
    let last = listed
        .iter()
        .map(|(_, log)| *log)
        .fold(f64::INFINITY, f64::min);
    let rest = f64::max(left, f64::MIN_POSITIVE) / missing.max(1) as f64;
    let at_most = rest.ln().min(last);
    let logs: Vec<f64> = masses
        .iter()
        .map(|mass| if *mass > 0.0 { mass.ln() } else { at_most })
        .collect();
    let logs = log_softmax(&logs);
    logs.iter().all(|log| log.is_finite()).then_some(logs)
}

/// The classes whose words a token begins.
fn begun(token: &str, words: &[String]) -> Vec<usize> {
    let token = token.trim_start().to_lowercase();
    let ended = token.trim_end_matches(|c: char| c.is_ascii_punctuation() || c.is_whitespace());
    if ended.is_empty() {
        return Vec::new();
    }
    // A whole word is itself, also where it begins a longer one.
    if let Some(class) = words.iter().position(|word| word == ended) {
        return vec![class];
    }
    (0..words.len())
        .filter(|class| words[*class].starts_with(ended))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(listed: &[(&str, f64)]) -> Option<Vec<f64>> {
        let words = ["positive", "negative", "neutral"].map(str::to_owned);
        let listed: Vec<(String, f64)> = listed
            .iter()
            .map(|(token, p)| ((*token).to_owned(), p.ln()))
            .collect();
        let logs = log_probabilities(&listed, &words)?;
        Some(logs.into_iter().map(f64::exp).collect())
    }

    fn near(found: Option<Vec<f64>>, expected: [f64; 3]) {
        let found = found.unwrap();
        let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
        assert!(worst.fold(0.0, f64::max) < 1e-9, "{found:?}, {expected:?}");
    }

    #[test]
    fn tokens_count_for_the_words_that_they_begin() {
        let found = of(&[
            (" pos", 0.5),
            ("Positive", 0.125),
            ("neg", 0.25),
            ("neut\"", 0.0625),
            ("The", 0.0625),
        ]);
        let sum = 0.9375;
        near(found, [0.625 / sum, 0.25 / sum, 0.0625 / sum]);
    }

    #[test]
    fn an_unlisted_class_has_no_more_than_the_last_and_its_share_of_the_rest() {
        // The rest of 0.25 is shared by two; the last that is listed has less.
        let sum = 0.75 + 2.0 * 0.0625;
        near(
            of(&[("positive", 0.6875), ("pos", 0.0625)]),
            [0.75 / sum, 0.0625 / sum, 0.0625 / sum],
        );
        // The share of the rest is less than the last.
        let sum = 0.75 + 0.1875 + 0.0625;
        near(
            of(&[("positive", 0.75), ("neg", 0.1875)]),
            [0.75 / sum, 0.1875 / sum, 0.0625 / sum],
        );
    }

    #[test]
    fn what_does_not_tell_the_classes_apart_gives_no_probabilities() {
        assert_eq!(of(&[("ne", 0.5), ("pos", 0.25)]), None);
        assert!(of(&[("ne", 0.005), ("pos", 0.25)]).is_some());
        assert_eq!(of(&[("Sure", 0.9), ("\n", 0.05)]), None);
        assert_eq!(of(&[]), None);
    }
}
