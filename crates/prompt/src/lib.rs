//! What methods share that ask a pretrained model for the class in words.
//!
//! - What is written, as text: [`Template`], [`LabelWords`], and the checks of settings that hold them.
//! - The same as token ids: [`Pieces`], [`TokenTemplate`], [`label_tokens`].
//! - What is shown: [`Demonstration`], [`draw`], [`order`], [`nearest_last`].
//! - Who is asked, and how: [`AskedModel`], [`Mode`].
//! - What is kept of a fit: [`PromptedModel`] with a [`SavedPrompt`], written as `prompt.json`.

mod demonstrations;
mod label_tokens;
mod label_words;
mod model;
mod pieces;
mod prompted;
mod saved;
mod settings;
mod template;
mod token_template;

pub use adapt::{has_pairs, require_kind};
pub use demonstrations::{DEFAULT_SHOTS, Demonstration, draw, nearest_last, order};
pub use label_tokens::{label_tokens, lone_word_tokens, refuse_indistinct};
pub use label_words::{LabelSource, LabelWords, label_words};
pub use model::{AskedModel, Mode};
pub use pieces::{Frame, Pieces};
pub use prompted::{PromptedModel, unusable};
pub use saved::{PROMPT_FILE, SavedPrompt};
pub use settings::{SCALE, check_templates, one_or_many};
pub use template::{Part, Slot, Template};

pub use token_template::{Texts, TokenPart, TokenTemplate};
