//! Reads PEFT checkpoints (`adapter_config.json` and `adapter_model.safetensors`) and computes PEFT's logits from them.
//!
//! PEFT (<https://github.com/huggingface/peft>) keeps beside a pretrained model only what was trained. What is linear in the
//! weights (LoRA, DoRA, (IA)³, VeRA) and what replaces weights (LayerNorm tuning) is folded into a copy of the backbone, as
//! PEFT's `merge_and_unload` does: inference costs nothing more. Prompts and prefixes are inserted computation.
//! What is not understood is refused by name, never ignored.

mod config;
mod error;
mod fold;
mod head;
mod modules;
mod predictor;
mod prompt;
mod read;
mod targets;
mod tensors;

pub use error::PeftError;
pub use predictor::PeftPredictor;
pub use read::{CONFIG_FILE, TENSORS_FILE, read};
