//! Why a task's directory can't be found.

use std::path::PathBuf;

use hub::{ApiError, OutsideName};

/// A task that can't be found or fetched.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// Neither a directory nor of the form of a Hub id.
    #[error(
        "task `{task}`: found no such directory, expected one, or a Hub data set id such as `org/name` or `org/name:subset`; check the path"
    )]
    NotFound {
        /// As given.
        task: String,
    },
    /// A file where a directory is needed.
    #[error("task `{task}`: found a file, expected the directory with its train, validation and test files; give `{}`", .parent.display())]
    IsFile {
        /// As given.
        task: String,
        /// The directory that it is in.
        parent: PathBuf,
    },
    /// No such directory, and the Hub does not have the data set.
    #[error(
        "task `{id}`: found neither such a directory nor, at {endpoint}, such a data set (HTTP {status}), expected one of them; check the name, or log in if it is private (HF_TOKEN)"
    )]
    NotOnHub {
        /// The id asked for.
        id: String,
        /// The server asked.
        endpoint: String,
        /// What it answered.
        status: u16,
    },
    /// The Hub could not be reached or broke off.
    #[error(
        "task `{id}`: no such directory, and fetching it from {endpoint} failed: {source}; check the network, or give a directory"
    )]
    Fetch {
        /// The id asked for.
        id: String,
        /// The server asked.
        endpoint: String,
        /// What went wrong.
        source: Box<ApiError>,
    },
    /// Offline, and not in the cache.
    #[error(
        "task `{id}`: no such directory, HF_HUB_OFFLINE is set and {} does not hold the data set, expected it there; unset HF_HUB_OFFLINE to fetch it", .cache.display()
    )]
    Offline {
        /// The id asked for.
        id: String,
        /// The cache looked in.
        cache: PathBuf,
    },
    /// The data set has no Parquet files named as splits, nor did the Hub convert it.
    #[error(
        "task `{id}`: found a data set with {found}, expected Parquet files named as splits (train-00000-of-00001.parquet); download it and write train.tsv and test.tsv"
    )]
    NoParquet {
        /// The id asked for.
        id: String,
        /// Files it has.
        found: String,
    },
    /// The data set has several subsets, and none or another one was asked for.
    #[error(
        "task `{id}`: found the subsets {found}, expected the choice of one; give it as `{dataset}:{example}`"
    )]
    Subset {
        /// The id asked for.
        id: String,
        /// Subsets it has.
        found: String,
        /// The id without a subset.
        dataset: String,
        /// One of the subsets.
        example: String,
    },
    /// The Hub's listing leads out of the data set's directory.
    #[error("task `{id}`: {source}")]
    OutsideName {
        /// The id asked for.
        id: String,
        /// The name.
        source: OutsideName,
    },
    /// The cache could not be read.
    #[error("task `{id}`: reading the cache failed: {source}")]
    Cache {
        /// The id asked for.
        id: String,
        /// What went wrong.
        source: std::io::Error,
    },
}
