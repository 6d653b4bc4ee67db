//! Reading a model directory in Hugging Face layout. Every tensor in the file is accounted for.

mod build;
mod errors;
mod header;
mod heads;
mod names;
mod random;
mod tensors;

use std::path::{Path, PathBuf};

use burn::tensor::Device;

pub use errors::LoadError;
pub(crate) use heads::{head_names, save_prefix};
pub use names::{ParameterName, Storage};

use crate::backbone::Backbone;
use crate::config::Config;
use crate::digest::{digest_files, model_digest_with};
use crate::language_head::{LanguageHead, Pooler};
use crate::shape::Shape;
use crate::tokenizer::Tokenizer;
use build::Arrays;
use tensors::{Checkpoint, Wanted};

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
    let read = read_weights(dir, shape, device)?;
    let mut warnings = read.warnings;
    warnings.extend(tokenizer.warnings().iter().cloned());
    Ok(Pretrained {
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
    let shape = Config::read(dir)?.shape()?;
    read_weights(dir, shape, device)
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
    shape: Shape,
    device: &Device,
) -> Result<PretrainedBackbone, LoadError> {
    let checkpoint = Checkpoint::open(dir)?;
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
            plan.warnings.push(format!(
                "\"{}\" differs from the word embeddings, and config.json ties them (tie_word_embeddings): the embeddings are used",
                decoder.tensor
            ));
        }
    }
    let backbone = Arrays::new(backbone, device).backbone(&shape);
    let language_head = plan.has_head.then(|| {
        let words = &backbone.embeddings.word;
        Arrays::new(head, device).language_head(&shape, words)
    });
    let has_pooler = !pooler.is_empty();
    Ok(PretrainedBackbone {
        language_head,
        pooler: has_pooler.then(|| Arrays::new(pooler, device).pooler()),
        warnings: plan.warnings,
        digest: digest?,
        config_digest: digest_files(&[dir.join("config.json")])?,
        name: model_name(dir),
        backbone,
        shape,
    })
}

/// Which tensor goes where, decided by names alone.
struct Plan {
    prefix: &'static str,
    backbone: Vec<Wanted>,
    has_head: bool,
    head: Vec<Wanted>,
    pooler: Vec<Wanted>,
    /// Second names of tensors that are read under their first.
    doubles: Vec<String>,
    /// An output matrix in the file although config.json ties it to the word embeddings.
    tied_decoder: Option<Wanted>,
    warnings: Vec<String>,
}

impl Plan {
    fn new(shape: &Shape, checkpoint: &Checkpoint) -> Result<Plan, LoadError> {
        let names = names::backbone(shape);
        let anchor = &names[0].tensor; // The word embeddings.
        let mut prefixes = names::prefixes(shape.architecture).iter();
        let prefix = prefixes.find(|prefix| checkpoint.contains(&format!("{prefix}{anchor}")));
        let prefix = *prefix.unwrap_or(&"");
        let backbone = find_all(checkpoint, prefix, names)?;
        let pooler = heads::pooler(shape);
        let has_pooler = pooler
            .iter()
            .any(|name| checkpoint.find(prefix, &name.tensor).is_some());
        let pooler = match has_pooler {
            true => find_all(checkpoint, prefix, pooler)?,
            false => Vec::new(),
        };
        let mut plan = Plan {
            prefix,
            backbone,
            has_head: false,
            head: Vec::new(),
            pooler,
            doubles: Vec::new(),
            tied_decoder: None,
            warnings: Vec::new(),
        };
        plan.add_language_head(shape, checkpoint)?;
        Ok(plan)
    }

    fn add_language_head(
        &mut self,
        shape: &Shape,
        checkpoint: &Checkpoint,
    ) -> Result<(), LoadError> {
        let names = heads::language_head(shape, checkpoint);
        let mut found = names.parameters.iter();
        let causal = names.parameters.is_empty();
        let has_transform = found.any(|name| checkpoint.find("", &name.tensor).is_some());
        let has_decoder = checkpoint.contains(names.decoder);
        self.has_head = match causal {
            true => has_decoder || shape.tied_embeddings,
            false => has_transform,
        };
        if !self.has_head {
            return Ok(());
        }
        self.head = find_all(checkpoint, "", names.parameters)?;
        let doubles = names
            .doubles
            .iter()
            .filter(|name| checkpoint.contains(name));
        self.doubles.extend(doubles.map(|name| name.to_string()));
        let decoder = Wanted {
            name: ParameterName {
                path: "decoder".to_owned(),
                tensor: names.decoder.to_owned(),
                dims: vec![shape.vocab, shape.hidden],
                storage: Storage::Same,
            },
            tensor: names.decoder.to_owned(),
        };
        match (shape.tied_embeddings, has_decoder) {
            (true, true) => self.tied_decoder = Some(decoder),
            (true, false) => {}
            (false, true) => self.head.push(decoder),
            (false, false) => {
                return Err(LoadError::MissingTensor {
                    tensor: names.decoder.to_owned(),
                    file: checkpoint.file_of(names.decoder),
                });
            }
        }
        Ok(())
    }

    /// Every tensor that is read.
    fn all(&self) -> impl Iterator<Item = &Wanted> {
        let parts = self.backbone.iter().chain(&self.head).chain(&self.pooler);
        parts.chain(&self.tied_decoder)
    }

    /// What is left: constants of old versions pass silently, heads are named in a warning, strangers inside the backbone
    /// mean that config.json and weights do not belong together.
    fn account_for_the_rest(
        &mut self,
        shape: &Shape,
        checkpoint: &Checkpoint,
    ) -> Result<(), LoadError> {
        let mut used: std::collections::HashSet<&str> = std::collections::HashSet::new();
        for wanted in self.all() {
            used.insert(&wanted.tensor);
        }
        used.extend(self.doubles.iter().map(String::as_str));
        let mut unused = Vec::new();
        for name in checkpoint
            .names()
            .filter(|name| !used.contains(name.as_str()))
        {
            let inner = name.strip_prefix(self.prefix);
            if inner.is_some_and(|inner| heads::is_buffer(shape.architecture, inner)) {
                continue;
            }
            if inner.is_some_and(|inner| heads::is_inside_backbone(shape.architecture, inner)) {
                return Err(LoadError::UnexpectedTensor {
                    tensor: name.clone(),
                    file: checkpoint.file_of(name),
                });
            }
            unused.push(name.as_str());
        }
        if !unused.is_empty() {
            let warning = format!("tensors that are not used: {}", unused.join(", "));
            self.warnings.push(warning);
        }
        Ok(())
    }
}

fn find_all(
    checkpoint: &Checkpoint,
    prefix: &str,
    names: Vec<ParameterName>,
) -> Result<Vec<Wanted>, LoadError> {
    let found = names
        .into_iter()
        .map(|name| match checkpoint.find(prefix, &name.tensor) {
            Some(tensor) => Ok(Wanted { name, tensor }),
            None => {
                let tensor = format!("{prefix}{}", name.tensor);
                let file = checkpoint.file_of(&tensor);
                Err(LoadError::MissingTensor { tensor, file })
            }
        });
    found.collect()
}

impl Backbone {
    /// Every parameter with its path here and its name in a checkpoint of this family (without a prefix such as `bert.`).
    pub fn parameter_names(&self) -> Vec<ParameterName> {
        names::backbone(self.shape())
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
