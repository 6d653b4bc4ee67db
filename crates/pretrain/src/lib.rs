//! Pretraining from plain text: masked language models (BERT; Devlin et al. 2019) and causal ones (GPT-2, Llama).
//!
//! [`pretrain`] goes from text files to a model directory in Hugging Face layout: it trains the tokenizer ([`vocabulary`]), packs the corpus into
//! sequences of equal length ([`packing`]), runs AdamW over masked ([`masking`]) or next-token predictions, writes loss curves, and keeps checkpoints
//! from which the same command goes on after a kill. A decoder's mixture may hold in-context [`episodes`], made from the corpus without labels and from files of labelled texts.
//! Texts that a model is to be judged by are kept out of all of it ([`Excluded`]). A masked model may learn from another encoder as well ([`Teaching`]).
//!
//! What step `s` sees is a function of the seed and of `s` alone, so that a run that was killed and continued ends with the same weights.

mod card;
mod checkpoint;
mod config;
mod cooccurrence;
mod corpus;
mod curve;
mod distil;
pub mod episodes;
mod error;
mod exclude;
mod first_weights;
mod held_out;
pub mod masking;
mod material;
mod model;
mod objective;
pub mod packing;
mod prepare;
mod sentences;
mod sizes;
mod texts;
mod train;
pub mod vocabulary;

pub use config::{Embeddings, Family, LOOK_UP_FROM, Pretraining, Sizes, Source};
pub use corpus::{Corpus, Document, Origin, TextFile};
pub use distil::{Signal, Teaching};
pub use error::PretrainError;
pub use exclude::Excluded;
pub use train::{Finished, Progress, pretrain};
