//! Reading a model: a directory in Hugging Face layout, or a GGUF file. Every tensor in it is accounted for.

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
mod source;
mod tensors;
mod values;
mod wrapping;

use std::path::Path;

use burn::tensor::Device;

pub use errors::LoadError;
pub use heads::classifier_prefix;
pub(crate) use heads::{head_names, save_prefix};
pub use index::IndexError;
pub use names::{ParameterName, Storage};

use crate::backbone::Backbone;
use crate::config::Config;
use crate::digest::model_digest_with;
use crate::language_head::{LanguageHead, Pooler};
use crate::sentence::SentenceFolder;
use crate::shape::Shape;
use crate::tokenizer::Tokenizer;
use build::Arrays;
use plan::Plan;
use source::Source;
pub(crate) use tensors::{Checkpoint, Wanted};
pub(crate) use values::place;

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
    /// sha256 of config.json, or of the one file that holds everything.
    pub config_digest: String,
    /// sha256 of the files the tokenizer was read from.
    pub tokenizer_digest: String,
    /// The directory's name (the file's, without its ending), or the Hub id it was fetched by.
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

/// Reads a model, a directory or a GGUF file: weights, configuration and tokenizer, all checked.
///
/// # Errors
/// Anything missing, damaged, of the wrong shape or not supported; see [`LoadError`].
pub fn load(path: &Path, device: &Device) -> Result<Pretrained, LoadError> {
    let source = Source::open(path)?;
    let config = source.config()?;
    let shape = config.shape()?;
    let tokenizer = source.tokenizer(&shape, &config)?; // Cheap; before the weights, so that its errors come at once.
    let read = read_weights(&source, &config, shape, device)?;
    let mut warnings = read.warnings;
    warnings.extend(tokenizer.warnings().iter().cloned());
    Ok(Pretrained {
        sentence: source.sentence(read.shape.hidden, device),
        backbone: read.backbone,
        shape: read.shape,
        tokenizer_digest: source.tokenizer_digest(&tokenizer, &read.digest)?,
        tokenizer,
        language_head: read.language_head,
        pooler: read.pooler,
        warnings,
        files_digest: model_digest_with(source.path(), Some(&read.digest))?,
        digest: read.digest,
        config_digest: read.config_digest,
        name: read.name,
    })
}

/// Reads a model that has no tokenizer, or whose tokenizer is not wanted.
///
/// # Errors
/// As [`load`].
pub fn load_backbone(path: &Path, device: &Device) -> Result<PretrainedBackbone, LoadError> {
    let source = Source::open(path)?;
    let config = source.config()?;
    let shape = config.shape()?;
    read_weights(&source, &config, shape, device)
}

/// Reads only config.json, or the metadata of a GGUF file.
///
/// # Errors
/// If it is missing, malformed or describes a model that is not supported.
pub fn load_shape(path: &Path) -> Result<Shape, LoadError> {
    Source::open(path)?.config()?.shape()
}

fn read_weights(
    source: &Source,
    config: &Config,
    shape: Shape,
    device: &Device,
) -> Result<PretrainedBackbone, LoadError> {
    let mut checkpoint = source.checkpoint()?;
    let mut warnings = config.notes(&shape, checkpoint.narrow_format())?;
    warnings.extend(source.notes());
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
    let pooler = has_pooler.then(|| {
        let activation = heads::pooler_activation(&shape);
        Arrays::new(pooler, device).pooler(activation)
    });
    warnings.extend(plan.warnings);
    let digest = digest?;
    Ok(PretrainedBackbone {
        language_head,
        pooler,
        warnings,
        config_digest: source.config_digest(&digest)?,
        digest,
        name: source.name(),
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
