//! Files as they are written and read here: whole or not at all ([`write()`], [`replace`]), regular and of bounded size ([`read()`],
//! [`read_text`], [`open`]), and named tensors as safetensors ([`Tensors`]).

mod read;
mod replace;
mod tensors;

pub use read::{SETTINGS_BYTES, open, read, read_text};
pub use replace::{replace, write};
pub use tensors::{Malformed, Tensors};
