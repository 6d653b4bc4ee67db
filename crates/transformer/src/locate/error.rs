//! Why a model cannot be had, with the next step.

use std::path::PathBuf;

use thiserror::Error;

use crate::load::index::IndexError;
use crate::load::instead;

/// A model that is neither a directory, nor a GGUF file, nor to be had from the Hub.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LocateError {
    /// A directory without a model.
    #[error("the directory {} holds no config.json; give a model directory in Hugging Face layout{hint}", dir.display())]
    NoConfig {
        /// The directory.
        dir: PathBuf,
        /// Where one is.
        hint: String,
    },
    /// A directory without config.json, with more than one GGUF file.
    #[error("the directory {} holds {} GGUF files; give one of them, such as {}", dir.display(), files.len(), files[0].display())]
    SeveralFiles {
        /// The directory.
        dir: PathBuf,
        /// At least two.
        files: Vec<PathBuf>,
    },
    /// An adapter where a model is asked for.
    #[error("{}", instead::adapter_hint(model, base))]
    Adapter {
        /// What was asked for.
        model: String,
        /// The model it was trained on, if it says.
        base: String,
    },
    /// A file where a directory is asked for.
    #[error("{} is a file; give the directory that holds config.json and model.safetensors{hint}", file.display())]
    IsFile {
        /// The file.
        file: PathBuf,
        /// The directory, where it is one.
        hint: String,
    },
    /// A file of the model that cannot be read to its end.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What stands there.
        source: std::io::Error,
    },
    /// Neither a directory nor like `org/name`.
    #[error(
        "there is no directory \"{model}\", and it is not a Hub id either; those look like org/name"
    )]
    NotAnId {
        /// What was asked for.
        model: String,
    },
    /// Offline and not in the cache.
    #[error(
        "HF_HUB_OFFLINE is set and {file} of \"{model}\" is not in the cache {}; run once without HF_HUB_OFFLINE, or give a directory",
        cache.display()
    )]
    Offline {
        /// The Hub id.
        model: String,
        /// The missing file.
        file: String,
        /// The cache.
        cache: PathBuf,
    },
    /// The Hub does not have it.
    #[error(
        "{endpoint} has no {file} for \"{model}\" (HTTP {status}); check the name, and HF_TOKEN if the model is private or gated"
    )]
    NotFound {
        /// The Hub id.
        model: String,
        /// The missing file.
        file: String,
        /// The Hub.
        endpoint: String,
        /// 401, 403 or 404.
        status: u16,
    },
    /// The Hub has GGUF files of the model, and nothing else.
    #[error(
        "{endpoint} has no config.json for \"{model}\", which seems to be a repository of GGUF files; fetch one of them and give its path, or name the model that they were made from"
    )]
    Gguf {
        /// The Hub id.
        model: String,
        /// The Hub.
        endpoint: String,
    },
    /// The Hub has the model, in a format that is not read.
    #[error(
        "{endpoint} has neither model.safetensors nor model.safetensors.index.json for \"{model}\"; look for a revision in safetensors format, or convert its pytorch_model.bin, if it has one, and give that directory: {conversion}"
    )]
    NoWeights {
        /// The Hub id.
        model: String,
        /// The Hub.
        endpoint: String,
        /// The command that converts.
        conversion: String,
    },
    /// An index of shards that is damaged, or leads out of the model's directory.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Anything else on the way.
    #[error(
        "cannot fetch {file} of \"{model}\" from {endpoint}: {source}; set HF_ENDPOINT for a mirror, HF_HUB_OFFLINE=1 to use the cache alone, or give a directory"
    )]
    Fetch {
        /// The Hub id.
        model: String,
        /// The file under way.
        file: String,
        /// The Hub.
        endpoint: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
