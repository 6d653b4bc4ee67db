//! The commands beside `run`.

pub(crate) mod export;
pub(crate) mod features;
pub(crate) mod listing;
pub(crate) mod method_docs;
pub(crate) mod predict;
pub(crate) mod replicate;
pub(crate) mod results;
