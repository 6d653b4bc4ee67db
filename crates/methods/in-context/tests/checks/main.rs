//! In-context learning against the slow way of doing the same, on tiny random checkpoints.

mod common;
mod encoders;
mod ensembles;
mod prompts;
mod saved;
mod window;
mod words;
