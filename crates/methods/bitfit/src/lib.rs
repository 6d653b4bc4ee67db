#![doc = include_str!("../README.md")]

mod config;

pub use config::{BITFIT, Bitfit, LAYER_NORM, LayerNorm};
