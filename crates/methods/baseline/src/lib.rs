#![doc = include_str!("../README.md")]

mod config;
mod method;
mod predictor;

pub use config::{MajorityConfig, TfIdfConfig};
pub use method::{MAJORITY, Majority, TF_IDF, TfIdf};
