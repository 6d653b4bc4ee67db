//! Files as they are written and read here: whole or not at all ([`write()`], [`replace`]), regular and of bounded size ([`read()`],
//! [`read_text`], [`open`]), and named tensors as safetensors ([`Tensors`]); paths as a shell takes them ([`expand_home`]), and text as it
//! may be shown ([`printable`]).

mod home;
mod printable;
mod read;
mod replace;
mod tensors;

pub use home::{HomeError, expand_home};
pub use printable::printable;
pub use read::{SETTINGS_BYTES, open, read, read_tensors, read_text};
pub use replace::{check_writable, replace, write};
pub use tensors::{Malformed, Tensors};
