#![doc = include_str!("../README.md")]

mod adaptation;
mod config;
mod words;

pub use adaptation::{Prefix, PrefixAdaptation, Reparametrisation};
pub use config::{Init, PREFIX_TUNING, PrefixTuning};
