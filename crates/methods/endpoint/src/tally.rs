//! What the answers took and how they came about, counted.

use crate::answers::How;
use crate::interpret::Manner;
use adapt::Usage;
use remote::{Answered, Tokens};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What one call took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Call {
    tokens: Tokens,
    usd: Option<f64>,
    seconds: f64,
    failed: u32,
    is_kept: bool,
}

impl Call {
    pub(crate) fn of<T>(answered: &Answered<T>) -> Self {
        Self {
            tokens: answered.tokens,
            usd: answered.usd,
            seconds: answered.seconds,
            failed: answered.failed,
            is_kept: answered.is_kept,
        }
    }
}

/// How many texts were answered in which way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// By the score of every label word.
    pub(crate) scored: u64,
    /// With a label word.
    pub(crate) said: u64,
    /// With more words, among them one label word.
    pub(crate) said_within_more: u64,
    /// With the beginning of one label word.
    pub(crate) said_in_part: u64,
    /// With something that is no label.
    pub(crate) no_label: u64,
    /// Not, because the server or the model refused.
    pub(crate) refused: u64,
    /// Not, because the text is longer than the model reads.
    pub(crate) too_long: u64,
    /// Not, because every attempt failed.
    pub(crate) unanswered: u64,
    /// With a label and without probabilities that agree.
    pub(crate) without_probabilities: u64,
    /// With less than the whole text sent, where token ids are sent.
    pub(crate) cut: u64,
}

/// Sums over everything that was asked since the fit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    calls: u64,
    kept_calls: u64,
    failed_calls: u64,
    input: u64,
    output: u64,
    uncounted: u64,
    usd: f64,
    unpriced: u64,
    seconds: Vec<f64>,
    answered_by: BTreeSet<String>,
}

impl Tally {
    /// A text's answer.
    pub(crate) fn text(
        &mut self,
        how: How,
        has_probabilities: bool,
        calls: &[Call],
        by: Option<&str>,
    ) {
        let count = match how {
            How::Scored => &mut self.counts.scored,
            How::Read(Manner::Exact) => &mut self.counts.said,
            How::Read(Manner::Within) => &mut self.counts.said_within_more,
            How::Read(Manner::Begun) => &mut self.counts.said_in_part,
            How::NoLabel => &mut self.counts.no_label,
            How::Refused => &mut self.counts.refused,
        };
        *count += 1;
        let is_label = !matches!(how, How::NoLabel | How::Refused);
        self.counts.without_probabilities += u64::from(is_label && !has_probabilities);
        for call in calls {
            self.calls += 1;
            self.kept_calls += u64::from(call.is_kept);
            self.failed_calls += u64::from(call.failed);
            match (call.tokens.input, call.tokens.output) {
                (Some(input), Some(output)) => {
                    self.input += input;
                    self.output += output;
                }
                _ => self.uncounted += 1,
            }
            match call.usd {
                Some(usd) => self.usd += usd,
                None => self.unpriced += 1,
            }
        }
        self.seconds
            .push(calls.iter().map(|call| call.seconds).sum());
        self.answered_by.extend(by.map(str::to_owned));
    }

    /// Attempts without an answer.
    pub(crate) fn failed(&mut self, attempts: u32) {
        self.failed_calls += u64::from(attempts);
    }

    pub(crate) fn usage(&self) -> Usage {
        let counted = |count: u64| (self.uncounted == 0).then_some(count);
        Usage {
            calls: self.calls,
            failed_calls: self.failed_calls,
            input_tokens: counted(self.input),
            output_tokens: counted(self.output),
            cost_usd: (self.unpriced == 0).then_some(self.usd),
            kept_calls: self.kept_calls,
            seconds: self.seconds.clone(),
        }
    }

    pub(crate) fn answered_by(&self) -> Value {
        json!(self.answered_by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(input: Option<u64>, usd: Option<f64>) -> Call {
        Call {
            tokens: Tokens {
                input,
                output: Some(2),
            },
            usd,
            seconds: 0.5,
            failed: 1,
            is_kept: false,
        }
    }

    #[test]
    fn a_count_that_one_answer_lacks_is_missing_and_not_too_small() {
        let mut tally = Tally::default();
        let two = [call(Some(10), Some(0.25)), call(Some(20), Some(0.25))];
        tally.text(How::Scored, true, &two, Some("m"));
        let usage = tally.usage();
        assert_eq!((usage.calls, usage.failed_calls), (2, 2));
        assert_eq!(
            (usage.input_tokens, usage.output_tokens),
            (Some(30), Some(4))
        );
        assert_eq!(
            (usage.cost_usd, &usage.seconds[..]),
            (Some(0.5), &[1.0][..])
        );
        tally.text(How::NoLabel, false, &[call(None, None)], Some("m"));
        let usage = tally.usage();
        assert_eq!((usage.input_tokens, usage.cost_usd), (None, None));
        assert_eq!(
            (tally.counts.no_label, tally.counts.without_probabilities),
            (1, 0)
        );
    }
}
