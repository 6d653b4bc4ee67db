#![doc = include_str!("../README.md")]

mod adaptation;
mod config;
mod method;

pub use adaptation::{Scalings, VeraAdaptation};
pub use config::Vera;
pub use method::{VERA, VeraMethod};
