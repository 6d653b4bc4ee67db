//! What can go wrong between a configuration and a prediction.

use thiserror::Error;

/// A configuration that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No such setting.
    #[error("{method} has no setting \"{found}\"{hint}; its settings are: {known}")]
    UnknownSetting {
        /// Its name in the registry.
        method: String,
        /// What was given.
        found: String,
        /// The nearest known name as a question, if one is near.
        hint: String,
        /// All known names.
        known: String,
    },
    /// A value of the wrong type or outside its range.
    #[error("{method}: {reason}")]
    BadValue {
        /// Its name in the registry.
        method: String,
        /// What is wrong with it and what was expected.
        reason: String,
    },
}

/// A fit that failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FitError {
    /// The method needs a model and none was given.
    #[error("{0} needs a pretrained model; name one with --model")]
    NeedsModel(String),
    /// The method does not work with this model or task.
    #[error("{0}")]
    NotApplicable(String),
    /// A text could not be tokenised.
    #[error(transparent)]
    Tokenize(#[from] transformer::TokenizeError),
    /// The loss or its gradient is no longer a number.
    #[error("{0}; try a smaller one (--set METHOD.learning_rate=...)")]
    Diverged(#[from] training::Diverged),
    /// Training came to its end, and after no epoch were the answers on the validation split numbers.
    #[error(
        "after training ({steps} steps) the model's answers on the validation split are not numbers; try a smaller learning rate \
         than {learning_rate:e} (--set METHOD.learning_rate=...)"
    )]
    NoUsableModel {
        /// Optimiser steps taken.
        steps: u64,
        /// Peak learning rate.
        learning_rate: f64,
    },
    /// Scoring the validation split failed.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// The hidden-state cache could not be written.
    #[error("the hidden-state cache could not be kept: {0}")]
    Cache(#[source] std::io::Error),
    /// A configuration made during the search is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A failure that no other variant names; the text says what to do.
    #[error("{0}")]
    Other(String),
}

/// A prediction that failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PredictError {
    /// A text could not be tokenised.
    #[error(transparent)]
    Tokenize(#[from] transformer::TokenizeError),
    /// One text where pairs were learnt, or the other way round.
    #[error(
        "row {row} has {found}, and the model was adapted to {expected}; give it what it was trained on"
    )]
    OtherKind {
        /// Its number in the file.
        row: u64,
        /// What stands there.
        found: &'static str,
        /// What was learnt.
        expected: &'static str,
    },
    /// A score that is NaN or infinite: no class can be chosen by it.
    #[error(
        "a score of row {row} is {value}, expected a finite number; are weights of the model or of what was trained too large or damaged?"
    )]
    NotNumbers {
        /// Its number in the file.
        row: u64,
        /// The score.
        value: f32,
    },
    /// The next answer might cost more than is allowed.
    #[error("{0}")]
    OverCost(String),
    /// An answer that was paid for could not be kept.
    #[error("{problem}")]
    NotKept {
        /// Which file, and what to do.
        problem: String,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// A failure that no other variant names; the text says what to do.
    #[error("{0}")]
    Other(String),
}

/// An adapted model that could not be written.
#[derive(Debug, Error)]
#[error("cannot write {path}: {source}")]
pub struct SaveError {
    /// The file or directory.
    pub path: String,
    /// What the operating system says.
    #[source]
    pub source: std::io::Error,
}

/// An adapted model that could not be read back.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadAdapterError {
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// A file that is not what it should be.
    #[error("{path}: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// The method needs the pretrained model it was trained on.
    #[error("this adapter needs its pretrained model; name it with --model")]
    NeedsModel,
}
