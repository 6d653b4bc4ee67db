#![doc = include_str!("../README.md")]

mod adaptation;
mod config;
mod encoder;
mod method;

pub use adaptation::{Prompt, SoftPromptAdaptation};
pub use config::{Encoder, Init, SoftPrompt};
pub use encoder::{LstmEncoder, MlpEncoder, PromptEncoder};
pub use method::{SOFT_PROMPT, SoftPromptMethod};
