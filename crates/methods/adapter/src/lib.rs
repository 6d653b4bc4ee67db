#![doc = include_str!("../README.md")]

mod adaptation;
mod config;

pub use adaptation::{AdapterAdaptation, Bottleneck};
pub use config::{ADAPTER, Activation, Adapter, Placement};
