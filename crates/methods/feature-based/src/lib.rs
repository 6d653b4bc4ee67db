#![doc = include_str!("../README.md")]

mod config;
mod features;
mod method;
mod predictor;

pub use config::{FeatureBased, Knn, Ks, Layer, Scaling};
pub use features::Extractor;
pub use method::{FEATURE_BASED, FeatureBasedMethod, KNN, KnnMethod};
