//! The lines of a ledger: one JSON object each.

use crate::price::Tokens;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// A call is about to be sent that may cost so much.
    Reserved { ticket: String, usd: f64 },
    /// What a call has cost; one that was reserved and never settled may have cost all of it.
    Settled { ticket: String, usd: f64 },
    /// An answer, by the digest of its request.
    Answer { request: String, kept: Kept },
    /// The most that may be spent by all who write here, from now on.
    Limit { usd: f64 },
    /// Something learnt of a server.
    Fact { name: String, value: Value },
}

/// An answer with what it took. No text of the request is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// What was read of the answer.
    pub(crate) answer: Value,
    pub(crate) tokens: Tokens,
    /// `None` where the price or the tokens are not known.
    pub(crate) usd: Option<f64>,
    /// From sending the request that was answered to the answer's end.
    pub(crate) seconds: f64,
    /// How often it was sent.
    pub(crate) attempts: u32,
}

/// As it is written, with its end.
pub(crate) fn written(lines: &[Line]) -> String {
    let one = |line: &Line| serde_json::to_string(line).expect("a line serialises") + "\n";
    lines.iter().map(one).collect()
}

/// The whole lines at the beginning of `bytes` and how long they are together. What is no line, because a write was cut off, is passed over.
pub(crate) fn read(bytes: &[u8]) -> (Vec<Line>, usize) {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    let whole = whole.map_or(0, |end| end + 1);
    let lines = bytes[..whole].split(|byte| *byte == b'\n');
    let lines = lines.filter_map(|line| serde_json::from_slice(line).ok());
    (lines.collect(), whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_off_is_passed_over_and_its_end_waited_for() {
        let line = |n: u32| Line::Settled {
            ticket: n.to_string(),
            usd: 0.5,
        };
        let text = written(&[line(1)]) + "{\"settled\":{\"tic\n" + &written(&[line(2)]);
        let (lines, whole) = read(text.as_bytes());
        assert_eq!((lines, whole), (vec![line(1), line(2)], text.len()));
        let (lines, whole) = read(&text.as_bytes()[..text.len() - 1]);
        assert_eq!(lines, [line(1)]);
        assert!(whole < text.len() - 1);
    }
}
