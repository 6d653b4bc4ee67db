#![doc = include_str!("../README.md")]

mod adaptation;
mod config;

pub use adaptation::{Scalings, VeraAdaptation};
pub use config::{VERA, Vera};
