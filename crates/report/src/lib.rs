//! Records to statistics, CSV, charts and one self-contained page. No burn.
//!
//! [`load_run`] reads a run directory, [`write`] rebuilds everything that is derived from its raw records, [`terminal_table`] is what the
//! program prints at the end. `store` reads and writes the raw files themselves.

pub mod statistics;
pub mod store;

mod error;
mod run;

pub use error::ReportError;
pub use run::{Arm, Group, Run, Trial, load_run};
