#![doc = include_str!("../README.md")]

mod calibration;
mod config;
mod counts;
mod layout;
mod method;
mod predictor;
mod prompt;
mod ready_template;
mod retrieval;
mod score_causal;
mod score_cloze;
mod scorer;
mod similarity;
mod validation;
mod word_scores;

pub use ::prompt::{LabelSource, LabelWords};
pub use config::{Fill, InContext, Mode, Retriever, Score};
pub use method::{IN_CONTEXT, InContextMethod};
