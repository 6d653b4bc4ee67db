//! BPE of SentencePiece (`tokenizer.ggml.model` "llama"): pieces with scores, of which merges are made as transformers makes them, and
//! bytes for what has no piece.

use serde_json::{Value, json};

use super::{Around, Listed, Parts, Role, words};
use crate::gguf::value::start_of;
use crate::load::LoadError;
use crate::tokenizer::merges;

pub(super) fn parts(listed: &Listed<'_>) -> Result<Parts, LoadError> {
    let gemma = listed.gemma;
    let tokens = listed.tokens.iter();
    let pieces: Vec<String> = tokens.map(|piece| spelt(piece, gemma)).collect();
    let unknown = match listed.id("unknown")?.or(listed.first(Role::Unknown)) {
        Some(id) => Value::from(pieces[id as usize].as_str()),
        None => Value::Null,
    };
    let numbered = pieces.iter().enumerate();
    let model = json!({
        "type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
        "vocab": words(numbered.map(|(id, piece)| (id, piece.into()))),
        "merges": made(listed, &pieces, gemma)?,
    });
    let prefix = listed.flag("add_space_prefix")?.unwrap_or(!gemma);
    let [normalizer, pre_tokenizer, decoder] = if gemma && !prefix {
        gemmas()
    } else {
        llamas(prefix)
    };
    Ok(Parts {
        normalizer,
        pre_tokenizer,
        decoder,
        model,
        around: Around::by_flags(listed, true)?,
    })
}

/// `▁` for every space, and in front.
fn llamas(prefix: bool) -> [Value; 3] {
    let scheme = if prefix { "first" } else { "never" };
    let decoders = json!([
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": i32::from(prefix), "stop": 0},
    ]);
    [
        Value::Null,
        json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": false}),
        json!({"type": "Sequence", "decoders": decoders}),
    ]
}

/// `▁` for every space, and nothing in front.
fn gemmas() -> [Value; 3] {
    let decoders = json!([
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]);
    [
        json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"}),
        json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false}),
        json!({"type": "Sequence", "decoders": decoders}),
    ]
}

/// Gemma's tokens of several spaces are written with spaces in the file, and looked up as `▁▁`.
fn spelt(piece: &str, gemma: bool) -> String {
    if gemma && piece.chars().all(|c| c == ' ') {
        "▁".repeat(piece.len())
    } else {
        piece.to_owned()
    }
}

/// The merges of the file, else what the pieces imply: best first, which are those of the highest score; Gemma's go by their places.
fn made(listed: &Listed<'_>, pieces: &[String], gemma: bool) -> Result<Vec<Value>, LoadError> {
    let metadata = listed.gguf.metadata();
    if let Some(lines) = metadata.texts("tokenizer.ggml.merges")? {
        let pairs = lines
            .iter()
            .map(|line| line.split_once(' ').unwrap_or((line.as_str(), "")));
        return Ok(pairs.map(|(left, right)| json!([left, right])).collect());
    }
    let key = "tokenizer.ggml.scores";
    let scores = metadata.floats(key)?;
    let scores = scores.filter(|scores| scores.len() == pieces.len());
    let scores = scores.ok_or_else(|| {
        let expected = format!("a score for each of {} pieces", pieces.len());
        metadata.field(key, &expected)
    })?;
    if let Some(long) = pieces.iter().find(|piece| piece.len() > LONGEST_PIECE) {
        let problem = format!(
            "the piece \"{}\" has {} bytes, expected at most {LONGEST_PIECE}",
            start_of(long),
            long.len()
        );
        let file = listed.gguf.file.clone();
        return Err(crate::gguf::GgufError::Damaged { file, problem }.into());
    }
    let scored = pieces.iter().zip(scores).enumerate();
    let scored: Vec<(String, f32)> = scored
        .map(|(place, (piece, score))| {
            let score = if gemma {
                -(place as f32)
            } else {
                *score as f32
            };
            (piece.clone(), score)
        })
        .collect();
    let pairs = merges::by_score(&scored).into_iter();
    Ok(pairs.map(|(left, right)| json!([left, right])).collect())
}

/// Every way to cut a piece in two is tried. SentencePiece has at most 16 letters in one, Gemma 48 and a few runs of spaces.
const LONGEST_PIECE: usize = 1 << 10;
