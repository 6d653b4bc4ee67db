#![doc = include_str!("../README.md")]

mod calibration;
mod config;
mod counts;
mod demonstrations;
mod label_words;
mod layout;
mod method;
mod model;
mod predictor;
mod prompt;
mod ready_template;
mod retrieval;
mod score_causal;
mod score_cloze;
mod scorer;
mod similarity;
mod template;
mod tokens;
mod validation;

pub use config::{Fill, InContext, LabelSource, LabelWords, Mode, Retriever, Score};
pub use method::{IN_CONTEXT, InContextMethod};
