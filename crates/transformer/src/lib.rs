//! Pretrained transformer backbones in burn, read from Hugging Face checkpoints, with sites where a method may act.
//!
//! BERT and its kin, ModernBERT, DeBERTa, GPT-2, Llama and its kin are one block structure under different [`Shape`]s. A model is found with
//! [`locate`], read with [`load`], and run in parts: [`Backbone::embed`], [`Backbone::blocks`], [`Backbone::finish`]. What a
//! method inserts goes through [`Hooks`]; this crate does not know which methods exist.

mod attention;
mod backbone;
mod batch;
mod block;
mod config;
mod context;
mod digest;
mod disentangled;
mod distances;
mod dropout;
mod embedding;
mod feed_forward;
mod gguf;
mod hooks;
mod language_head;
mod linear;
mod load;
mod locate;
mod norm;
mod past;
mod pooling;
mod save;
mod sentence;
mod shape;
mod tokenizer;

pub use attention::SelfAttention;
pub use backbone::{Backbone, Pass};
pub use batch::{Batch, Side, collate, collate_to};
pub use block::Block;
pub use config::MODEL_TYPES;
pub use digest::{model_digest, model_files};
pub use distances::Distances;
pub use dropout::{Depth, DropoutPlan};
pub use embedding::Embeddings;
pub use feed_forward::FeedForward;
pub use gguf::{GgufError, gguf_tokenizer_settings};
pub use hooks::{At, Embedded, Hooks, KeyValue, Point, Proj, Unhooked};
pub use language_head::{LanguageHead, Pooler, Transform};
pub use linear::Linear;
pub use load::{
    IndexError, LoadError, ParameterName, Pretrained, PretrainedBackbone, Storage,
    classifier_prefix, load, load_backbone, load_shape,
};
pub use locate::{LocateError, locate, locate_with};
pub use norm::Norm;
pub use past::Past;
pub use pooling::{Pooling, pool};
pub use save::{Precision, SaveError, save_weights};
pub use sentence::{Embedder, SentenceError, SentenceFolder, SentenceModules, sentence_files};
pub use shape::{
    Architecture, ClassifierPooling, ClassifierSettings, LayerKind, LearnedPositions, LongRotation,
    NormKind, NormOrder, QueryKeyNorm, Rotation, ScoreBias, Shape,
};
pub use tokenizer::{Encoded, Spanned, TokenizeError, Tokenizer, TokenizerError};
