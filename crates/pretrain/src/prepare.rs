//! Before the first step: the corpus, the tokenizer, the model's directory; or what an earlier process left of them.

use crate::PretrainError;
use crate::config::{Pretraining, Sizes, Source};
use crate::corpus::Corpus;
use crate::masking::Vocabulary;
use crate::model::Model;
use crate::objective::Masked;
use crate::packing::Stream;
use crate::sizes::SpecialIds;
use crate::vocabulary;
use burn::tensor::Device;
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;
use tokenizers::Tokenizer;
use transformer::{Architecture, Precision, Shape, load_backbone, save_weights};

/// Settings of the pretraining that a directory holds.
pub(crate) const SETTINGS_FILE: &str = "pretraining.json";
/// The model's description and its tokenizer, which every checkpoint carries too.
const MODEL_FILES: [&str; 12] = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "spm.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
];

/// Writes the settings into a new directory, or compares them with those of an old one.
///
/// # Errors
/// A directory that cannot be written, or that holds another pretraining.
pub(crate) fn claim(dir: &Path, settings: &Pretraining) -> Result<(), PretrainError> {
    let file = dir.join(SETTINGS_FILE);
    let own = serde_json::to_value(settings).expect("plain data");
    if let Ok(text) = fs::read_to_string(&file) {
        let found: Value = serde_json::from_str(&text).unwrap_or_default();
        return match difference(&found, &own) {
            None => Ok(()),
            Some(differs) => Err(PretrainError::OtherSettings {
                dir: dir.to_path_buf(),
                differs,
            }),
        };
    }
    fs::create_dir_all(dir).map_err(PretrainError::file(dir))?;
    write(&file, format!("{own:#}\n").as_bytes())
}

/// The first setting that only one of them has, or both with unlike values.
fn difference(found: &Value, own: &Value) -> Option<String> {
    let (found, own) = (found.as_object()?, own.as_object()?);
    let all = own.keys().chain(found.keys());
    let of = |settings: &Map<String, Value>, key| settings.get(key).unwrap_or(&Value::Null).clone();
    all.map(|key| (key, of(found, key), of(own, key)))
        .find(|(_, found, own)| found != own)
        .map(|(key, found, own)| format!("{key} is {found} there and {own} here"))
}

/// Writes by rename, so that a reader never sees half a file.
pub(crate) fn write(file: &Path, bytes: &[u8]) -> Result<(), PretrainError> {
    files::write(file, bytes).map_err(PretrainError::file(file))
}

/// config.json and tokenizer in `dir`: trained on the corpus, copied from the model it begins with, or there from an earlier process.
pub(crate) fn tokenizer(
    dir: &Path,
    settings: &Pretraining,
    corpus: &Corpus,
) -> Result<Tokenizer, PretrainError> {
    match &settings.source {
        Source::New(sizes) => {
            if !dir.join("config.json").is_file() {
                let tokenizer = new_tokenizer(dir, settings, sizes, corpus)?;
                let special = SpecialIds {
                    pad: tokenizer.token_to_id("[PAD]"),
                    end: end_of_text(&tokenizer),
                };
                let config =
                    sizes.config_json(tokenizer.get_vocab_size(true), settings.length, special);
                write(&dir.join("config.json"), format!("{config:#}\n").as_bytes())?;
            }
        }
        Source::From(model) => copy_model_files(model, dir)?,
    }
    let file = dir.join("tokenizer.json");
    Tokenizer::from_file(&file).map_err(PretrainError::Tokenizer)
}

/// A tokenizer trained on the corpus, or that of a teacher whose next tokens are learnt.
fn new_tokenizer(
    dir: &Path,
    settings: &Pretraining,
    sizes: &Sizes,
    corpus: &Corpus,
) -> Result<Tokenizer, PretrainError> {
    let teaching = settings.teaching.as_ref();
    if let Some(teaching) = teaching.filter(|teaching| teaching.is_causal()) {
        let file = teaching.teacher.join("tokenizer.json");
        if !file.is_file() {
            return Err(PretrainError::Teacher {
                path: teaching.teacher.clone(),
                reason: "a student of logits takes its teacher's tokenizer.json, and there is none; give a folder in Hugging Face layout that has it".to_owned(),
            });
        }
        let names = MODEL_FILES.iter().filter(|name| **name != "config.json");
        copy_files(names, &teaching.teacher, dir)?;
        return Tokenizer::from_file(&file).map_err(PretrainError::Tokenizer);
    }
    let tokenizer = vocabulary::train(sizes.family, sizes.vocab, corpus)?;
    let text = tokenizer
        .to_string(false)
        .map_err(PretrainError::Tokenizer)?;
    write(&dir.join("tokenizer.json"), text.as_bytes())?;
    let about = vocabulary::settings_json(sizes.family);
    let about = format!("{about:#}\n");
    write(&dir.join("tokenizer_config.json"), about.as_bytes())?;
    Ok(tokenizer)
}

/// The files beside the weights that make a directory a model.
pub(crate) fn copy_model_files(from: &Path, to: &Path) -> Result<(), PretrainError> {
    copy_files(MODEL_FILES.iter(), from, to)
}

fn copy_files<'a>(
    names: impl Iterator<Item = &'a &'static str>,
    from: &Path,
    to: &Path,
) -> Result<(), PretrainError> {
    for name in names {
        let file = from.join(name);
        if file.is_file() {
            fs::copy(&file, to.join(name)).map_err(PretrainError::file(&file))?;
        }
    }
    Ok(())
}

/// A model with its language head from a directory.
pub(crate) fn read_model(dir: &Path, device: &Device) -> Result<Model, PretrainError> {
    let read = load_backbone(dir, device)?;
    match read.language_head {
        Some(head) => Ok(Model::new(read.backbone, head)),
        None => Err(PretrainError::Settings(format!(
            "{} holds no language head, and pretraining goes on from one; give a checkpoint saved with it",
            dir.display()
        ))),
    }
}

/// Writes weights and language head.
pub(crate) fn write_weights(
    file: &Path,
    model: &Model,
    precision: Precision,
) -> Result<(), PretrainError> {
    save_weights(file, &model.backbone, Some(&model.head), precision)?;
    Ok(())
}

/// Tokens of a corpus as this family packs them: word pieces run on, byte pairs keep their line breaks and end with a token.
pub(crate) fn tokenize(
    corpus: &Corpus,
    tokenizer: &Tokenizer,
    shape: &Shape,
) -> Result<Stream, PretrainError> {
    match shape.causal {
        false => Stream::tokenize(corpus, tokenizer, "", None),
        true => Stream::tokenize(corpus, tokenizer, "\n", end_of_text(tokenizer)),
    }
}

fn end_of_text(tokenizer: &Tokenizer) -> Option<u32> {
    [vocabulary::END_OF_TEXT, "</s>", "<|end_of_text|>"]
        .iter()
        .find_map(|token| tokenizer.token_to_id(token))
}

/// The special tokens that masking needs.
///
/// # Errors
/// A tokenizer without them.
pub(crate) fn masked(tokenizer: &Tokenizer, shape: &Shape) -> Result<Masked, PretrainError> {
    // MPNet's vocabulary holds BERT's names too, as words that stand for nothing: the family's own come first.
    let begins_as_roberta = matches!(
        shape.architecture,
        Architecture::Roberta | Architecture::Mpnet
    );
    let id = |[bert, roberta]: [&str; 2]| {
        let names = if begins_as_roberta {
            [roberta, bert]
        } else {
            [bert, roberta]
        };
        let found = names.iter().find_map(|name| tokenizer.token_to_id(name));
        found.ok_or_else(|| {
            PretrainError::Settings(format!(
                "the tokenizer has neither {} nor {}, which masked pretraining needs",
                names[0], names[1]
            ))
        })
    };
    let (cls, sep, mask) = (
        id(["[CLS]", "<s>"])?,
        id(["[SEP]", "</s>"])?,
        id(["[MASK]", "<mask>"])?,
    );
    let first_word = if begins_as_roberta {
        4
    } else {
        vocabulary::BERT_TOKENS.len() as u32
    };
    // Random replacements come from ids that the tokenizer can give.
    let size = (tokenizer.get_vocab_size(true) as u32).min(shape.vocab as u32);
    Ok(Masked {
        cls,
        sep,
        vocabulary: Vocabulary {
            size,
            first_word: first_word.min(size - 1),
            mask,
        },
    })
}

/// Whether in-context episodes are part of the mixture.
pub(crate) fn is_episodic(settings: &Pretraining, shape: &Shape) -> bool {
    shape.causal && settings.episode_share > 0.0
}
