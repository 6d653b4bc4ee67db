//! model.safetensors.index.json: which shard holds which tensor. Its maker is not trusted with places on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hub::OutsideName;
use thiserror::Error;

/// All weights in one file.
pub(crate) const SINGLE: &str = "model.safetensors";
/// Weights in several.
pub(crate) const INDEX: &str = "model.safetensors.index.json";

/// Models of a hundred thousand tensors have indices of 10 MB.
const INDEX_BYTES: u64 = 64 << 20;

/// An index that cannot be followed.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The operating system refused, or it is no plain file.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// model.safetensors.index.json.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not JSON, or without its fields.
    #[error("{} is not an index of shards: {source}", file.display())]
    Json {
        /// model.safetensors.index.json.
        file: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// No tensor at all.
    #[error("{} names no tensor: its \"weight_map\" is empty; fetch it again", file.display())]
    Empty {
        /// model.safetensors.index.json.
        file: PathBuf,
    },
    /// A name that leads out of the model's directory.
    #[error("{}: {source}", file.display())]
    Outside {
        /// model.safetensors.index.json.
        file: PathBuf,
        /// The name.
        source: OutsideName,
    },
}

/// The shard of each tensor; at least one, all inside the folder.
pub(crate) fn read(file: &Path) -> Result<BTreeMap<String, String>, IndexError> {
    #[derive(serde::Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let file = file.to_path_buf();
    let text = match files::read_text(&file, INDEX_BYTES) {
        Ok(text) => text,
        Err(source) => return Err(IndexError::Read { file, source }),
    };
    let weight_map = match serde_json::from_str::<Index>(&text) {
        Ok(index) => index.weight_map,
        Err(source) => return Err(IndexError::Json { file, source }),
    };
    if weight_map.is_empty() {
        return Err(IndexError::Empty { file });
    }
    match weight_map
        .values()
        .find_map(|shard| hub::inside(shard).err())
    {
        None => Ok(weight_map),
        Some(source) => Err(IndexError::Outside { file, source }),
    }
}
