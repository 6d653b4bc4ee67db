//! Files as they are written and read here: whole or not at all ([`write()`], [`replace`]), and named tensors as safetensors ([`Tensors`]).

mod replace;
mod tensors;

pub use replace::{replace, write};
pub use tensors::{Malformed, Tensors};
