//! Reads PEFT checkpoints (`adapter_config.json` and `adapter_model.safetensors`) and computes PEFT's logits from them.
//!
//! PEFT (<https://github.com/huggingface/peft>) keeps beside a pretrained model only what was trained. What is linear in the
//! weights (LoRA, DoRA, (IA)³, VeRA) and what replaces weights (LayerNorm tuning) is folded into a copy of the backbone, as
//! PEFT's `merge_and_unload` does: inference costs nothing more. Prompts and prefixes are inserted computation.
//! What is not understood is refused by name, never ignored.
//!
//! | `peft_type` | read | refused |
//! |---|---|---|
//! | `LORA` | rsLoRA, DoRA, rank and alpha patterns, chosen layers, lists and regular expressions of modules, `lora_bias`, `bias: lora_only` | `bias: all`, embeddings, initialisations that change the base weights (PiSSA, OLoRA, LoftQ, CorDA), every `use_...` not named here |
//! | `IA3` | attention and feed-forward kinds | |
//! | `VERA` | with the projection saved | `save_projection: false` |
//! | `LN_TUNING` | any of the model's norms | |
//! | `PROMPT_TUNING`, `P_TUNING`, `PREFIX_TUNING` | what the encoder computed, as PEFT saves it | models with two submodules |
//!
//! A prediction is that of one text alone. PEFT pools the last position of the padded batch behind a prompt on GPT-2 and Llama,
//! so that its logits there depend on the other texts of the batch; these do not.
//!
//! Checkpoints are not written: PEFT's heads are those of `transformers` (BERT's pooler, RoBERTa's dense map, the first token),
//! and the head that is trained here (a linear map on the mean, or on the last token with a bias) is none of them.

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
