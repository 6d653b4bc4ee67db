#![doc = include_str!("../README.md")]

mod cholesky;
mod choose;
mod grid;
mod lbfgs;
mod logistic;
mod matrix;
mod nearest;
mod objective;
mod saved;
mod standardise;
mod tf_idf;

pub use choose::{Choice, Edge, Labelled, Progress, Trial, choose_c};
pub use files::{Malformed, Tensors};
pub use grid::Grid;
pub use logistic::{Convergence, LogisticRegression, Options, fit, log_softmax};
pub use matrix::{Dense, Matrix, Sparse};
pub use nearest::{Metric, Neighbours, Votes, argmax, log_probabilities, nearest, vote};
pub use standardise::Standardisation;
pub use tf_idf::{Text, TfIdf, TfIdfSettings};

/// The log-probability that stands for 0: the logarithm of 2^-52, where scikit-learn's `log_loss` clips.
pub const LOG_ZERO: f64 = -36.043_653_389_117_15;
