//! Why a PEFT checkpoint is refused: what was found, what is supported, what to do.

use std::path::PathBuf;
use thiserror::Error;

/// A PEFT checkpoint that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PeftError {
    /// A file that cannot be read.
    #[error("cannot read {}: {source}{hint}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
        /// What else is there.
        hint: &'static str,
    },
    /// A file that is not what its name says.
    #[error("{} is broken: {reason}; save the adapter again with `save_pretrained` of PEFT", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A kind of adapter that is not known here.
    #[error(
        "peft_type is {found}, supported are {supported}; merge the adapter into the model with PEFT's `merge_and_unload`, or train one of these"
    )]
    UnknownType {
        /// What stands in adapter_config.json.
        found: String,
        /// All that are read.
        supported: String,
    },
    /// A setting that changes the mathematics in a way not implemented.
    #[error("\"{key}\" is {found} in adapter_config.json, supported is {supported}{next}")]
    Setting {
        /// Its name.
        key: String,
        /// Its value.
        found: String,
        /// What is understood.
        supported: String,
        /// What to do, with the separator before it.
        next: &'static str,
    },
    /// A tensor that the configuration promises.
    #[error("tensor \"{tensor}\" is missing from adapter_model.safetensors{reason}")]
    MissingTensor {
        /// Its name.
        tensor: String,
        /// What it is for and what to do, with the separator before it.
        reason: String,
    },
    /// A tensor of another size.
    #[error(
        "tensor \"{tensor}\" has shape {found:?}, expected {expected:?}{reason}; was the adapter trained on another model?"
    )]
    Shape {
        /// Its name.
        tensor: String,
        /// Its dimensions.
        found: Vec<usize>,
        /// What fits the base model.
        expected: Vec<usize>,
        /// Where the expectation comes from, with the separator before it.
        reason: String,
    },
    /// Numbers of a kind that is not read.
    #[error("tensor \"{tensor}\" is {found}, supported are F32, F16, BF16 and F64")]
    Numbers {
        /// Its name.
        tensor: String,
        /// Its type.
        found: String,
    },
    /// A tensor that no result can come from.
    #[error(
        "tensor \"{tensor}\" in {} holds {value}, expected finite numbers; the training has diverged or the file is damaged", path.display()
    )]
    NotFinite {
        /// Its name.
        tensor: String,
        /// The file.
        path: PathBuf,
        /// NaN or an infinity.
        value: f32,
    },
    /// Numbers that are finite, and what is computed from them is not.
    #[error("the weights of {module} overflow with this adapter: {how}; expected finite numbers")]
    Overflow {
        /// The map, in PEFT's spelling.
        module: String,
        /// What it was multiplied by.
        how: String,
    },
    /// Values that a checkpoint of nonsense would be written from.
    #[error(
        "what was trained holds {value} in \"{tensor}\": nothing is written; train it again with a smaller learning rate"
    )]
    TrainedNonsense {
        /// What the tensor would be called.
        tensor: String,
        /// NaN or an infinity.
        value: f32,
    },
    /// Tensors that nothing here uses.
    #[error(
        "{count} tensors have no place in {architecture} with {peft_type}: {first}; adapters are read on the linear maps and norms of the model, its pooler, and the classification head"
    )]
    LeftOver {
        /// How many.
        count: usize,
        /// The base model's family.
        architecture: &'static str,
        /// The kind of adapter.
        peft_type: &'static str,
        /// The first of them, by name.
        first: String,
    },
    /// A file that cannot be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A method that PEFT does not have.
    #[error(
        "PEFT has no equivalent of this method; it has {known}. `predict --adapter` goes on reading what was saved"
    )]
    NoEquivalent {
        /// What could be written.
        known: &'static str,
    },
    /// The head that no model of transformers has.
    #[error(
        "the adapter was trained with the linear head of this program, and a PEFT checkpoint needs the head that transformers has for the model; train it again with --set budget.head=transformers"
    )]
    OwnHead,
    /// A combination that PEFT refuses to run.
    #[error("PEFT cannot run {what} on {architecture}: {reason}")]
    NotInPeft {
        /// What was trained.
        what: &'static str,
        /// The base model's family.
        architecture: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// The base model lacks what the head reads.
    #[error(
        "neither the base model's file nor the adapter's has the weights of {module}, which the classification head of {architecture} reads; \
         use the checkpoint that the adapter was trained on, or train it again with modules_to_save=[\"{to_save}\"]"
    )]
    NoInner {
        /// The map, in PEFT's spelling.
        module: String,
        /// The base model's family.
        architecture: &'static str,
        /// What PEFT is to save with the adapter.
        to_save: &'static str,
    },
}
