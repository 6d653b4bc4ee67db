//! From files to tasks.

mod bad_input;
mod common;
mod formats;
mod shared_data;
mod split_rules;
