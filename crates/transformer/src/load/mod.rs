//! Reading a model directory in Hugging Face layout. Every tensor in the file is accounted for.

mod build;
mod errors;
mod family;
mod header;
mod heads;
pub(crate) mod index;
pub(crate) mod instead;
mod names;
mod plan;
mod random;
mod tensors;
mod values;
mod wrapping;

use std::path::{Path, PathBuf};

use burn::tensor::Device;

pub use errors::LoadError;
pub(crate) use heads::{head_names, save_prefix};
pub use index::IndexError;
pub use names::{ParameterName, Storage};

use crate::backbone::Backbone;
use crate::config::Config;
use crate::digest::{digest_files, model_digest_with};
use crate::language_head::{LanguageHead, Pooler};
use crate::sentence::SentenceFolder;
use crate::shape::Shape;
use crate::tokenizer::Tokenizer;
use build::Arrays;
use plan::Plan;
pub(crate) use tensors::{Checkpoint, Wanted};

/// A pretrained model, ready to run.
#[derive(Clone, Debug)]
pub struct Pretrained {
    /// The transformer.
    pub backbone: Backbone,
    /// Its sizes.
    pub shape: Shape,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// The output layer of its pretraining, where the file has one or the embeddings are tied.
    pub language_head: Option<LanguageHead>,
    /// BERT's pooler, where the file has one.
    pub pooler: Option<Pooler>,
    /// What was in the directory and was not used, or is unusual.
    pub warnings: Vec<String>,
    /// sha256 of the weight files.
    pub digest: String,
    /// [`model_digest`](crate::model_digest) of the directory: of every file that decides what is computed.
    pub files_digest: String,
    /// sha256 of config.json.
    pub config_digest: String,
    /// sha256 of the files the tokenizer was read from.
    pub tokenizer_digest: String,
    /// The directory's name, or the Hub id it was fetched by.
    pub name: String,
    /// What sentence-transformers would make of its states.
    pub sentence: SentenceFolder,
}

/// A pretrained model without its tokenizer.
#[derive(Clone, Debug)]
pub struct PretrainedBackbone {
    /// The transformer.
    pub backbone: Backbone,
    /// Its sizes.
    pub shape: Shape,
    /// See [`Pretrained::language_head`].
    pub language_head: Option<LanguageHead>,
    /// See [`Pretrained::pooler`].
    pub pooler: Option<Pooler>,
    /// See [`Pretrained::warnings`].
    pub warnings: Vec<String>,
    /// See [`Pretrained::digest`].
    pub digest: String,
    /// See [`Pretrained::config_digest`].
    pub config_digest: String,
    /// See [`Pretrained::name`].
    pub name: String,
}

/// Reads a model directory: weights, configuration and tokenizer, all checked.
///
/// # Errors
/// Anything missing, damaged, of the wrong shape or not supported; see [`LoadError`].
pub fn load(dir: &Path, device: &Device) -> Result<Pretrained, LoadError> {
    let config = Config::read(dir)?;
    let shape = config.shape()?;
    let tokenizer = Tokenizer::read(dir, &shape, &config)?; // Cheap; before the weights, so that its errors come at once.
    let read = read_weights(dir, &config, shape, device)?;
    let mut warnings = read.warnings;
    warnings.extend(tokenizer.warnings().iter().cloned());
    Ok(Pretrained {
        sentence: SentenceFolder::read(dir, read.shape.hidden, device),
        backbone: read.backbone,
        shape: read.shape,
        tokenizer_digest: digest_files(tokenizer.files())?,
        tokenizer,
        language_head: read.language_head,
        pooler: read.pooler,
        warnings,
        files_digest: model_digest_with(dir, Some(&read.digest))?,
        digest: read.digest,
        config_digest: read.config_digest,
        name: read.name,
    })
}

/// Reads a model directory that has no tokenizer, or whose tokenizer is not wanted.
///
/// # Errors
/// As [`load`].
pub fn load_backbone(dir: &Path, device: &Device) -> Result<PretrainedBackbone, LoadError> {
    let config = Config::read(dir)?;
    let shape = config.shape()?;
    read_weights(dir, &config, shape, device)
}

/// Reads only config.json.
///
/// # Errors
/// If it is missing, malformed or describes a model that is not supported.
pub fn load_shape(dir: &Path) -> Result<Shape, LoadError> {
    Config::read(dir)?.shape()
}

fn read_weights(
    dir: &Path,
    config: &Config,
    shape: Shape,
    device: &Device,
) -> Result<PretrainedBackbone, LoadError> {
    let mut checkpoint = Checkpoint::open(dir)?;
    let mut warnings = config.notes(&shape, checkpoint.narrow_format())?;
    warnings.extend(instead::adapter_beside(dir));
    if let Some(wrapper) = checkpoint.unwrap(shape.architecture)? {
        warnings.push(format!(
            "names of tensors are read without the \"{wrapper}\" in them, which a wrapper around the model put there"
        ));
    }
    let mut plan = Plan::new(&shape, &checkpoint)?;
    plan.account_for_the_rest(&shape, &checkpoint)?;
    for wanted in plan.all() {
        checkpoint.check(wanted)?;
    }
    let (digest, arrays) = rayon::join(
        || checkpoint.digest(),
        || {
            let backbone = checkpoint.read(&plan.backbone)?;
            let head = checkpoint.read(&plan.head)?;
            Ok::<_, LoadError>((backbone, head, checkpoint.read(&plan.pooler)?))
        },
    );
    let (backbone, head, pooler) = arrays?;
    if let Some(decoder) = &plan.tied_decoder {
        let own = checkpoint.read(std::slice::from_ref(decoder))?;
        if own["decoder"] != backbone["embeddings.word.weight"] {
            warnings.push(format!(
                "\"{}\" differs from the word embeddings, and config.json ties them (tie_word_embeddings): the embeddings are used",
                checkpoint.spelt(&decoder.tensor)
            ));
        }
    }
    let backbone = Arrays::new(backbone, device).backbone(&shape);
    let language_head = plan.has_head.then(|| {
        let words = &backbone.embeddings.word;
        Arrays::new(head, device).language_head(&shape, words)
    });
    let has_pooler = !pooler.is_empty();
    warnings.extend(plan.warnings);
    Ok(PretrainedBackbone {
        language_head,
        pooler: has_pooler.then(|| Arrays::new(pooler, device).pooler()),
        warnings,
        digest: digest?,
        config_digest: digest_files(&[dir.join("config.json")])?,
        name: model_name(dir),
        backbone,
        shape,
    })
}

impl Backbone {
    /// Every parameter with its path here and its name in a checkpoint of this family (without a prefix such as `bert.`).
    pub fn parameter_names(&self) -> Vec<ParameterName> {
        names::backbone(self.shape()).collect()
    }
}

/// The Hub id of a snapshot in the Hub's cache (`models--org--name/snapshots/<commit>`), else the directory's own name.
fn model_name(dir: &Path) -> String {
    let dir: PathBuf = std::path::absolute(dir).unwrap_or_else(|_| dir.to_path_buf());
    let mut parts = dir
        .components()
        .rev()
        .map(|part| part.as_os_str().to_string_lossy());
    let own = parts.next().unwrap_or_default().into_owned();
    let is_snapshot = parts.next().is_some_and(|part| part == "snapshots");
    let repository = parts.next().filter(|_| is_snapshot);
    match repository
        .as_deref()
        .and_then(|name| name.strip_prefix("models--"))
    {
        Some(name) => name.replacen("--", "/", 1),
        None => own,
    }
}
