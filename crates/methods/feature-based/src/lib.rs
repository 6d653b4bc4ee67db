#![doc = include_str!("../README.md")]

mod common;
mod config;
mod features;
mod method;
mod predictor;
mod prepared;

pub use config::{FeatureBased, Knn, Ks, Layer, Pairs, Scaling};
pub use features::{Extractor, Features};
pub use method::{FEATURE_BASED, FeatureBasedMethod, KNN, KnnMethod};
