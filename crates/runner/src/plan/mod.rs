//! From a command line and a plan file to the trials of a run, with every default made explicit.

mod located;
pub(crate) mod matrix;
pub(crate) mod names;
mod plan_file;
mod ranges;
mod resolve;
mod settings;
mod train_limits;

pub(crate) use resolve::{Arm, Plan, left_out_of_all, resolve};
