//! What a prompt is written with: templates with placeholders, and the words that stand for the classes. Text and settings only; how they become
//! token ids is a method's own.

mod label_words;
mod settings;
mod template;

pub use label_words::{LabelSource, LabelWords, label_words};
pub use settings::one_or_many;
pub use template::{Part, Slot, Template};
