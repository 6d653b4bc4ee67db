//! What can be wrong with a model directory, said with names, found, expected and the next step.

use std::path::PathBuf;

use thiserror::Error;

use super::index::IndexError;
use crate::tokenizer::TokenizerError;

/// A model directory that cannot be read as it stands.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// Not a model directory.
    #[error(
        "{} holds no config.json; a model directory in Hugging Face layout has config.json, model.safetensors and tokenizer.json",
        dir.display()
    )]
    NoConfig {
        /// The directory.
        dir: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not JSON.
    #[error("{} is not valid JSON: {source}", file.display())]
    Json {
        /// The file.
        file: PathBuf,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// A field of config.json is missing or of another kind.
    #[error("\"{key}\" in {} is {found}, expected {expected}", file.display())]
    Field {
        /// The configuration.
        file: PathBuf,
        /// Name of the field.
        key: String,
        /// What stands there.
        found: String,
        /// What should.
        expected: String,
    },
    /// A family that is not implemented.
    #[error(
        "model_type \"{found}\" in {} is not supported{nearest}; supported are {supported}",
        file.display()
    )]
    UnsupportedModel {
        /// The configuration.
        file: PathBuf,
        /// Its `model_type`.
        found: String,
        /// The nearest that is read, where there is one.
        nearest: String,
        /// What there is.
        supported: String,
    },
    /// A setting that would change the arithmetic and is not implemented.
    #[error("\"{key}\": {found} in {} is not supported: {reason}", file.display())]
    UnsupportedSetting {
        /// The configuration.
        file: PathBuf,
        /// Name of the field.
        key: String,
        /// Its value.
        found: String,
        /// What is supported instead.
        reason: String,
    },
    /// Neither model.safetensors nor an index.
    #[error("{} holds neither model.safetensors nor model.safetensors.index.json{hint}", dir.display())]
    NoWeights {
        /// The directory.
        dir: PathBuf,
        /// What to do, where another format was found.
        hint: String,
    },
    /// The index of the shards.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The index names a file that is not there.
    #[error("{} names the shard \"{shard}\", which is not in the directory; fetch it", index.display())]
    MissingShard {
        /// model.safetensors.index.json.
        index: PathBuf,
        /// The missing file.
        shard: String,
    },
    /// The index and a shard disagree.
    #[error("{} says that \"{tensor}\" is in \"{shard}\", and it is not there; fetch both again", index.display())]
    WrongIndex {
        /// model.safetensors.index.json.
        index: PathBuf,
        /// The tensor.
        tensor: String,
        /// The shard that should hold it.
        shard: String,
    },
    /// Not a safetensors file.
    #[error("{} is not a safetensors file: {detail}", file.display())]
    NotSafetensors {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// Shorter or longer than its header says.
    #[error(
        "{} has {found} bytes, expected {expected} by its header; the download was cut short or the file is damaged, fetch it again",
        file.display()
    )]
    Truncated {
        /// The file.
        file: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// The length that its header implies.
        expected: u64,
    },
    /// A tensor that the configuration calls for.
    #[error("tensor \"{tensor}\" is missing from {}; config.json calls for it{hint}", file.display())]
    MissingTensor {
        /// Name in the file, or the name it should have.
        tensor: String,
        /// The weights.
        file: PathBuf,
        /// What to do, where what stands there instead says so.
        hint: String,
    },
    /// Names that are those of no model of this family.
    #[error("no tensor in {} is called \"{expected}\", the word embeddings of model_type \"{family}\"; {found}", file.display())]
    UnknownNames {
        /// The weights.
        file: PathBuf,
        /// The name that is looked for first.
        expected: String,
        /// The family by config.json.
        family: &'static str,
        /// What stands there, and what to do.
        found: String,
    },
    /// Two tensors that mean the same.
    #[error("\"{first}\" and \"{second}\" in {} both stand for \"{tensor}\"; save the model without what is around it", file.display())]
    TwiceTheSame {
        /// The weights.
        file: PathBuf,
        /// The model's own name.
        tensor: String,
        /// One of the two.
        first: String,
        /// The other.
        second: String,
    },
    /// A tensor of another shape than the configuration says.
    #[error("tensor \"{tensor}\" in {} has shape {found:?}, expected {expected:?}", file.display())]
    WrongShape {
        /// Name in the file.
        tensor: String,
        /// The weights.
        file: PathBuf,
        /// Its shape.
        found: Vec<usize>,
        /// The shape by config.json.
        expected: Vec<usize>,
    },
    /// A tensor inside the backbone that the configuration has no place for.
    #[error(
        "tensor \"{tensor}\" in {} has no place in the model that config.json describes; is config.json of another model?",
        file.display()
    )]
    UnexpectedTensor {
        /// Name in the file.
        tensor: String,
        /// The weights.
        file: PathBuf,
    },
    /// A number format that is not read.
    #[error("tensor \"{tensor}\" in {} is stored as {found}; supported are F32, F16, BF16 and F64", file.display())]
    NumberFormat {
        /// Name in the file.
        tensor: String,
        /// The weights.
        file: PathBuf,
        /// The format.
        found: String,
    },
    /// Not a number, or infinite.
    #[error(
        "tensor \"{tensor}\" in {} holds {value} at element {element}; these weights are damaged or their training diverged",
        file.display()
    )]
    NotFinite {
        /// Name in the file.
        tensor: String,
        /// The weights.
        file: PathBuf,
        /// The value.
        value: f32,
        /// Its place in the tensor as stored.
        element: usize,
    },
    /// A GGUF file.
    #[error(transparent)]
    Gguf(#[from] crate::gguf::GgufError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}
