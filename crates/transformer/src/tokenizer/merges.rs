//! The merges of a BPE vocabulary that lists only its pieces: every way to put a piece together from two others, in the order in which
//! transformers takes them (`generate_merges`).

use std::cmp::Reverse;
use std::collections::HashMap;

/// A piece and the two that make it.
struct Pair<'a> {
    left: &'a str,
    right: &'a str,
    /// Place of the piece that they make.
    whole: usize,
    /// Letters of `left` and `right`.
    letters: (usize, usize),
}

/// Pieces in the order of their ids: a piece is made before those behind it.
pub(crate) fn by_id(pieces: &[&str]) -> Vec<(String, String)> {
    texts(pairs(pieces).iter())
}

/// Pieces with scores: the higher one is made first; of equal ones that from the longer first part.
pub(crate) fn by_score(pieces: &[(String, f32)]) -> Vec<(String, String)> {
    let words: Vec<&str> = pieces.iter().map(|(piece, _)| piece.as_str()).collect();
    let mut all = pairs(&words);
    // Stable: pieces of one score stay in the order of their ids.
    all.sort_by(|a, b| {
        let (first, second) = (pieces[a.whole].1, pieces[b.whole].1);
        second
            .total_cmp(&first)
            .then_with(|| Reverse(a.letters).cmp(&Reverse(b.letters)))
    });
    texts(all.iter())
}

/// In the order of the pieces they make, the shorter first part first.
fn pairs<'a>(pieces: &[&'a str]) -> Vec<Pair<'a>> {
    let places = pieces.iter().enumerate();
    let places: HashMap<&str, usize> = places.map(|(at, piece)| (*piece, at)).collect();
    let mut all = Vec::new();
    for (whole, piece) in pieces.iter().enumerate() {
        // Of a piece that stands there twice, the later place is its id.
        if places[piece] != whole {
            continue;
        }
        let letters = piece.chars().count();
        let inner = piece.char_indices().enumerate().skip(1);
        all.extend(inner.filter_map(|(before, (at, _))| {
            let (left, right) = piece.split_at(at);
            let known = places.contains_key(left) && places.contains_key(right);
            known.then_some(Pair {
                left,
                right,
                whole,
                letters: (before, letters - before),
            })
        }));
    }
    all
}

fn texts<'a>(pairs: impl Iterator<Item = &'a Pair<'a>>) -> Vec<(String, String)> {
    pairs
        .map(|pair| (pair.left.to_owned(), pair.right.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pairs: &[(String, String)]) -> Vec<String> {
        pairs.iter().map(|(a, b)| format!("{a}+{b}")).collect()
    }

    #[test]
    fn ids_say_which_piece_is_made_first() {
        let pieces = ["abc", "a", "b", "c", "bc", "ab", "é", "aé"];
        let expected = ["a+bc", "ab+c", "b+c", "a+b", "a+é"];
        assert_eq!(shown(&by_id(&pieces)), expected);
        // The later of two equal pieces counts.
        assert_eq!(shown(&by_id(&["ab", "a", "b", "bb", "ab"])), ["b+b", "a+b"]);
    }

    #[test]
    fn scores_say_it_and_the_longer_first_part_of_equal_ones() {
        let pieces = [
            ("a", 0.0),
            ("b", 0.0),
            ("c", 0.0),
            ("ab", -2.0),
            ("bc", -1.0),
            ("abc", -2.0),
            ("cab", -2.0),
        ];
        let pieces = pieces.map(|(piece, score)| (piece.to_owned(), score));
        // As Python's sorted(key=(score, letters left, letters right), reverse=True).
        let expected = ["b+c", "ab+c", "a+bc", "c+ab", "a+b"];
        assert_eq!(shown(&by_score(&pieces)), expected);
    }
}
