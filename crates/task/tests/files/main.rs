//! From files to tasks.

mod bad_input;
mod bounds;
mod common;
mod formats;
mod hidden_labels;
mod label_spellings;
mod names_of_files;
mod quotes;
mod reference;
mod shared_data;
mod split_rules;
