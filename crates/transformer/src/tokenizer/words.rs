//! The part `model` of tokenizer.json, with its words.

use serde_json::{Map, Value, json};
use tokenizers::models::unigram::Unigram;

use super::files::Vocabulary;

pub(super) fn scored(words: Value, unknown: usize) -> Value {
    let settings = json!({"type": "Unigram", "unk_id": unknown, "byte_fallback": false});
    with_words(settings, words)
}

pub(super) fn bpe(vocabulary: Vocabulary, settings: Value) -> Value {
    let mut model = with_words(settings, by_word(vocabulary.words));
    model["merges"] = match vocabulary.merges {
        Value::Null => json!([]),
        merges => merges,
    };
    model
}

/// `json!` would copy them, which for 260 000 words takes as much memory again.
pub(super) fn with_words(mut settings: Value, words: Value) -> Value {
    settings["vocab"] = words;
    settings
}

/// Words and ids; where the file lists words (with scores), the place in the list is the id.
pub(super) fn by_word(words: Value) -> Value {
    let Value::Array(list) = words else {
        return words;
    };
    let word = |item: &Value| match item {
        Value::Array(pair) => pair.first().and_then(Value::as_str).map(str::to_owned),
        item => item.as_str().map(str::to_owned),
    };
    let words = list.iter().enumerate();
    let words = words.filter_map(|(id, item)| Some((word(item)?, Value::from(id))));
    Value::Object(words.collect::<Map<_, _>>())
}

/// The first word of a list (with its score) that is wanted.
pub(super) fn place_of(words: &Value, wanted: impl Fn(&str, Option<f64>) -> bool) -> Option<usize> {
    let mut list = words.as_array()?.iter();
    list.position(|pair| {
        let score = pair.get(1).and_then(Value::as_f64);
        let word = pair.get(0).and_then(Value::as_str);
        word.is_some_and(|word| wanted(word, score))
    })
}

/// The model of a Unigram tokenizer with its scores as they are here: as text they would lose their last bit, which decides between
/// pieces of equal scores. `None` for another model.
pub(super) fn exact_scores(whole: &Value) -> Result<Option<Unigram>, tokenizers::Error> {
    let model = &whole["model"];
    if model["type"] != "Unigram" {
        return Ok(None);
    }
    let words = model["vocab"].as_array().into_iter().flatten();
    let words = words.filter_map(|pair| {
        let word = pair.get(0)?.as_str()?;
        Some((word.to_owned(), pair.get(1)?.as_f64()?))
    });
    let unknown = model["unk_id"].as_u64();
    let unknown = unknown.and_then(|place| usize::try_from(place).ok());
    let fallback = model["byte_fallback"] == true;
    Unigram::from(words.collect(), unknown, fallback).map(Some)
}
