#![doc = include_str!("../README.md")]

mod config;
mod method;

pub use config::{BitFit, LayerNorm};
pub use method::{BITFIT, BitFitMethod, LAYER_NORM, LayerNormMethod};
