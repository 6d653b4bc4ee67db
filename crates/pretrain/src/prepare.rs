//! Before the first step: the corpus, the tokenizer, the model's directory; or what an earlier process left of them.

use crate::PretrainError;
use crate::config::{Pretraining, Source, SpecialIds};
use crate::corpus::Corpus;
use crate::first_weights;
use crate::masking::Vocabulary;
use crate::model::Model;
use crate::objective::Masked;
use crate::packing::Stream;
use crate::vocabulary;
use burn::tensor::Device;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tokenizers::Tokenizer;
use transformer::{Architecture, Precision, Shape, load_backbone, load_shape, save_weights};

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

/// Texts to train on and texts to measure on.
pub(crate) fn read_corpus(settings: &Pretraining) -> Result<(Corpus, Corpus), PretrainError> {
    let mut corpus = Corpus::read(&settings.corpus)?;
    let held_out = match settings.held_out.is_empty() {
        true => corpus.split_off_held_out(),
        false => Corpus::read(&settings.held_out)?,
    };
    Ok((corpus, held_out))
}

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

fn difference(found: &Value, own: &Value) -> Option<String> {
    let own = own.as_object()?;
    let differs = own
        .iter()
        .find(|(key, value)| found.get(key.as_str()) != Some(value));
    differs.map(|(key, value)| {
        format!(
            "{key} is {} there and {value} here",
            found.get(key).unwrap_or(&Value::Null)
        )
    })
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
                let tokenizer = vocabulary::train(sizes.family, sizes.vocab, corpus)?;
                let text = tokenizer
                    .to_string(false)
                    .map_err(PretrainError::Tokenizer)?;
                write(&dir.join("tokenizer.json"), text.as_bytes())?;
                write(
                    &dir.join("tokenizer_config.json"),
                    format!("{:#}\n", vocabulary::settings_json(sizes.family)).as_bytes(),
                )?;
                let special = SpecialIds {
                    pad: tokenizer.token_to_id("[PAD]"),
                    end: tokenizer.token_to_id(vocabulary::END_OF_TEXT),
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

/// The files beside the weights that make a directory a model.
pub(crate) fn copy_model_files(from: &Path, to: &Path) -> Result<(), PretrainError> {
    for name in MODEL_FILES {
        let file = from.join(name);
        if file.is_file() {
            fs::copy(&file, to.join(name)).map_err(PretrainError::file(&file))?;
        }
    }
    Ok(())
}

/// The model of the first step.
pub(crate) fn first_model(
    dir: &Path,
    settings: &Pretraining,
    stream: &Stream,
    device: &Device,
) -> Result<Model, PretrainError> {
    match &settings.source {
        Source::New(_) => {
            let shape = load_shape(dir)?;
            Ok(first_weights::fresh(&shape, settings, stream, device))
        }
        Source::From(model) => read_model(model, device),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn given_held_out_files_are_measured_on_and_not_trained_on() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            fs::write(&path, format!("{name}\n")).unwrap();
            path
        };
        let settings: Pretraining = serde_json::from_value(json!({
            "source": {"from": "model"}, "corpus": [file("train")], "held_out": [file("held out")], "tokens": 1, "length": 16, "batch": 1,
            "short_share": 0.0, "episode_share": 0.0, "repeat_share": 0.0, "look_up_share": 0.0, "label_weight": 1, "mask_share": 0.15, "left_to_right_share": 0.0, "neighbour_weight": 0.0, "embeddings": "random",
            "learning_rate": 1e-3, "warmup_share": 0.0, "weight_decay": 0.0, "clip_norm": 1.0, "seed": 0,
        }))
        .unwrap();
        let (corpus, held_out) = read_corpus(&settings).unwrap();
        let texts = |part: &Corpus| part.documents[0].paragraphs.clone();
        assert_eq!(texts(&corpus), ["train"]);
        assert_eq!(texts(&held_out), ["held out"]);
    }
}
