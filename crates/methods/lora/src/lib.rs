#![doc = include_str!("../README.md")]

mod adaptation;
mod config;
mod principal;

pub use adaptation::{LoraAdaptation, LowRank, Merged, Start};
pub use config::{Init, LORA, Lora};
