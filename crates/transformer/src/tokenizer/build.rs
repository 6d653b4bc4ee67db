//! The tokenizer as the library wants it: tokenizer.json as it is written, or rebuilt around its vocabulary by a class of
//! transformers, and the tokens of the settings added.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tokenizers::models::unigram::Unigram;
use tokenizers::{AddedToken, TruncationDirection};

use super::added::{add_again, add_tokens, other_ids};
use super::around::set_post_processor;
use super::class::{self, Chosen, Class};
use super::files::{self, Found, Vocabulary};
use super::parts::{Json, Parts};
use super::rebuild::rebuilt;
use super::sentencepiece::Pieces;
use super::settings::{Named, Settings};
use super::words::exact_scores;
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

/// What the words are from.
enum Source {
    Json(Box<Json>),
    Lists(Vocabulary),
    Pieces(Pieces),
}

/// All of tokenizer.json, however it came about.
struct Whole {
    text: String,
    parts: Parts,
    files: Vec<PathBuf>,
    /// In place of the one in `text`, whose scores lose their last bit on the way through decimals.
    unigram: Option<Unigram>,
}

/// Reads the tokenizer of a folder as transformers does. `roberta`: of which family the model is.
pub(super) fn read(dir: &Path, roberta: bool, config: &Config) -> Result<Read, LoadError> {
    let json = files::read_json(dir)?;
    let json = json.map(|(file, text)| Json::new(file, text)).transpose()?;
    let own = json
        .as_ref()
        .map_or_else(Vec::new, |json| json.own_tokens());
    let settings = Settings::read(dir, &own, json.is_some())?;
    let mut chosen = class_of(dir, config, &settings, json.as_ref())?;
    let source = match json {
        Some(json) => Source::Json(Box::new(json)),
        None => {
            chosen.class = files::class_of_lists(dir, chosen.class, roberta);
            match files::read_lists(dir, chosen.class)? {
                Found::Lists(vocabulary) => Source::Lists(vocabulary),
                Found::Pieces(pieces) => Source::Pieces(pieces),
            }
        }
    };
    assemble(source, chosen, settings)
}

/// Reads a text in the words of tokenizer.json as it is written, with settings in those of tokenizer_config.json, both from `file`.
pub(super) fn read_json(
    file: &Path,
    text: String,
    settings: Map<String, Value>,
) -> Result<Read, LoadError> {
    let json = Json::new(file.to_path_buf(), text)?;
    let settings = Settings::of(file.to_path_buf(), settings)?;
    let source = Source::Json(Box::new(json));
    assemble(source, Chosen::known(Class::AsWritten), settings)
}

fn assemble(source: Source, chosen: Chosen, settings: Settings) -> Result<Read, LoadError> {
    let Chosen { class, types, note } = chosen;
    let mut notes: Vec<String> = note.into_iter().collect();
    let mut functions = source.functions(class, &settings)?;
    let extra = source.extra_tokens(class, &settings)?;
    let whole = source.whole(class, &settings, &functions, &mut notes)?;
    let Whole {
        text,
        parts,
        mut files,
        unigram,
    } = whole;
    mark(class, &mut functions);
    let broken = |source| files::broken(&files[0], source);
    limits::check_parts(&parts).map_err(|problem| broken(problem.into()))?;
    let named = functions.iter().map(|(_, named)| named).chain(&extra);
    let declared = settings.declared.values().map(|token| &token.content[..]);
    limits::check_added(declared.chain(named.map(Named::content)))
        .map_err(|problem| broken(problem.into()))?;
    let tokenizer = guard::caught(|| {
        let mut tokenizer = tokenizers::Tokenizer::from_bytes(&text)?;
        if let Some(unigram) = unigram {
            tokenizer.with_model(unigram);
        }
        add_tokens(&mut tokenizer, &settings, &functions, &extra);
        if class == Class::Qwen2 {
            add_again(&mut tokenizer, &functions, &extra);
        }
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

impl Source {
    /// The tokens with a function.
    fn functions(
        &self,
        class: Class,
        settings: &Settings,
    ) -> Result<Vec<(String, Named)>, LoadError> {
        match self {
            Source::Pieces(pieces) if class == Class::AsWritten => {
                settings.functions(&pieces.usual_tokens())
            }
            Source::Json(json) => {
                let mut functions = settings.functions(class.usual_tokens())?;
                add_stored_pad(&mut functions, class, &json.parts.padding);
                Ok(functions)
            }
            _ => settings.functions(class.usual_tokens()),
        }
    }

    /// Tokens without a function of their own. A SentencePiece model has some, and CamemBERT's class, where no file lists any.
    fn extra_tokens(&self, class: Class, settings: &Settings) -> Result<Vec<Named>, LoadError> {
        if let Some(listed) = settings.extra()? {
            return Ok(listed);
        }
        let unused = ["<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"];
        Ok(match self {
            Source::Pieces(pieces) => pieces.added(),
            _ if class == Class::Camembert => {
                unused.map(|text| Named::Text(text.to_owned())).into()
            }
            _ => Vec::new(),
        })
    }

    /// All of tokenizer.json.
    fn whole(
        self,
        class: Class,
        settings: &Settings,
        functions: &[(String, Named)],
        notes: &mut Vec<String>,
    ) -> Result<Whole, LoadError> {
        let from_pieces = matches!(self, Source::Pieces(_));
        let (json, mut files, truncation) = match self {
            Source::Json(json) if class == Class::AsWritten => {
                let json = *json;
                return Ok(Whole {
                    text: json.text,
                    parts: json.parts,
                    files: vec![json.file],
                    unigram: None,
                });
            }
            Source::Json(json) => {
                let json = *json;
                let vocabulary = json.vocabulary()?;
                let around = json.parts.post_processor;
                let whole = rebuilt(class, vocabulary, settings, functions, around)?;
                (whole, vec![json.file], json.parts.truncation)
            }
            Source::Lists(vocabulary) => {
                let files = vocabulary.files.clone();
                let whole = rebuilt(class, vocabulary, settings, functions, Value::Null)?;
                (whole, files, Value::Null)
            }
            Source::Pieces(pieces) => {
                notes.extend(pieces.set_aside(class, class.puts_space(settings)?));
                let whole = if class == Class::AsWritten {
                    let declared = settings.declared.iter();
                    pieces.as_written(declared.map(|(id, token)| (*id, token)))
                } else {
                    let vocabulary = pieces.vocabulary(class, functions);
                    rebuilt(class, vocabulary, settings, functions, Value::Null)?
                };
                (whole, vec![pieces.file], Value::Null)
            }
        };
        let text = json.to_string();
        let unigram = if from_pieces {
            exact_scores(&json).map_err(|source| files::broken(&files[0], source))?
        } else {
            None
        };
        let file = files.remove(0);
        let read = Json::new(file, text)?;
        let parts = Parts {
            truncation,
            ..read.parts
        };
        files.insert(0, read.file);
        Ok(Whole {
            text: read.text,
            parts,
            files,
            unigram,
        })
    }
}

fn class_of(
    dir: &Path,
    config: &Config,
    settings: &Settings,
    json: Option<&Json>,
) -> Result<Chosen, LoadError> {
    let of_config = config.text("tokenizer_class", Some(""))?;
    let of_config = Some(of_config).filter(|class| !class.is_empty());
    let (declared, file) = match settings.class() {
        Some(class) => (Some(class), "tokenizer_config.json"),
        None => (of_config.as_deref(), "config.json"),
    };
    let byte_level = json.is_some_and(|json| json.text.contains("\"ByteLevel\""));
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

/// CamemBERT's mask swallows the space before it, where the files name it by its text alone.
fn mark(class: Class, functions: &mut [(String, Named)]) {
    if class != Class::Camembert {
        return;
    }
    for (key, named) in functions {
        if let (true, Named::Text(text)) = (key == "mask_token", &*named) {
            *named = Named::Token(AddedToken::from(text.clone(), true).lstrip(true));
        }
    }
}
