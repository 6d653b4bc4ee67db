//! From a command line and a plan file to the trials of a run, with every default made explicit.

pub(crate) mod matrix;
mod plan_file;
mod resolve;
mod settings;

pub(crate) use resolve::{Arm, Plan, resolve};
