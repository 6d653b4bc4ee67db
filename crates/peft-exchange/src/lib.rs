//! Reads PEFT checkpoints (`adapter_config.json` and `adapter_model.safetensors`) and computes PEFT's logits from them; writes
//! what was trained here as such checkpoints, from which PEFT computes the same logits.
//!
//! PEFT (<https://github.com/huggingface/peft>) keeps beside a pretrained model only what was trained. What is linear in the
//! weights (LoRA, DoRA, (IA)³, VeRA) and what replaces weights (LayerNorm tuning) is folded into a copy of the backbone, as
//! PEFT's `merge_and_unload` does: inference costs nothing more. Prompts and prefixes are inserted computation.
//! What is not understood is refused by name, never ignored.
//!
//! | `peft_type` | read | refused |
//! |---|---|---|
//! | `LORA` | rsLoRA, DoRA, rank and alpha patterns, chosen layers, lists and regular expressions of modules, projections of embeddings, poolers, `lora_bias`, `bias: lora_only` | `bias: all`, embeddings, initialisations that change the base weights (PiSSA, OLoRA, LoftQ, CorDA), every `use_...` not named here |
//! | `IA3` | attention and feed-forward kinds | |
//! | `VERA` | with the projection saved | `save_projection: false` |
//! | `LN_TUNING` | any of the model's norms | |
//! | `PROMPT_TUNING`, `P_TUNING`, `PREFIX_TUNING` | what the encoder computed, as PEFT saves it | models with two submodules |
//!
//! A prediction is that of one text alone. PEFT pools the last position of the padded batch behind a prompt on GPT-2 and Llama,
//! so that its logits there depend on the other texts of the batch; these do not.
//!
//! # Writing
//!
//! What a method trained comes as an [`adapt::Portable`], which knows no method's name. The head must be that of transformers
//! (`budget.head=transformers`): the linear head on mean-pooled states exists in none of its models. Where PEFT has one module and
//! this project several maps (GPT-2's `c_attn`, ModernBERT's `Wqkv` and `Wi`, Phi-3's `qkv_proj` and `gate_up_proj`, GPT-NeoX's
//! `query_key_value`), corrections are written in block form, with more ranks and the same result. GTE's and nomic-bert's modules have
//! the names of their authors' code (`trust_remote_code=True`).
//! Adapters, BitFit and finetuned weights have no equivalent and are refused.

mod config;
mod error;
mod fields;
mod fold;
mod head;
mod modules;
mod outputs;
mod predictor;
mod prompt;
mod read;
mod spelling;
mod stored;
mod targets;
mod tensors;
mod unfold;
mod write;

pub use error::PeftError;
pub use predictor::PeftPredictor;
pub use read::{CONFIG_FILE, LABELS_FILE, TENSORS_FILE, read};
pub use write::write;
