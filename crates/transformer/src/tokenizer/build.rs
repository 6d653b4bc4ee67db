//! The tokenizer as the library wants it: tokenizer.json as it is written, or rebuilt around its vocabulary by a class of
//! transformers (`transformers/models/*/tokenization_*.py`, 5.23), and the tokens of the settings added.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, PostProcessorWrapper, TruncationDirection};

use super::class::{self, Chosen, Class};
use super::files::{self, Vocabulary};
use super::settings::{Named, Settings, added_token};
use super::{TokenizerError, guard, limits};
use crate::config::Config;
use crate::load::LoadError;

/// A tokenizer with what the settings add to it.
pub(super) struct Read {
    pub(super) tokenizer: tokenizers::Tokenizer,
    pub(super) settings: Settings,
    pub(super) functions: Vec<(String, Named)>,
    pub(super) truncation: TruncationDirection,
    /// Whether tokens have types.
    pub(super) types: bool,
    pub(super) normalizer: Value,
    pub(super) pre_tokenizer: Value,
    /// `BPE`, `WordPiece`, ..
    pub(super) model: String,
    /// The first is the one to name in an error.
    pub(super) files: Vec<PathBuf>,
    pub(super) notes: Vec<String>,
}

/// Reads the tokenizer of a folder as transformers does. `roberta`: of which family the model is.
pub(super) fn read(dir: &Path, roberta: bool, config: &Config) -> Result<Read, LoadError> {
    let json = files::read_json(dir)?;
    let parts = json
        .as_ref()
        .map(|(file, text)| parts_of(file, text))
        .transpose()?;
    let own = parts
        .as_ref()
        .map_or(&[][..], |parts| &parts.added_tokens[..]);
    let own = own.iter().filter_map(|token| {
        let id = token.get("id")?.as_u64()?;
        Some((u32::try_from(id).ok()?, added_token(token)?))
    });
    let settings = Settings::read(dir, &own.collect::<Vec<_>>(), json.is_some())?;
    let Chosen {
        mut class,
        types,
        note,
    } = class_of(dir, config, &settings, json.as_ref())?;
    let mut notes: Vec<String> = note.into_iter().collect();
    if json.is_none() {
        class = files::class_of_lists(dir, class, roberta);
    }
    let mut functions = settings.functions(class.usual_tokens())?;
    if let Some(parts) = &parts {
        add_stored_pad(&mut functions, class, &parts.padding);
    }
    let extra = extra_tokens(&settings, class, &mut functions)?;

    let (text, parts, mut files) = match (json, parts) {
        (Some((file, text)), Some(parts)) if class == Class::AsWritten => (text, parts, vec![file]),
        (json, stored) => {
            let vocabulary = match &json {
                Some((file, text)) => vocabulary_of(file, text)?,
                None => files::read_lists(dir, class)?,
            };
            let files = vocabulary.files.clone();
            let unknown = functions.iter().find(|(key, _)| key == "unk_token");
            let unknown = unknown.map_or("", |(_, named)| named.content());
            let whole = rebuilt(class, vocabulary, &settings, unknown, stored.as_ref())?;
            let text = whole.to_string();
            let parts = Parts {
                truncation: stored.map_or(Value::Null, |stored| stored.truncation),
                ..parts_of(&files[0], &text)?
            };
            (text, parts, files)
        }
    };
    let broken = |source| files::broken(&files[0], source);
    limits::check_parts(&parts).map_err(|problem| broken(problem.into()))?;
    let named = functions.iter().map(|(_, named)| named).chain(&extra);
    limits::check_added(
        settings
            .declared
            .values()
            .map(|token| &token.content[..])
            .chain(named.map(Named::content)),
    )
    .map_err(|problem| broken(problem.into()))?;
    let tokenizer = guard::caught(|| {
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(&text)?;
        add_tokens(&mut tokenizer, &settings, &functions, &extra);
        set_post_processor(&mut tokenizer, class, &settings, &functions)?;
        Ok(tokenizer)
    });
    let tokenizer = tokenizer.map_err(broken)?;
    notes.extend(other_ids(&tokenizer, &settings));
    let stored = parts.truncation.get("direction").and_then(Value::as_str);
    let truncation = settings.truncation_side(stored)?;
    files.extend(settings.files.iter().cloned());
    Ok(Read {
        types: settings.token_types().unwrap_or(types),
        tokenizer,
        functions,
        truncation,
        settings,
        normalizer: parts.normalizer,
        pre_tokenizer: parts.pre_tokenizer,
        model: parts.model.kind.unwrap_or_default(),
        files,
        notes,
    })
}

fn parts_of(file: &Path, text: &str) -> Result<Parts, TokenizerError> {
    serde_json::from_str(text).map_err(|error| files::broken(file, Box::new(error)))
}

fn class_of(
    dir: &Path,
    config: &Config,
    settings: &Settings,
    json: Option<&(PathBuf, String)>,
) -> Result<Chosen, LoadError> {
    let of_config = config.text("tokenizer_class", Some(""))?;
    let of_config = Some(of_config).filter(|class| !class.is_empty());
    let (declared, file) = match settings.class() {
        Some(class) => (Some(class), "tokenizer_config.json"),
        None => (of_config.as_deref(), "config.json"),
    };
    let byte_level = json.is_some_and(|(_, text)| text.contains("\"ByteLevel\""));
    let model_type = config.text("model_type", None)?;
    class::choose(&model_type, declared, byte_level).map_err(|class| {
        let file = dir.join(file);
        TokenizerError::Class { file, class }.into()
    })
}

/// The padding that tokenizer.json carries names the pad token, where the class names none.
fn add_stored_pad(functions: &mut Vec<(String, Named)>, class: Class, padding: &Value) {
    let takes = matches!(class, Class::AsWritten | Class::Llama);
    let there = functions.iter().any(|(key, _)| key == "pad_token");
    if let Some(pad) = padding.get("pad_token").and_then(Value::as_str)
        && takes
        && !there
    {
        functions.push(("pad_token".to_owned(), Named::Text(pad.to_owned())));
    }
}

/// Tokens without a function of their own; CamemBERT has some where no file lists any, and its mask swallows the space before it.
fn extra_tokens(
    settings: &Settings,
    class: Class,
    functions: &mut [(String, Named)],
) -> Result<Vec<Named>, LoadError> {
    let listed = settings.extra()?;
    if class != Class::Camembert {
        return Ok(listed.unwrap_or_default());
    }
    for (key, named) in functions {
        if let (true, Named::Text(text)) = (key == "mask_token", &*named) {
            *named = Named::Token(AddedToken::from(text.clone(), true).lstrip(true));
        }
    }
    let usual = ["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"];
    Ok(listed.unwrap_or_else(|| usual.map(|text| Named::Text(text.to_owned())).into()))
}

/// Tokens that have another id than a file says, or the id of another token: both as in transformers.
fn other_ids(tokenizer: &tokenizers::Tokenizer, settings: &Settings) -> Vec<String> {
    let mut notes = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for (declared, token) in &settings.declared {
        let given = tokenizer.token_to_id(&token.content);
        if let Some(given) = given.filter(|given| given != declared) {
            names.push(format!("\"{}\" {declared} -> {given}", token.content));
        }
    }
    if !names.is_empty() {
        let more = names.len().saturating_sub(5);
        names.truncate(5);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        notes.push(format!(
            "added tokens whose ids do not follow on the vocabulary have others than their file says, as in transformers: {}{more}",
            names.join(", ")
        ));
    }
    notes
}

/// The parts of tokenizer.json without its words.
#[derive(Deserialize)]
pub(super) struct Parts {
    #[serde(default)]
    pub(super) truncation: Value,
    #[serde(default)]
    pub(super) padding: Value,
    #[serde(default)]
    pub(super) added_tokens: Vec<Value>,
    #[serde(default)]
    pub(super) normalizer: Value,
    #[serde(default)]
    pub(super) pre_tokenizer: Value,
    #[serde(default)]
    pub(super) post_processor: Value,
    pub(super) model: ModelSettings,
}

/// The settings of the part `model`.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ModelSettings {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) dropout: Option<f64>,
    pub(super) continuing_subword_prefix: Option<String>,
    pub(super) end_of_word_suffix: Option<String>,
    pub(super) max_input_chars_per_word: Option<u64>,
}

/// The words of tokenizer.json.
fn vocabulary_of(file: &Path, text: &str) -> Result<Vocabulary, TokenizerError> {
    #[derive(Deserialize)]
    struct File {
        model: Words,
    }
    #[derive(Deserialize)]
    struct Words {
        vocab: Value,
        #[serde(default)]
        merges: Value,
    }
    let read: Result<File, _> = serde_json::from_str(text);
    let File { model } = read.map_err(|error| files::broken(file, Box::new(error)))?;
    Ok(Vocabulary {
        words: model.vocab,
        merges: model.merges,
        files: vec![file.to_path_buf()],
    })
}

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

/// Adds the tokens that the settings name and the tokenizer has not yet, in the order of transformers.
pub(super) fn add_tokens(
    tokenizer: &mut tokenizers::Tokenizer,
    settings: &Settings,
    functions: &[(String, Named)],
    extra: &[Named],
) {
    let there = tokenizer.get_added_tokens_decoder();
    let there: HashMap<&str, &AddedToken> = there
        .values()
        .map(|token| (token.content.as_str(), token))
        .collect();
    let marks = |t: &AddedToken| (t.single_word, t.lstrip, t.rstrip, t.normalized, t.special);
    let mut new: Vec<AddedToken> = settings.declared.values().cloned().collect();
    new.retain(|token| {
        let other = there.get(token.content.as_str());
        other.is_none_or(|other| marks(other) != marks(token))
    });
    let named = functions.iter().map(|(_, named)| named);
    let functions: HashSet<&str> = named.clone().map(Named::content).collect();
    for token in &mut new {
        token.special |= functions.contains(token.content.as_str());
    }
    let mut known: HashSet<String> = there.keys().map(|&content| content.to_owned()).collect();
    known.extend(new.iter().map(|token| token.content.clone()));
    for token in named.chain(extra) {
        if !known.insert(token.content().to_owned()) {
            continue;
        }
        new.push(match token {
            Named::Text(text) => AddedToken::from(text.clone(), true),
            Named::Token(token) => AddedToken {
                special: token.special || functions.contains(token.content.as_str()),
                ..token.clone()
            },
        });
    }
    tokenizer.add_tokens(&new);
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
