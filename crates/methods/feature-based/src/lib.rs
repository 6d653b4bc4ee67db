#![doc = include_str!("../README.md")]

mod config;
mod features;
mod method;
mod predictor;

pub use config::{FeatureBasedConfig, KnnConfig, Ks, Layer, Scaling};
pub use features::Extractor;
pub use method::{FEATURE_BASED, FeatureBased, KNN, Knn};
