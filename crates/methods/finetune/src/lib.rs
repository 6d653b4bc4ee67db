#![doc = include_str!("../README.md")]

mod config;
mod count;

pub use config::{
    FINETUNE_ALL, FINETUNE_LAST, FINETUNE_OUTPUT, FinetuneAll, FinetuneLast, FinetuneOutput,
};
pub use count::{block_params, embedding_params, final_norm_params};
