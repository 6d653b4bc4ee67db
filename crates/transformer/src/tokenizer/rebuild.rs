//! The tokenizer that a class of transformers makes of a vocabulary and its own settings
//! (`transformers/models/*/tokenization_*.py`, 5.23).

use serde_json::{Map, Value, json};
use tokenizers::PostProcessorWrapper;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::processors::template::TemplateProcessing;

use super::build::Parts;
use super::class::Class;
use super::files::Vocabulary;
use super::settings::{Named, Settings};
use crate::load::LoadError;

/// What tokenizer.json would be if the class had written it, without a post-processor of the class, which needs ids: see
/// [`set_post_processor`]. `stored`: the parts of the tokenizer.json that the words are from.
pub(super) fn rebuilt(
    class: Class,
    vocabulary: Vocabulary,
    settings: &Settings,
    unknown: &str,
    stored: Option<&Parts>,
) -> Result<Value, LoadError> {
    let flag = |key: &str, usual: bool| Ok::<_, LoadError>(settings.flag(key)?.unwrap_or(usual));
    let words = vocabulary.words;
    let byte_level = |space: bool| json!({"type": "ByteLevel", "add_prefix_space": space, "trim_offsets": true, "use_regex": true});
    let metaspace = |scheme: &str, split: bool| json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split});
    let merges = match vocabulary.merges {
        Value::Null => json!([]),
        merges => merges,
    };
    let (normalizer, pre_tokenizer, decoder, model) = match class {
        Class::Bert => (
            json!({
                "type": "BertNormalizer",
                "clean_text": true,
                "handle_chinese_chars": flag("tokenize_chinese_chars", true)?,
                "strip_accents": settings.flag("strip_accents")?,
                "lowercase": flag("do_lower_case", true)?,
            }),
            json!({"type": "BertPreTokenizer"}),
            json!({"type": "WordPiece", "prefix": "##", "cleanup": true}),
            json!({
                "type": "WordPiece", "unk_token": unknown, "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100, "vocab": by_word(words),
            }),
        ),
        Class::Roberta | Class::Gpt2 => (
            Value::Null,
            byte_level(flag("add_prefix_space", false)?),
            byte_level(true),
            json!({
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": "",
                "end_of_word_suffix": "", "fuse_unk": false, "byte_fallback": false, "vocab": by_word(words), "merges": merges,
            }),
        ),
        Class::Llama => {
            let scheme = match (flag("add_prefix_space", true)?, flag("legacy", false)?) {
                (false, _) => "never",
                (true, true) => "always",
                (true, false) => "first",
            };
            let decoder = json!({"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": i32::from(scheme != "never"), "stop": 0}]});
            let model = json!({
                "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "vocab": by_word(words), "merges": merges,
            });
            (Value::Null, metaspace(scheme, false), decoder, model)
        }
        Class::XlmRoberta | Class::Camembert => {
            let scheme = match flag("add_prefix_space", true)? {
                true => "always",
                false => "never",
            };
            let unknown = match class {
                Class::XlmRoberta => 3,
                _ => place_of(&words, unknown),
            };
            (
                stored.map_or(Value::Null, |parts| precompiled(&parts.normalizer)),
                json!({"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, metaspace(scheme, true)]}),
                metaspace(scheme, true),
                json!({"type": "Unigram", "unk_id": unknown, "vocab": words, "byte_fallback": false}),
            )
        }
        Class::AsWritten => unreachable!("a class that rebuilds nothing"),
    };
    Ok(json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
        "post_processor": stored.map_or(Value::Null, |parts| parts.post_processor.clone()),
        "decoder": decoder, "model": model,
    }))
}

/// Words and ids; where the file lists words (with scores), the place in the list is the id.
fn by_word(words: Value) -> Value {
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

fn place_of(words: &Value, unknown: &str) -> usize {
    let mut list = words.as_array().into_iter().flatten();
    let place = list.position(|pair| pair.get(0).and_then(Value::as_str) == Some(unknown));
    place.unwrap_or(0)
}

/// Of the normalizers of a file the one that SentencePiece compiled.
fn precompiled(normalizer: &Value) -> Value {
    let alone = std::slice::from_ref(normalizer);
    let all = normalizer.get("normalizers").and_then(Value::as_array);
    let mut all = all.map_or(alone, Vec::as_slice).iter();
    let found = all.find(|one| one.get("type").is_some_and(|kind| kind == "Precompiled"));
    found.cloned().unwrap_or(Value::Null)
}

/// Sets what stands around a text where the class decides it and not the file.
pub(super) fn set_post_processor(
    tokenizer: &mut tokenizers::Tokenizer,
    class: Class,
    settings: &Settings,
    functions: &[(String, Named)],
) -> Result<(), tokenizers::Error> {
    let token = |key: &str| {
        let mut named = functions.iter();
        let named = named
            .find(|(name, _)| name == key)
            .map(|(_, named)| named.content());
        named.and_then(|text| Some((text.to_owned(), tokenizer.token_to_id(text)?)))
    };
    let needed = |key: &str| token(key).ok_or_else(|| format!("no {key} is named"));
    let flag = |key: &str| settings.flag(key).map_err(Box::new);
    let processor: PostProcessorWrapper = match class {
        Class::Bert => {
            let (cls, sep) = (needed("cls_token")?, needed("sep_token")?);
            let single = format!("{}:0 $A:0 {}:0", cls.0, sep.0);
            let pair = format!("{single} $B:1 {}:1", sep.0);
            template(single, pair, vec![cls, sep])?
        }
        Class::Roberta => RobertaProcessing::new(needed("sep_token")?, needed("cls_token")?).into(),
        Class::XlmRoberta | Class::Camembert => {
            let (bos, eos) = (needed("bos_token")?, needed("eos_token")?);
            let single = format!("{} $A {}", bos.0, eos.0);
            let pair = format!("{single} {} $B {}", eos.0, eos.0);
            template(single, pair, vec![bos, eos])?
        }
        Class::Gpt2 | Class::Llama | Class::AsWritten => {
            let (bos, eos) = (flag("add_bos_token")?, flag("add_eos_token")?);
            if tokenizer.get_post_processor().is_some() && bos.is_none() && eos.is_none() {
                return Ok(());
            }
            let bos = token("bos_token").filter(|_| bos == Some(true));
            let eos = token("eos_token").filter(|_| eos == Some(true));
            let before = |kind| {
                bos.as_ref()
                    .map_or(String::new(), |(bos, _)| format!("{bos}:{kind} "))
            };
            let after = |kind| {
                eos.as_ref()
                    .map_or(String::new(), |(eos, _)| format!(" {eos}:{kind}"))
            };
            let single = format!("{}$A:0{}", before(0), after(0));
            let pair = format!("{single} {}$B:1{}", before(1), after(1));
            template(single, pair, bos.into_iter().chain(eos).collect())?
        }
    };
    tokenizer.with_post_processor(Some(processor));
    Ok(())
}

fn template(
    single: String,
    pair: String,
    mut special: Vec<(String, u32)>,
) -> Result<PostProcessorWrapper, tokenizers::Error> {
    special.dedup();
    let mut builder = TemplateProcessing::builder();
    builder.try_single(single)?.try_pair(pair)?;
    Ok(builder.special_tokens(special).build()?.into())
}
