//! The texts most like one that is asked, in front of it: what a prompt with retrieved demonstrations looks like (Liu et al. 2022, *KATE*,
//! arXiv:2101.06804), and what makes looking at more than the last label worth learning.

use super::Named;
use crate::sentences::normal_words;
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;

/// Texts of a class among which the nearest are looked for.
const CANDIDATES: usize = 12;
/// Demonstrations of one question.
const SHOWN: std::ops::RangeInclusive<usize> = 1..=8;

/// Texts with their classes' places: the nearest of some texts of all classes, the nearest last, and then the one that is asked.
pub(super) fn nearest<'t>(classes: &[Named<'t>], random: &mut ChaCha8Rng) -> Vec<(&'t str, usize)> {
    let mut candidates: Vec<(&str, usize)> = Vec::new();
    for (at, class) in classes.iter().enumerate() {
        let some = class.texts.choose_multiple(random, CANDIDATES);
        candidates.extend(some.map(|text| (*text, at)));
    }
    candidates.shuffle(random); // Those that are equally near stand in any order.
    let Some(asked) = candidates.pop() else {
        return Vec::new();
    };
    let words = |text: &str| -> HashSet<u64> { normal_words(text).into_iter().collect() };
    let own = words(asked.0);
    // Shared words over words of both (Jaccard).
    let likeness = |text: &str| {
        let other = words(text);
        let shared = own.intersection(&other).count();
        shared as f64 / (own.len() + other.len() - shared).max(1) as f64
    };
    let mut by_likeness: Vec<(f64, (&str, usize))> = candidates
        .into_iter()
        .map(|candidate| (likeness(candidate.0), candidate))
        .collect();
    by_likeness.sort_by(|a, b| a.0.total_cmp(&b.0));
    let shown = random.random_range(SHOWN).min(by_likeness.len());
    let last = by_likeness.split_off(by_likeness.len() - shown);
    last.into_iter()
        .map(|(_, candidate)| candidate)
        .chain([asked])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::random;

    #[test]
    fn the_texts_most_like_the_one_asked_stand_before_it_the_nearest_last() {
        let class = |label: &str, texts: &[&'static str]| Named {
            label: label.to_owned(),
            texts: texts.to_vec(),
            shown: Vec::new(),
        };
        let classes = [
            class("red", &["one two three four", "one two three", "nine ten"]),
            class("blue", &["one eleven twelve", "seven eight"]),
        ];
        let mut longest = 0;
        for number in 0..60 {
            let found = nearest(&classes, &mut random(8, "nearest", number));
            longest = longest.max(found.len());
            let (asked, _) = *found.last().unwrap();
            let texts: HashSet<&str> = found.iter().map(|(text, _)| *text).collect();
            assert_eq!(texts.len(), found.len(), "no text stands twice");
            for (text, at) in &found {
                assert!(classes[*at].texts.contains(text));
            }
            if asked == "one two three four" {
                assert_eq!(found[found.len() - 2], ("one two three", 0));
                if found.len() > 2 {
                    assert_eq!(found[found.len() - 3], ("one eleven twelve", 1));
                }
            }
        }
        assert_eq!(
            longest, 5,
            "all texts are shown where that many are asked for"
        );
    }
}
