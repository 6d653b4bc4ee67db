//! Clocks by phase, peak memory by phase, the environment of a run, and the watch that a parent keeps over a trial's process.
//!
//! In a trial's process: a [`Recorder`] over [`SystemClock`] and [`ProcessMemory`], and [`CountingAllocator`] as the global
//! allocator. In the parent: [`watch::watch`], and [`environment::run_info`] once a run. `flops` counts operations by formula.

pub mod allocator;
pub mod cpu;
pub mod environment;
pub mod flops;
pub mod latency;
pub mod machine;
mod measurements;
pub mod memory;
pub mod memory_model;
mod phase;
pub mod phases;
pub mod time_model;
pub mod watch;

pub use allocator::CountingAllocator;
pub use cpu::{CpuSource, CpuTimes, ProcessCpu};
pub use measurements::{Measurements, PhaseTotals};
pub use memory::{MemorySource, Peaks, ProcessMemory};
pub use phase::Phase;
pub use phases::{Clock, Recorder, SystemClock};
