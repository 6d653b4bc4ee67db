//! Which tokens of two tokenizers stand for the same characters of a text: the finest common pieces, in most places words.

use std::ops::Range;

/// Tokens that cover the same characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    /// Places of the student's.
    pub(crate) student: Range<usize>,
    /// Places of the teacher's.
    pub(crate) teacher: Range<usize>,
}

/// A token's place among the tokens and its bytes in the text.
#[derive(Clone, Debug)]
struct Piece {
    at: usize,
    bytes: Range<usize>,
}

/// The pieces of `text` at whose ends both tokenizers end a token. Special tokens have no span; white space at the ends of a span does not count
/// (byte-level tokens hold the space before a word); what only one of the two reads is left out.
pub(crate) fn align(
    text: &str,
    student: &[Option<Range<usize>>],
    teacher: &[Option<Range<usize>>],
) -> Vec<Shared> {
    let (student, teacher) = (pieces(text, student), pieces(text, teacher));
    let mut shared = Vec::new();
    let (mut i, mut j) = (0, 0);
    while i < student.len() && j < teacher.len() {
        let (own, other) = (&student[i].bytes, &teacher[j].bytes);
        if own.end <= other.start {
            i += 1;
        } else if other.end <= own.start {
            j += 1;
        } else {
            let (first, first_other) = (i, j);
            let (mut end, mut end_other) = (own.end, other.end);
            i += 1;
            j += 1;
            // Several tokens may stand for the bytes of one character: then they overlap.
            loop {
                let next = student.get(i);
                let next_other = teacher.get(j);
                if let Some(next) = next
                    && (end < end_other || next.bytes.start < end)
                {
                    end = end.max(next.bytes.end);
                    i += 1;
                } else if let Some(next) = next_other
                    && (end_other < end || next.bytes.start < end_other)
                {
                    end_other = end_other.max(next.bytes.end);
                    j += 1;
                } else {
                    break;
                }
            }
            if end == end_other {
                shared.push(Shared {
                    student: places(&student[first..i]),
                    teacher: places(&teacher[first_other..j]),
                });
            }
        }
    }
    shared
}

fn places(pieces: &[Piece]) -> Range<usize> {
    pieces[0].at..pieces[pieces.len() - 1].at + 1
}

fn pieces(text: &str, spans: &[Option<Range<usize>>]) -> Vec<Piece> {
    let pieces = spans.iter().enumerate().filter_map(|(at, span)| {
        let span = span.clone()?;
        let own = text.get(span.clone())?;
        let start = span.start + (own.len() - own.trim_start().len());
        let bytes = start..start + own.trim().len();
        (!bytes.is_empty()).then_some(Piece { at, bytes })
    });
    pieces.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `aligned(text, ["[CLS]", "un", "happy", ..], ..)`: spans of tokens as they come in the text, `[..]` for special ones.
    fn spans(text: &str, tokens: &[&str]) -> Vec<Option<Range<usize>>> {
        let mut from = 0;
        let one = |token: &&str| {
            if token.starts_with('[') {
                return None;
            }
            let at = from + text[from..].find(token).expect("in the text");
            from = at + token.len();
            Some(at..from)
        };
        tokens.iter().map(one).collect()
    }

    fn aligned(text: &str, student: &[&str], teacher: &[&str]) -> Vec<[Range<usize>; 2]> {
        let shared = align(text, &spans(text, student), &spans(text, teacher));
        shared
            .into_iter()
            .map(|shared| [shared.student, shared.teacher])
            .collect()
    }

    #[test]
    fn words_cut_in_other_places_are_matched_whole_and_common_cuts_are_kept() {
        let found = aligned(
            "unhappy refunds, now",
            &["[CLS]", "un", "happy", "ref", "unds", ",", "now", "[SEP]"],
            &[
                "[CLS]", "un", "happy", "refund", "s", ",", "n", "ow", "[SEP]",
            ],
        );
        let expected = [
            [1..2, 1..2],
            [2..3, 2..3],
            [3..5, 3..5],
            [5..6, 5..6],
            [6..7, 6..8],
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_space_that_belongs_to_a_token_does_not_count() {
        let found = aligned(
            "to be or",
            &["[CLS]", "to", "be", "or"],
            &["to", " be", " ", "or"],
        );
        assert_eq!(found, [[1..2, 0..1], [2..3, 1..2], [3..4, 3..4]]);
    }

    #[test]
    fn what_only_one_of_them_reads_is_left_out() {
        // The teacher was cut short after "b" and drops the sign before it.
        let found = aligned("a § b c", &["a", "§", "b", "c"], &["a", "b"]);
        assert_eq!(found, [[0..1, 0..1], [2..3, 1..2]]);
        // One token of the student's reaches beyond where the teacher ends.
        let found = aligned("a bc", &["a", "bc"], &["a", "b"]);
        assert_eq!(found, [[0..1, 0..1]]);
    }

    #[test]
    fn the_tokens_of_one_characters_bytes_stand_together() {
        let text = "x é y";
        let byte_level = [Some(0..1), Some(2..4), Some(2..4), Some(5..6)];
        let found = align(text, &spans(text, &["x", "é", "y"]), &byte_level);
        let expected = [(0..1, 0..1), (1..2, 1..3), (2..3, 3..4)];
        let expected = expected.map(|(student, teacher)| Shared { student, teacher });
        assert_eq!(found, expected);
    }
}
