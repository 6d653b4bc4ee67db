#![doc = include_str!("../README.md")]

mod adaptation;
mod config;
mod method;
mod principal;

pub use adaptation::{LoraAdaptation, LowRank, Merged, Start};
pub use config::{Init, Lora};
pub use method::{LORA, LoraMethod};
