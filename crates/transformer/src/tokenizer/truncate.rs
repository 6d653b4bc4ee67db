//! Which tokens stay of a text or pair that is too long.

use tokenizers::TruncationDirection;

/// How many tokens of each text of a pair stay within `room`: the longer one is cut first, down to the other's length. As
/// `TruncationStrategy::LongestFirst` of the library, which wants to see all tokens.
pub(super) fn longest_first(first: usize, second: usize, room: usize) -> (usize, usize) {
    if first + second <= room {
        return (first, second);
    }
    let shorter = first.min(second);
    if shorter <= room / 2 {
        let longer = room - shorter;
        return match first <= second {
            true => (shorter, longer),
            false => (longer, shorter),
        };
    }
    let half = room / 2;
    match first <= second {
        true => (half, room - half),
        false => (room - half, half),
    }
}

pub(super) fn cut(ids: &mut Vec<u32>, length: usize, side: TruncationDirection) {
    match side {
        TruncationDirection::Right => ids.truncate(length),
        TruncationDirection::Left => {
            ids.drain(..ids.len().saturating_sub(length));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoding;
    use super::*;
    use tokenizers::{TruncationParams, TruncationStrategy, truncate_encodings};

    #[test]
    fn the_longer_text_of_a_pair_is_cut_as_the_library_cuts_it() {
        for (first, second, room) in itertools(9) {
            let cut = TruncationParams {
                max_length: room,
                strategy: TruncationStrategy::LongestFirst,
                direction: TruncationDirection::Right,
                stride: 0,
            };
            let ids = |n: usize| encoding(vec![1; n]);
            let (a, b) = truncate_encodings(ids(first), Some(ids(second)), &cut).unwrap();
            let found = longest_first(first, second, room);
            assert_eq!(
                found,
                (a.len(), b.unwrap().len()),
                "{first} {second} {room}"
            );
            let (a, _) = truncate_encodings(ids(first), None, &cut).unwrap();
            assert_eq!(longest_first(first, 0, room), (a.len(), 0));
        }
    }

    /// Every triple below `n`, the last from 1.
    fn itertools(n: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        (0..n * n * n).map(move |i| (i / n / n, i / n % n, i % n + 1))
    }
}
