#![doc = include_str!("../README.md")]

mod adaptation;
mod config;
mod method;
mod words;

pub use adaptation::{Prefix, PrefixAdaptation, Reparametrisation};
pub use config::{Init, PrefixTuning};
pub use method::{PREFIX_TUNING, PrefixTuningMethod};
