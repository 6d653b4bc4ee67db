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
mod template;
mod verbalizer;

pub use config::{HardPrompt, LabelSource, LabelWords, Loss, Search};
pub use method::{HARD_PROMPT, HardPromptMethod};
