#![doc = include_str!("../README.md")]

#[cfg(test)]
mod checks;
mod config;
mod gradient;
mod label_words;
mod layout;
mod method;
mod model;
mod predictor;
mod prompt;
mod search;
mod select;
mod verbalizer;

pub use ::prompt::{LabelSource, LabelWords};
pub use config::{HardPrompt, Loss, Search};
pub use method::{HARD_PROMPT, HardPromptMethod};
