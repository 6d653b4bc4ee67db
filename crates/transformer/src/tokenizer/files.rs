//! The files a tokenizer may come in: tokenizer.json, else the older vocab.txt (WordPiece) or vocab.json + merges.txt (BPE).

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::bpe::BPE;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::{AddedToken, TruncationDirection};

use super::TokenizerError;
use crate::config::Config;
use crate::load::LoadError;
use crate::shape::Architecture;

pub(super) struct Read {
    pub(super) tokenizer: tokenizers::Tokenizer,
    /// The first is the one to name in an error.
    pub(super) files: Vec<PathBuf>,
    pub(super) settings: Settings,
}

pub(super) fn read(dir: &Path, architecture: Architecture) -> Result<Read, LoadError> {
    let settings = Settings::read(dir)?;
    let at = |name: &str| Some(dir.join(name)).filter(|file| file.is_file());
    let (tokenizer, mut files) = if let Some(file) = at("tokenizer.json") {
        let read = tokenizers::Tokenizer::from_file(&file);
        (read.map_err(|source| broken(&file, source))?, vec![file])
    } else if let (Some(vocab), Some(merges)) = (at("vocab.json"), at("merges.txt")) {
        let built = byte_pairs(&vocab, &merges, architecture, &settings);
        (
            built.map_err(|source| broken(&vocab, source))?,
            vec![vocab, merges],
        )
    } else if let Some(file) = at("vocab.txt") {
        let built = word_pieces(&file, &settings);
        (built.map_err(|source| broken(&file, source))?, vec![file])
    } else {
        let hint = match at("tokenizer.model").or(at("sentencepiece.bpe.model")) {
            Some(file) => format!(
                "; {} is a SentencePiece model: convert it with `AutoTokenizer.from_pretrained(..).save_pretrained(..)` of transformers",
                file.display()
            ),
            None => ", nor vocab.txt, nor vocab.json with merges.txt".to_owned(),
        };
        let dir = dir.to_path_buf();
        return Err(TokenizerError::Missing { dir, hint }.into());
    };
    files.extend(settings.files.iter().cloned());
    Ok(Read {
        tokenizer,
        files,
        settings,
    })
}

fn broken(file: &Path, source: tokenizers::Error) -> TokenizerError {
    TokenizerError::Broken {
        file: file.to_path_buf(),
        source,
    }
}

/// BERT's tokenizer from its word list, as `BertTokenizerFast` builds it.
fn word_pieces(vocab: &Path, settings: &Settings) -> tokenizers::Result<tokenizers::Tokenizer> {
    let name = |key: &str, usual: &str| settings.token(key).unwrap_or_else(|| usual.to_owned());
    let unknown = name("unk_token", "[UNK]");
    let model = WordPiece::from_file(&vocab.to_string_lossy()).unk_token(unknown.clone());
    let mut tokenizer = tokenizers::Tokenizer::new(model.build()?);
    let lower = settings.flag("do_lower_case").unwrap_or(true);
    let chinese = settings.flag("tokenize_chinese_chars").unwrap_or(true);
    let strip = settings.flag("strip_accents");
    tokenizer.with_normalizer(Some(BertNormalizer::new(true, chinese, strip, lower)));
    tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
    tokenizer.with_decoder(Some(WordPieceDecoder::default()));
    let (cls, sep) = (name("cls_token", "[CLS]"), name("sep_token", "[SEP]"));
    let others = [
        name("pad_token", "[PAD]"),
        name("mask_token", "[MASK]"),
        unknown,
    ];
    let ends = (with_id(&tokenizer, &sep)?, with_id(&tokenizer, &cls)?);
    tokenizer.with_post_processor(Some(BertProcessing::new(ends.0, ends.1)));
    add_special(&mut tokenizer, others.into_iter().chain([cls, sep]));
    Ok(tokenizer)
}

/// GPT-2's and RoBERTa's tokenizer from their word list and merges.
fn byte_pairs(
    vocab: &Path,
    merges: &Path,
    architecture: Architecture,
    settings: &Settings,
) -> tokenizers::Result<tokenizers::Tokenizer> {
    let model = BPE::from_file(&vocab.to_string_lossy(), &merges.to_string_lossy());
    let mut tokenizer = tokenizers::Tokenizer::new(model.build()?);
    let space = settings.flag("add_prefix_space").unwrap_or(false);
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(space, true, true)));
    tokenizer.with_decoder(Some(ByteLevel::default()));
    let name = |key: &str, usual: &str| settings.token(key).unwrap_or_else(|| usual.to_owned());
    if architecture == Architecture::Roberta {
        let (cls, sep) = (name("cls_token", "<s>"), name("sep_token", "</s>"));
        let ends = (with_id(&tokenizer, &sep)?, with_id(&tokenizer, &cls)?);
        let processor = RobertaProcessing::new(ends.0, ends.1).add_prefix_space(space);
        tokenizer.with_post_processor(Some(processor));
        let others = [name("pad_token", "<pad>"), name("unk_token", "<unk>")];
        add_special(&mut tokenizer, others.into_iter().chain([cls, sep]));
        // The masked word swallows the space before it, as in RobertaTokenizerFast.
        let mask = AddedToken::from(name("mask_token", "<mask>"), true).lstrip(true);
        if tokenizer.token_to_id(&mask.content).is_some() {
            tokenizer.add_special_tokens(&[mask]);
        }
    } else {
        tokenizer.with_post_processor(Some(ByteLevel::new(true, false, true)));
        add_special(&mut tokenizer, [name("eos_token", "<|endoftext|>")]);
    }
    Ok(tokenizer)
}

/// Only words that the vocabulary has: a new id would have no embedding.
fn add_special(tokenizer: &mut tokenizers::Tokenizer, words: impl IntoIterator<Item = String>) {
    let mut words: Vec<String> = words.into_iter().collect();
    words.retain(|word| tokenizer.token_to_id(word).is_some());
    let tokens = words.into_iter().map(|word| AddedToken::from(word, true));
    tokenizer.add_special_tokens(&tokens.collect::<Vec<_>>());
}

fn with_id(tokenizer: &tokenizers::Tokenizer, word: &str) -> tokenizers::Result<(String, u32)> {
    match tokenizer.token_to_id(word) {
        Some(id) => Ok((word.to_owned(), id)),
        None => Err(format!("the vocabulary has no \"{word}\"").into()),
    }
}

/// What tokenizer_config.json and special_tokens_map.json say.
pub(super) struct Settings {
    fields: Map<String, Value>,
    files: Vec<PathBuf>,
}

impl Settings {
    fn read(dir: &Path) -> Result<Settings, LoadError> {
        let mut settings = Settings {
            fields: Map::new(),
            files: Vec::new(),
        };
        // The first file that names a token wins.
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            let file = dir.join(name);
            if !file.is_file() {
                continue;
            }
            let text = match std::fs::read_to_string(&file) {
                Ok(text) => text,
                Err(source) => return Err(LoadError::Read { file, source }),
            };
            match serde_json::from_str::<Map<String, Value>>(&text) {
                Ok(fields) => {
                    for (key, value) in fields {
                        settings.fields.entry(key).or_insert(value);
                    }
                }
                Err(source) => return Err(LoadError::Json { file, source }),
            }
            settings.files.push(file);
        }
        Ok(settings)
    }

    /// A special token, written as a text or as an object with `content`.
    fn token(&self, key: &str) -> Option<String> {
        let value = self.fields.get(key)?;
        let text = value.as_str().or_else(|| value.get("content")?.as_str());
        text.map(str::to_owned)
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.fields.get(key)?.as_bool()
    }

    pub(super) fn truncation_side(&self) -> TruncationDirection {
        match self.fields.get("truncation_side").and_then(Value::as_str) {
            Some("left") => TruncationDirection::Left,
            _ => TruncationDirection::Right,
        }
    }
}

/// Ids of the tokens with a function.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SpecialTokens {
    pub(super) pad: Option<u32>,
    pub(super) mask: Option<u32>,
    pub(super) bos: Option<u32>,
    pub(super) eos: Option<u32>,
    pub(super) cls: Option<u32>,
    pub(super) sep: Option<u32>,
    pub(super) unk: Option<u32>,
}

impl SpecialTokens {
    /// By the tokenizer's own settings, else by config.json, else by the names that nearly all checkpoints use.
    pub(super) fn resolve(
        tokenizer: &tokenizers::Tokenizer,
        settings: &Settings,
        config: &Config,
    ) -> Result<SpecialTokens, LoadError> {
        let named = |key: &str| {
            let name = settings.token(key);
            name.and_then(|name| tokenizer.token_to_id(&name))
        };
        let usual = |names: &[&str]| names.iter().find_map(|name| tokenizer.token_to_id(name));
        Ok(SpecialTokens {
            pad: named("pad_token")
                .or(config.id("pad_token_id")?)
                .or(usual(&["[PAD]", "<pad>"])),
            mask: named("mask_token").or(usual(&["[MASK]", "<mask>"])),
            bos: named("bos_token").or(config.id("bos_token_id")?),
            eos: named("eos_token").or(config.id("eos_token_id")?),
            cls: named("cls_token").or(usual(&["[CLS]"])),
            sep: named("sep_token").or(usual(&["[SEP]"])),
            unk: named("unk_token").or(usual(&["[UNK]", "<unk>"])),
        })
    }
}
