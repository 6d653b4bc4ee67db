#![doc = include_str!("../README.md")]

mod adaptation;
mod body;
mod config;
mod grouped;
mod loss;
mod objective;
mod pairs;

pub use adaptation::BodyAdaptation;
pub use config::{Body, Loss, SETFIT, SamplingStrategy, Setfit};
pub use loss::{cosine_similarity, supervised_contrastive};
pub use objective::Contrastive;
