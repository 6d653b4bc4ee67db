#![doc = include_str!("../README.md")]

mod adaptation;
mod config;
mod encoder;

pub use adaptation::{Prompt, SoftPromptAdaptation};
pub use config::{Encoder, Init, SOFT_PROMPT, SoftPrompt};
pub use encoder::{LstmEncoder, MlpEncoder, PromptEncoder};
