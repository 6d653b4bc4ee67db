//! The parent process of a run and its children: one process a trial, and short-lived ones that try a device or a model.

pub(crate) mod child;
mod dry_run;
pub(crate) mod estimate;
pub(crate) mod flops;
mod found;
mod inference;
mod job;
mod log;
mod memory;
mod notes;
mod observe;
pub(crate) mod parent;
pub(crate) mod probe;
mod progress;
mod retime;
mod run_dir;
mod score;
mod spelling;
mod tables;
