//! Tests: a text that is tokenized in pieces has the tokens that it has as a whole, for every folder of
//! `tests/fixtures/tokenizers.json` and `sentencepiece.json` and every oracle.

use tokenizers::{TruncationParams, TruncationStrategy, truncate_encodings};

use super::reference::{fixture, json_cases, piece_cases, shape};
use super::*;
use crate::config::Config;

/// Every tokenizer of the fixtures, by name.
fn all() -> Vec<(String, Tokenizer)> {
    let families = ["bert", "distilbert", "roberta", "gpt2", "llama"];
    let oracle = |family: &str| {
        let dir = fixture("oracle").join(family);
        let config = Config::read(&dir).unwrap();
        let read = Tokenizer::read(&dir, &shape(family), &config);
        (family.to_owned(), read.unwrap())
    };
    let mut all: Vec<_> = families.map(oracle).into();
    let cases = json_cases().into_iter().chain(piece_cases());
    all.extend(cases.filter_map(|case| Some((case.name, case.folder.read().ok()?))));
    all
}

/// Words of several scripts, tokens that are added, and spaces of every kind, drawn by a generator of 64 bits.
fn text(seed: u64, words: usize) -> String {
    const WORDS: [&str; 26] = [
        "the",
        "film",
        "good",
        "GOOD",
        "it's",
        "x",
        "1",
        "2024",
        "3.5",
        "a",
        "café",
        "Кино",
        "плохо",
        "東京",
        "映",
        "हिन्दी",
        "<ent>",
        "<new>",
        "[MASK]",
        "<mask>",
        "</s>",
        "ﷺ",
        "½",
        "e\u{301}",
        "🎬",
        "(the)",
    ];
    const SPACES: [&str; 14] = [
        " ", " ", " ", " ", " ", " ", " ", " ", "  ", "\n", "\t", " , ", "", "\u{a0}",
    ];
    let mut state = seed;
    let mut draw = |n: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    (0..words).fold(String::new(), |text, _| {
        text + WORDS[draw(WORDS.len())] + SPACES[draw(SPACES.len())]
    })
}

#[test]
fn pieces_have_the_tokens_of_the_whole() {
    let (mut cut, all) = (0, all());
    for (name, tokenizer) in &all {
        cut += usize::from(!matches!(tokenizer.cuts, Cuts::Nowhere(_)));
        for seed in 0..3 {
            let text = text(seed, 200);
            let whole = tokenizer.inner.encode_fast(text.as_str(), false).unwrap();
            let pieces = tokenizer.encode_plain(&text).unwrap();
            assert!(
                pieces == whole.get_ids(),
                "{name}, text {seed}: {:?}",
                tokenizer.cuts
            );
        }
    }
    assert!(
        all.len() > 150 && cut > all.len() - 10,
        "{cut} of {} can be cut",
        all.len()
    );
}

#[test]
fn texts_and_pairs_are_cut_on_either_side_as_the_library_cuts_them() {
    for (name, mut tokenizer) in all() {
        let (a, b) = (text(1, 60), text(2, 150));
        for (side, pair) in [
            (TruncationDirection::Right, None),
            (TruncationDirection::Right, Some(&b)),
            (TruncationDirection::Left, None),
            (TruncationDirection::Left, Some(&b)),
        ] {
            tokenizer.truncation = side;
            for max_length in [9, 64, usize::MAX] {
                let special = tokenizer.special_count(pair.is_some());
                let params = TruncationParams {
                    max_length: max_length - special,
                    direction: side,
                    strategy: TruncationStrategy::LongestFirst,
                    stride: 0,
                };
                let whole = |text: &str| tokenizer.inner.encode_fast(text, false).unwrap();
                let (first, second) = (whole(&a), pair.map(|b| whole(b)));
                let before = first.len() + second.as_ref().map_or(0, Encoding::len);
                let (mut first, mut second) = truncate_encodings(first, second, &params).unwrap();
                // What was cut off would be combined, each part with each.
                first.take_overflowing();
                second.as_mut().map(Encoding::take_overflowing);
                let after = first.len() + second.as_ref().map_or(0, Encoding::len);
                let expected = tokenizer.inner.post_process(first, second, true).unwrap();
                let found = tokenizer
                    .encode_one(&a, pair.map(String::as_str), max_length)
                    .unwrap();
                assert!(
                    found.ids == expected.get_ids(),
                    "{name}, {side:?}, {max_length}"
                );
                assert_eq!(
                    found.truncated_tokens,
                    before - after,
                    "{name}, {side:?}, {max_length}"
                );
            }
        }
    }
}
