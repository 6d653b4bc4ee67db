#![doc = include_str!("../README.md")]

mod answers;
mod asker;
mod chat;
mod completions;
mod compose;
mod config;
mod interpret;
mod masses;
mod method;
mod nearest;
mod offers;
mod predictor;
mod tally;
mod tokens;

pub use config::{Api, Constrain, Endpoint, PromptAs, Selection};
pub use method::{ENDPOINT, EndpointMethod};
pub use prompt::{LabelSource, LabelWords};
