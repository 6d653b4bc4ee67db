#![doc = include_str!("../README.md")]

mod adaptation;
mod config;
mod method;

pub use adaptation::{Ia3Adaptation, Scaling};
pub use config::Ia3;
pub use method::{IA3, Ia3Method};
