#![doc = include_str!("../README.md")]

mod adaptation;
mod config;
mod method;

pub use adaptation::{AdapterAdaptation, Bottleneck};
pub use config::{Activation, Adapter, Placement};
pub use method::{ADAPTER, AdapterMethod};
