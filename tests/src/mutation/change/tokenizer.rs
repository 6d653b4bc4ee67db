//! Changes of tokenizer.json that its parser takes: another component in the place of one, with settings that nobody has in mind.

use super::super::random::Draws;
use super::json;
use super::words::STRINGS;
use serde_json::{Value, json};

/// One component replaced or added; sometimes a general change on top.
pub(crate) fn change(text: &[u8], draws: &mut Draws) -> Vec<u8> {
    let Ok(mut document) = serde_json::from_slice::<Value>(text) else {
        return text.to_vec();
    };
    match draws.below(7) {
        0 | 1 => document["normalizer"] = sequence("normalizers", normalizer, draws),
        2 => document["pre_tokenizer"] = sequence("pretokenizers", pre_tokenizer, draws),
        3 => document["post_processor"] = post_processor(draws),
        4 => document["decoder"] = decoder(draws),
        5 => add_token(&mut document, draws),
        _ => change_model(&mut document, draws),
    }
    if draws.happens(0.2) {
        json::change_value(&mut document, &Value::Null, draws);
    }
    document.to_string().into_bytes()
}

/// One, or several in a row: each works on what the one before it gave.
fn sequence(list: &str, one: fn(&mut Draws) -> Value, draws: &mut Draws) -> Value {
    if draws.happens(0.5) {
        return one(draws);
    }
    let number = draws.size(40).max(1);
    let first = one(draws);
    let same = draws.happens(0.5);
    let all: Vec<Value> = (0..number)
        .map(|_| if same { first.clone() } else { one(draws) })
        .collect();
    json!({"type": "Sequence", list: all})
}

fn words(draws: &mut Draws) -> Value {
    let word: &&str = draws.one(&STRINGS);
    json!(word.repeat(draws.size(1000).max(1)))
}

fn pattern(draws: &mut Draws) -> Value {
    const REGEXES: [&str; 9] = [
        "",
        ".",
        "\\s+",
        "(a+)+$",
        "(?=a)",
        "[",
        "(?<x>a)\\k<x>",
        "^",
        "(a|aa)+$",
    ];
    if draws.happens(0.5) {
        let regex: &&str = draws.one(&REGEXES);
        json!({"Regex": regex})
    } else {
        json!({"String": words(draws)})
    }
}

fn normalizer(draws: &mut Draws) -> Value {
    let flag = |draws: &mut Draws| json!(draws.one(&[Some(true), Some(false), None]));
    match draws.below(8) {
        0 => {
            json!({"type": "BertNormalizer", "clean_text": draws.happens(0.5), "handle_chinese_chars": draws.happens(0.5),
            "strip_accents": flag(draws), "lowercase": draws.happens(0.5)})
        }
        1 | 2 => json!({"type": "Replace", "pattern": pattern(draws), "content": words(draws)}),
        3 => json!({"type": "Prepend", "prepend": words(draws)}),
        4 => {
            json!({"type": "Strip", "strip_left": draws.happens(0.5), "strip_right": draws.happens(0.5)})
        }
        5 => {
            let kind: &&str = draws.one(&[
                "NFC",
                "NFD",
                "NFKC",
                "NFKD",
                "Lowercase",
                "StripAccents",
                "Nmt",
                "ByteLevel",
            ]);
            json!({"type": kind})
        }
        6 => {
            let map: &&str = draws.one(&[
                "",
                "AAAA",
                "/////w==",
                "ALQCAACEAAAAAACAAQAAgMz8AgC4BQAAhyIAgMzkAgC4PQAAeyIAgMzsAgC4BQAAiyIAgMw=",
            ]);
            json!({"type": "Precompiled", "precompiled_charsmap": map})
        }
        _ => json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}),
    }
}

fn pre_tokenizer(draws: &mut Draws) -> Value {
    let behaviour = *draws.one(&[
        "Removed",
        "Isolated",
        "MergedWithPrevious",
        "MergedWithNext",
        "Contiguous",
    ]);
    match draws.below(9) {
        0 => {
            json!({"type": "ByteLevel", "add_prefix_space": draws.happens(0.5), "trim_offsets": draws.happens(0.5), "use_regex": draws.happens(0.5)})
        }
        1 => {
            json!({"type": "Metaspace", "replacement": draws.one(&["▁", "a", "", "ab"]), "prepend_scheme": draws.one(&["always", "never", "first"]), "split": draws.happens(0.5)})
        }
        2 => json!({"type": "CharDelimiterSplit", "delimiter": draws.one(&["a", "", "ab", " "])}),
        3 => {
            json!({"type": "Split", "pattern": pattern(draws), "behavior": behaviour, "invert": draws.happens(0.5)})
        }
        4 => json!({"type": "Punctuation", "behavior": behaviour}),
        5 => json!({"type": "Digits", "individual_digits": draws.happens(0.5)}),
        6 => json!({"type": "UnicodeScripts"}),
        7 => json!({"type": "FixedLength", "length": draws.below(4)}),
        _ => json!({"type": draws.one(&["BertPreTokenizer", "Whitespace", "WhitespaceSplit"])}),
    }
}

fn post_processor(draws: &mut Draws) -> Value {
    let id = *draws.one(&[0u64, 1, 259, 260, 100_000, (1 << 32) - 1, u64::MAX]);
    match draws.below(4) {
        0 => {
            let token = json!({"SpecialToken": {"id": "[X]", "type_id": draws.below(5)}});
            let sequence =
                json!({"Sequence": {"id": draws.one(&["A", "B"]), "type_id": draws.below(5)}});
            let pieces: Vec<Value> = (0..draws.size(2000))
                .map(|_| {
                    if draws.happens(0.5) {
                        token.clone()
                    } else {
                        sequence.clone()
                    }
                })
                .collect();
            let ids: Vec<u64> = vec![id; draws.below(4)];
            json!({"type": "TemplateProcessing", "single": pieces, "pair": [sequence],
                "special_tokens": {"[X]": {"id": "[X]", "ids": ids, "tokens": vec!["[X]"; draws.below(4)]}}})
        }
        1 => json!({"type": "BertProcessing", "sep": ["[SEP]", id], "cls": ["[CLS]", id]}),
        2 => {
            json!({"type": "RobertaProcessing", "sep": ["</s>", id], "cls": ["<s>", 0], "trim_offsets": true, "add_prefix_space": draws.happens(0.5)})
        }
        _ => {
            json!({"type": "Sequence", "processors": vec![json!({"type": "ByteLevel", "trim_offsets": true}); draws.below(3)]})
        }
    }
}

fn decoder(draws: &mut Draws) -> Value {
    match draws.below(6) {
        0 => json!({"type": "WordPiece", "prefix": words(draws), "cleanup": draws.happens(0.5)}),
        1 => json!({"type": "BPEDecoder", "suffix": words(draws)}),
        2 => json!({"type": "CTC", "pad_token": "", "word_delimiter_token": "", "cleanup": true}),
        3 => {
            json!({"type": "Strip", "content": draws.one(&["a", "", "ab"]), "start": draws.size(1 << 40), "stop": draws.size(1 << 40)})
        }
        4 => json!({"type": "Replace", "pattern": pattern(draws), "content": words(draws)}),
        _ => json!({"type": draws.one(&["ByteLevel", "ByteFallback", "Fuse", "Metaspace", ""])}),
    }
}

fn add_token(document: &mut Value, draws: &mut Draws) {
    let id = *draws.one(&[0u64, 5, 259, 260, 300, (1 << 32) - 1, 1 << 32, u64::MAX]);
    let content = words(draws);
    let mut flag = || draws.happens(0.5);
    let token = json!({"id": id, "content": content, "single_word": flag(), "lstrip": flag(), "rstrip": flag(), "normalized": flag(), "special": flag()});
    if let Some(tokens) = document["added_tokens"].as_array_mut() {
        tokens.push(token);
    }
}

fn change_model(document: &mut Value, draws: &mut Draws) {
    let vocabulary = document["model"]["vocab"].clone();
    let model = &mut document["model"];
    match draws.below(8) {
        0 => {
            model["unk_token"] = if draws.happens(0.5) {
                Value::Null
            } else {
                words(draws)
            }
        }
        1 => model["max_input_chars_per_word"] = json!(draws.one(&[0u64, 1, 1 << 40, u64::MAX])),
        2 => model["continuing_subword_prefix"] = words(draws),
        3 => model["end_of_word_suffix"] = words(draws),
        4 => model["dropout"] = json!(draws.one(&[0.0, 0.5, 1.0, 2.0, -1.0])),
        5 => {
            model["byte_fallback"] = json!(true);
            model["fuse_unk"] = json!(true);
            model["ignore_merges"] = json!(draws.happens(0.5));
        }
        6 => *model = json!({"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"}),
        _ => {
            let score = *draws.one(&[-1.0, 0.0, -1e308, 1e308]);
            let names = vocabulary
                .as_object()
                .map_or(Vec::new(), |map| map.keys().cloned().collect());
            let pairs: Vec<Value> = names.into_iter().map(|name| json!([name, score])).collect();
            let unk = *draws.one(&[Some(1u64), Some(1000), None]);
            *model = json!({"type": "Unigram", "vocab": pairs, "unk_id": unk, "byte_fallback": draws.happens(0.5)});
        }
    }
}
