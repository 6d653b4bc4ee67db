//! The tokenizer that a class of transformers makes of a vocabulary and its own settings
//! (`transformers/models/*/tokenization_*.py`, 5.23).

use serde_json::{Value, json};

use super::class::Class;
use super::files::Vocabulary;
use super::settings::{Named, Settings};
use super::words::{bpe, by_word, place_of, scored, with_words};
use crate::load::LoadError;

/// `Qwen2Tokenizer`'s.
const QWEN_WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// `DebertaV2Tokenizer`'s.
const DEBERTA_SPACES: &str = r"\s{2,}|[\n\r\t]";

/// The parts that a class makes by itself.
struct Steps {
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
    model: Value,
}

/// What tokenizer.json would be if the class had written it, with the post-processor `around` of the file that the words are from.
/// Classes that have one of their own set it later, with its ids.
pub(super) fn rebuilt(
    class: Class,
    vocabulary: Vocabulary,
    settings: &Settings,
    functions: &[(String, Named)],
    around: Value,
) -> Result<Value, LoadError> {
    let unknown = functions.iter().find(|(key, _)| key == "unk_token");
    let unknown = unknown.map_or("", |(_, named)| named.content());
    let steps = match class {
        Class::Bert | Class::Mpnet => word_pieces(vocabulary, settings, unknown),
        Class::Roberta | Class::Gpt2 | Class::GptNeoX | Class::Qwen2 => {
            byte_level(class, vocabulary, settings)
        }
        Class::Llama => Ok(llama(vocabulary, class.space_in_front(settings)?)),
        Class::Gemma => Ok(gemma(vocabulary, unknown)),
        Class::XlmRoberta | Class::Camembert | Class::Albert => {
            unigram(class, vocabulary, settings, unknown)
        }
        Class::DebertaV2 => deberta(vocabulary, settings, unknown),
        Class::AsWritten => unreachable!("a class that rebuilds nothing"),
    };
    let steps = steps?;
    let mut whole = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": steps.normalizer, "pre_tokenizer": steps.pre_tokenizer,
        "post_processor": around, "decoder": steps.decoder,
    });
    whole["model"] = steps.model;
    Ok(whole)
}

impl Class {
    /// Where a class of SentencePiece models puts a space that no text has: `always`, `first` or `never`.
    fn space_in_front(self, settings: &Settings) -> Result<&'static str, LoadError> {
        let space = settings.flag("add_prefix_space")?.unwrap_or(true);
        let legacy = settings.flag("legacy")?.unwrap_or(false);
        let (usual, other) = match self {
            Class::Llama if !legacy => ("first", "never"),
            Class::Llama | Class::XlmRoberta | Class::Camembert | Class::Albert => {
                ("always", "never")
            }
            Class::DebertaV2 => ("always", "first"),
            _ => ("never", "never"),
        };
        Ok(if space { usual } else { other })
    }

    /// Whether it puts a space in front of a text.
    pub(super) fn puts_space(self, settings: &Settings) -> Result<bool, LoadError> {
        Ok(self.space_in_front(settings)? != "never")
    }
}

/// BERT's word pieces.
fn word_pieces(
    vocabulary: Vocabulary,
    settings: &Settings,
    unknown: &str,
) -> Result<Steps, LoadError> {
    let flag = |key: &str, usual: bool| Ok::<_, LoadError>(settings.flag(key)?.unwrap_or(usual));
    Ok(Steps {
        normalizer: json!({
            "type": "BertNormalizer",
            "clean_text": true,
            "handle_chinese_chars": flag("tokenize_chinese_chars", true)?,
            "strip_accents": settings.flag("strip_accents")?,
            "lowercase": flag("do_lower_case", true)?,
        }),
        pre_tokenizer: json!({"type": "BertPreTokenizer"}),
        decoder: json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
        model: with_words(
            json!({
                "type": "WordPiece", "unk_token": unknown, "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100,
            }),
            by_word(vocabulary.words),
        ),
    })
}

/// GPT-2's letters of bytes.
fn byte_level(
    class: Class,
    vocabulary: Vocabulary,
    settings: &Settings,
) -> Result<Steps, LoadError> {
    let space = settings.flag("add_prefix_space")?.unwrap_or(false);
    let letters = |space: bool, words: bool| json!({"type": "ByteLevel", "add_prefix_space": space, "trim_offsets": true, "use_regex": words});
    let composed = matches!(class, Class::GptNeoX | Class::Qwen2);
    Ok(Steps {
        normalizer: if composed {
            json!({"type": "NFC"})
        } else {
            Value::Null
        },
        pre_tokenizer: if class == Class::Qwen2 {
            let words = json!({"type": "Split", "pattern": {"Regex": QWEN_WORDS}, "behavior": "Isolated", "invert": false});
            json!({"type": "Sequence", "pretokenizers": [words, letters(space, false)]})
        } else {
            letters(space, true)
        },
        decoder: letters(true, true),
        model: bpe(
            vocabulary,
            json!({
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
                "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false,
            }),
        ),
    })
}

fn llama(vocabulary: Vocabulary, scheme: &str) -> Steps {
    let mut decoders = text_of_pieces();
    decoders.push(
        json!({"type": "Strip", "content": " ", "start": i32::from(scheme != "never"), "stop": 0}),
    );
    Steps {
        normalizer: Value::Null,
        pre_tokenizer: metaspace(scheme, false),
        decoder: json!({"type": "Sequence", "decoders": decoders}),
        model: bytes_of_unknown(vocabulary, Value::Null),
    }
}

fn gemma(vocabulary: Vocabulary, unknown: &str) -> Steps {
    Steps {
        normalizer: replace(&json!({"String": " "}), "▁"),
        pre_tokenizer: json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false}),
        decoder: json!({"type": "Sequence", "decoders": text_of_pieces()}),
        model: bytes_of_unknown(vocabulary, unknown.into()),
    }
}

/// BPE that spells unknown letters by their bytes.
fn bytes_of_unknown(vocabulary: Vocabulary, unknown: Value) -> Value {
    let settings = json!({
        "type": "BPE", "dropout": null, "unk_token": unknown, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true,
    });
    bpe(vocabulary, settings)
}

fn text_of_pieces() -> Vec<Value> {
    vec![
        replace(&json!({"String": "▁"}), " "),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ]
}

fn unigram(
    class: Class,
    vocabulary: Vocabulary,
    settings: &Settings,
    unknown: &str,
) -> Result<Steps, LoadError> {
    let scheme = class.space_in_front(settings)?;
    let place = match class {
        Class::XlmRoberta => 3,
        Class::Albert => 1,
        _ => place_of(&vocabulary.words, |word, _| word == unknown).unwrap_or(0),
    };
    let normalizer = if class == Class::Albert {
        let flag = |key: &str, usual| Ok::<_, LoadError>(settings.flag(key)?.unwrap_or(usual));
        let quotes = ["``", "''"].map(|marks| replace(&json!({"String": marks}), "\""));
        let mut steps = Vec::from(quotes);
        if !flag("keep_accents", false)? {
            steps.extend([json!({"type": "NFKD"}), json!({"type": "StripAccents"})]);
        }
        if flag("do_lower_case", true)? {
            steps.push(json!({"type": "Lowercase"}));
        }
        steps.extend(Some(vocabulary.charsmap).filter(|map| !map.is_null()));
        json!({"type": "Sequence", "normalizers": steps})
    } else {
        vocabulary.charsmap
    };
    Ok(Steps {
        normalizer,
        pre_tokenizer: json!({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace(scheme, true)]}),
        decoder: metaspace(scheme, true),
        model: scored(vocabulary.words, place),
    })
}

/// Leaves out what SentencePiece compiled, as `DebertaV2Tokenizer` of transformers 5 does.
fn deberta(vocabulary: Vocabulary, settings: &Settings, unknown: &str) -> Result<Steps, LoadError> {
    let flag = |key: &str| Ok::<_, LoadError>(settings.flag(key)?.unwrap_or(false));
    let scheme = Class::DebertaV2.space_in_front(settings)?;
    let there = place_of(&vocabulary.words, |word, score| {
        word == unknown && score == Some(0.0)
    });
    let place = match there.or(vocabulary.unknown) {
        Some(place) => place,
        None => settings.place("unk_id")?.unwrap_or(1),
    };
    let mut steps = Vec::new();
    if flag("do_lower_case")? {
        steps.push(json!({"type": "Lowercase"}));
    }
    steps.extend([
        replace(&json!({"Regex": DEBERTA_SPACES}), " "),
        json!({"type": "NFC"}),
        json!({"type": "Strip", "strip_left": false, "strip_right": true}),
    ]);
    let mut words = Vec::new();
    if flag("split_by_punct")? {
        words.push(json!({"type": "Punctuation", "behavior": "Isolated"}));
    }
    words.push(metaspace(scheme, true));
    Ok(Steps {
        normalizer: json!({"type": "Sequence", "normalizers": steps}),
        pre_tokenizer: json!({"type": "Sequence", "pretokenizers": words}),
        decoder: metaspace(scheme, true),
        model: scored(vocabulary.words, place),
    })
}

fn replace(pattern: &Value, content: &str) -> Value {
    json!({"type": "Replace", "pattern": pattern, "content": content})
}

fn metaspace(scheme: &str, split: bool) -> Value {
    json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split})
}
