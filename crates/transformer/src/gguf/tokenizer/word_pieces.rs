//! WordPiece (`tokenizer.ggml.model` "bert"). In the file a word begins with `▁`, and what stands within a word with nothing; in
//! tokenizer.json it is the other way round, with `##` within.

use std::borrow::Cow;

use serde_json::json;

use super::{Around, Listed, Parts, Role, words};
use crate::load::LoadError;

pub(super) fn parts(listed: &Listed<'_>) -> Result<Parts, LoadError> {
    let needed = |id: Option<u32>, key: &str, expected: &str| {
        let key = format!("tokenizer.ggml.{key}");
        id.ok_or_else(|| listed.gguf.metadata().field(&key, expected))
    };
    let begins = needed(
        listed.beginning()?,
        "cls_token_id",
        "the token that begins a text",
    )?;
    let ends = needed(
        listed.separator()?,
        "seperator_token_id",
        "the token that ends a text",
    )?;
    let unknown = needed(
        listed.id("unknown")?,
        "unknown_token_id",
        "the token of unknown words",
    )?;
    let lower = listed.flag("normalizer.lowercase")?.unwrap_or(true);
    let strip = listed.flag("normalizer.strip_accents")?;
    let spelt = listed.with_roles().map(|(id, text, role)| {
        // Older files say of no token that it is one with a function.
        let has_function = text.len() > 2 && text.starts_with('[') && text.ends_with(']');
        let text: Cow<'_, str> = match (role, text.strip_prefix('▁')) {
            (Role::Normal, Some(word)) => word.into(),
            (Role::Normal, None) if has_function => text.into(),
            (Role::Normal, None) => format!("##{text}").into(),
            _ => text.into(),
        };
        (id, text)
    });
    Ok(Parts {
        normalizer: json!({
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": strip, "lowercase": lower,
        }),
        pre_tokenizer: json!({"type": "BertPreTokenizer"}),
        decoder: json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
        model: json!({
            "type": "WordPiece", "unk_token": listed.text(unknown), "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": words(spelt),
        }),
        around: Around {
            before: Some(begins),
            after: Some(ends),
            begins_twice: false,
        },
    })
}
