//! The tokenizer as the library wants it: tokenizer.json as it is written, or rebuilt around its vocabulary by a class of
//! transformers, and the tokens of the settings added.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use tokenizers::{AddedToken, TruncationDirection};

use super::added::{add_tokens, other_ids};
use super::class::{self, Chosen, Class};
use super::files::{self, Vocabulary};
use super::rebuild::{rebuilt, set_post_processor};
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
    /// Whether they have them though no file lists token types among the model's inputs.
    pub(super) types_unlisted: bool,
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
        types_unlisted: class == Class::AsWritten && types && settings.token_types().is_none(),
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
