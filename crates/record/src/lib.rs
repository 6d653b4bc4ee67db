//! Every serialised type (what one trial was, what came of it, and on what machine), and the files of a run directory that hold them.
//!
//! `measure` and `runner` fill these types, [`store`] writes and reads them, `report` derives everything else from them; nothing else is
//! written to disk as a result. A number that was not measured is `None` and becomes an empty cell, never 0. Units stand in the names.

pub mod archive;
pub mod store;

mod budget;
mod calibration;
mod checks;
mod columns;
mod curve;
mod environment;
mod error;
mod machine;
mod notes;
mod outcome;
mod phase_cost;
mod predicted;
mod predictions;
mod retime;
mod tables;
mod trial;

pub use budget::TrialBudget;
pub use calibration::{Calibration, ReliabilityBin, Tempered};
pub use columns::TRIALS_HEADER;
pub use curve::{CURVES_HEADER, CurvePoint};
pub use environment::{BASELINE, MethodLook, MethodNote, RunInfo, SCHEMA};
pub use error::StoreError;
pub use machine::{Attempt, Machine};
pub use notes::{CutTexts, LeftOut, Notes, Reading, RunNotes};
pub use outcome::Outcome;
pub use phase_cost::PhaseCost;
pub use predicted::PredictedMemory;
pub use predictions::{Answer, LogProbabilities, Prediction, Predictions};
pub use retime::Retimed;
pub use tables::{curve_rows, curves_csv, table_csv, trial_row, trials_csv};
pub use trial::{Trial, TrialRecord, TrialSpec};
