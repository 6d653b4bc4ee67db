#![doc = include_str!("../README.md")]

mod config;
mod count;
mod method;

pub use config::{All, Last, Output};
pub use count::{block_params, embedding_params, final_norm_params};
pub use method::{FINETUNE_ALL, FINETUNE_LAST, FINETUNE_OUTPUT};
