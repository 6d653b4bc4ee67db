#![doc = include_str!("../README.md")]

mod config;
mod method;
mod predictor;

pub use config::{Majority, TfIdf};
pub use method::{MAJORITY, MajorityMethod, TF_IDF, TfIdfMethod};
