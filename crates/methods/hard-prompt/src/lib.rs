#![doc = include_str!("../README.md")]

#[cfg(test)]
mod checks;
mod choose_template;
mod config;
mod gradient;
mod layout;
mod method;
mod predictor;
mod prompt;
mod scorer;
mod search_trigger;
mod substitution;
mod verbalizer;

pub use ::prompt::{LabelSource, LabelWords};
pub use config::{HardPrompt, Loss, Search};
pub use method::{HARD_PROMPT, HardPromptMethod};
