//! BPE of bytes written as letters (`tokenizer.ggml.model` "gpt2"). How a text is cut into words before stands in the file as a name
//! (`tokenizer.ggml.pre`), by which llama.cpp knows a regular expression; here it is the one of the tokenizer.json that the name is of.

use serde_json::{Value, json};

use super::{Around, Listed, Parts, words};
use crate::load::LoadError;

/// How texts are cut.
struct Cut {
    normalizer: Normalizer,
    split: Split,
    /// A word that is a token is that token, whatever the merges make of it.
    whole_words: bool,
    begins: bool,
}

enum Normalizer {
    None,
    Nfc,
}

enum Split {
    /// GPT-2's own expression, which the library has built in.
    Gpt2,
    /// As above, digits by themselves.
    Digits,
    /// An expression.
    Regex(&'static str),
}

/// Of GPT-4 and Llama 3.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Of Qwen 2.
const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Of Mistral Nemo.
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Of GPT-4o and Phi-4-mini.
const GPT4O: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The names that are read, for an error.
const NAMES: &str = "gpt-2, phi-2, olmo, mpt, smollm, starcoder, refact, llama-bpe (llama3, falcon3, pixtral), dbrx, smaug-bpe, qwen2, deepseek-r1-qwen, tekken and gpt-4o";

fn cut(name: &str) -> Option<Cut> {
    let plain = |split| Cut {
        normalizer: Normalizer::None,
        split,
        whole_words: false,
        begins: false,
    };
    Some(match name {
        "gpt-2" | "gpt2" | "phi-2" => plain(Split::Gpt2),
        // The words of GPT-NeoX.
        "olmo" | "mpt" => Cut {
            normalizer: Normalizer::Nfc,
            ..plain(Split::Gpt2)
        },
        "smollm" | "starcoder" | "refact" => plain(Split::Digits),
        "llama-bpe" | "llama3" | "llama-v3" | "falcon3" | "pixtral" => Cut {
            whole_words: true,
            begins: true,
            ..plain(Split::Regex(LLAMA3))
        },
        // OLMo 2 has the former name, SmolLM 3 the latter.
        "dbrx" | "smaug-bpe" => plain(Split::Regex(LLAMA3)),
        "qwen2" => Cut {
            normalizer: Normalizer::Nfc,
            ..plain(Split::Regex(QWEN2))
        },
        "deepseek-r1-qwen" => plain(Split::Regex(QWEN2)),
        "tekken" => Cut {
            whole_words: true,
            begins: true,
            ..plain(Split::Regex(TEKKEN))
        },
        "gpt-4o" => plain(Split::Regex(GPT4O)),
        _ => return None,
    })
}

pub(super) fn parts(listed: &Listed<'_>) -> Result<Parts, LoadError> {
    let cut = named(listed)?;
    let byte_level = |regex: bool| json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": regex});
    let in_turn =
        |first: Value, then: Value| json!({"type": "Sequence", "pretokenizers": [first, then]});
    let pre_tokenizer = match cut.split {
        Split::Gpt2 => byte_level(true),
        Split::Digits => in_turn(
            json!({"type": "Digits", "individual_digits": true}),
            byte_level(true),
        ),
        Split::Regex(regex) => in_turn(
            json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false}),
            byte_level(false),
        ),
    };
    Ok(Parts {
        normalizer: match cut.normalizer {
            Normalizer::None => Value::Null,
            Normalizer::Nfc => json!({"type": "NFC"}),
        },
        pre_tokenizer,
        decoder: byte_level(true),
        model: json!({
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": cut.whole_words,
            "vocab": words(listed.with_roles().map(|(id, text, _)| (id, text.into()))),
            "merges": merges(listed)?,
        }),
        around: Around::by_flags(listed, cut.begins)?,
    })
}

/// By the file's name for it. The oldest files of GPT-2 have none.
fn named(listed: &Listed<'_>) -> Result<Cut, LoadError> {
    let key = "tokenizer.ggml.pre";
    let metadata = listed.gguf.metadata();
    let name = match metadata.text(key)? {
        None if listed.gguf.architecture()? == "gpt2" => "gpt-2",
        name => name.unwrap_or_default(),
    };
    cut(name).ok_or_else(|| {
        let expected = format!(
            "how texts are cut into words, of which these names are known: {NAMES}; {}",
            crate::gguf::error::FOLDER_INSTEAD
        );
        metadata.field(key, &expected)
    })
}

/// Two words each, with a space between them.
fn merges(listed: &Listed<'_>) -> Result<Vec<Value>, LoadError> {
    let key = "tokenizer.ggml.merges";
    let metadata = listed.gguf.metadata();
    let lines = metadata.texts(key)?;
    let lines = lines.ok_or_else(|| metadata.field(key, "the merges of a BPE"))?;
    let pairs = lines.iter().map(|line| {
        let pair = line
            .split_once(' ')
            .filter(|(_, right)| !right.contains(' '));
        let (left, right) = pair.ok_or_else(|| {
            let line = crate::gguf::value::start_of(line);
            let problem =
                format!("\"{key}\" has \"{line}\", expected two words and a space between them");
            let file = listed.gguf.file.clone();
            LoadError::from(crate::gguf::GgufError::Damaged { file, problem })
        })?;
        Ok(json!([left, right]))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_an_error_offers_is_known() {
        for name in NAMES.split([',', ' ', '(', ')']) {
            if !name.is_empty() && name != "and" {
                assert!(cut(name).is_some(), "{name}");
            }
        }
        assert!(cut("default").is_none());
    }
}
