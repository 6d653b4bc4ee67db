//! Every serialised type: what one trial was, what came of it, and on what machine.
//!
//! `adapt`, `measure` and `runner` fill these types, `report` reads them back; nothing else is written to disk as a result. A number
//! that was not measured is `None` and becomes an empty cell, never 0. Units stand in the names.

mod curve;
mod environment;
mod outcome;
mod trial;

pub use curve::{CURVES_HEADER, CurvePoint};
pub use environment::{MethodNote, RunInfo, SCHEMA};
pub use outcome::Outcome;
pub use trial::{Prediction, TRIALS_HEADER, TrialRecord, TrialSpec};
