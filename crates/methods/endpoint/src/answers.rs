//! What is kept of a server's answers, and what they say of a text.

use crate::interpret::{Manner, label_of};
use crate::masses::log_probabilities;
use adapt::{Answer, log_softmax};
use serde::{Deserialize, Serialize};

/// Characters that are kept of an answer: enough to see a label and too few to hold a task's texts.
pub(crate) const LONGEST_KEPT: usize = 200;

/// An answer in words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Said {
    /// The beginning of it.
    pub(crate) text: String,
    /// Whether it ended at the most tokens that were allowed.
    pub(crate) is_cut: bool,
    /// Whether the server or the model refused to answer.
    pub(crate) is_refused: bool,
    /// The likeliest tokens where the label begins, with ln p.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listed: Option<Vec<(String, f64)>>,
    /// The model that answered, as the server calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
}

/// Scores of several label words behind one text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scored {
    /// ln p of each word's tokens, summed; `None` where the server does not tell.
    pub(crate) sums: Option<Vec<f64>>,
    /// As above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<String>,
}

/// How an answer came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Scored,
    Read(Manner),
    NoLabel,
    Refused,
}

/// The class that was answered and, where the likeliest tokens agree with it, the probabilities.
pub(crate) fn of_words(said: &Said, words: &[String]) -> (Answer, How) {
    match label_of(&said.text, words, said.is_cut) {
        Some((class, manner)) => {
            let logs = said.listed.as_ref();
            let logs = logs.and_then(|listed| log_probabilities(listed, words));
            let answer = Answer {
                class: Some(class),
                log_probabilities: logs.filter(|logs| likeliest(logs) == class),
            };
            (answer, How::Read(manner))
        }
        None if said.is_refused => (Answer::default(), How::Refused),
        None => (Answer::default(), How::NoLabel),
    }
}

/// The likeliest class by its label word's probability.
pub(crate) fn of_scores(sums: &[f64]) -> (Answer, How) {
    let logs = log_softmax(sums);
    let answer = Answer {
        class: Some(likeliest(&logs)),
        log_probabilities: Some(logs),
    };
    (answer, How::Scored)
}

/// As scores in single precision have it, which is how predictions are written.
fn likeliest(logs: &[f64]) -> usize {
    let logs: Vec<f32> = logs.iter().map(|log| *log as f32).collect();
    task::argmax(&logs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str, listed: &[(&str, f64)]) -> Said {
        let listed = listed
            .iter()
            .map(|(token, p)| ((*token).to_owned(), p.ln()));
        Said {
            text: text.to_owned(),
            listed: Some(listed.collect()),
            ..Said::default()
        }
    }

    #[test]
    fn probabilities_stand_beside_the_answer_that_they_are_of() {
        let words = ["good", "bad"].map(str::to_owned);
        let (answer, how) = of_words(&said("bad", &[("bad", 0.75), ("good", 0.25)]), &words);
        assert_eq!((answer.class, how), (Some(1), How::Read(Manner::Exact)));
        let logs = answer.log_probabilities.unwrap();
        assert!((logs[1].exp() - 0.75).abs() < 1e-9, "{logs:?}");
        let (other, _) = of_words(&said("bad", &[("good", 0.75), ("bad", 0.25)]), &words);
        assert_eq!((other.class, other.log_probabilities), (Some(1), None));
        let (none, how) = of_words(&said("hm", &[("good", 0.75)]), &words);
        assert_eq!((none, how), (Answer::default(), How::NoLabel));
    }

    #[test]
    fn scores_are_probabilities_among_the_classes() {
        let (answer, how) = of_scores(&[-3.0, -1.0, -2.0]);
        assert_eq!((answer.class, how), (Some(1), How::Scored));
        let sum: f64 = answer
            .log_probabilities
            .unwrap()
            .into_iter()
            .map(f64::exp)
            .sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }
}
