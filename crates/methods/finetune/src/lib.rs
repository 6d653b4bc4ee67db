#![doc = include_str!("../README.md")]

mod config;

pub use config::{
    FINETUNE_ALL, FINETUNE_LAST, FINETUNE_OUTPUT, FinetuneAll, FinetuneLast, FinetuneOutput,
};
