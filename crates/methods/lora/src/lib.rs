#![doc = include_str!("../README.md")]

mod adaptation;
mod config;
mod method;

pub use adaptation::{LoraAdaptation, LowRank};
pub use config::Lora;
pub use method::{LORA, LoraMethod};
