#![doc = include_str!("../README.md")]

mod adaptation;
mod config;

pub use adaptation::{Ia3Adaptation, Scaling};
pub use config::{IA3, Ia3};
