//! How much more than its heap a process has in memory.

use super::{Part, tape};
use crate::{allocator, memory};
use record::PredictedMemory;

/// What the process holds before the fit, the model loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Live heap.
    pub heap_bytes: u64,
    /// Resident memory, free pages given back.
    pub resident_bytes: u64,
}

impl Holding {
    /// Of this process, now; `None` where one of them cannot be had: off Linux, or without the counting allocator.
    pub fn now() -> Option<Self> {
        allocator::give_back_free_pages();
        Some(Self {
            heap_bytes: allocator::live_bytes()?,
            resident_bytes: memory::own().now_bytes?,
        })
    }

    /// The prediction for a heap of these parts, of which `untouched` bytes are pages that nobody writes to.
    pub(super) fn predicted(
        self,
        parts: tape::Bytes,
        runs: Runs,
        untouched: u64,
    ) -> PredictedMemory {
        let of = |part: Part| parts[part as usize];
        let heap_bytes: u64 = parts.iter().sum();
        PredictedMemory {
            peak_bytes: resident_bytes(self, heap_bytes - untouched, runs),
            heap_bytes,
            weights_bytes: of(Part::Weights),
            gradients_bytes: of(Part::Gradients),
            optimizer_bytes: of(Part::Optimizer),
            activations_bytes: of(Part::Activations),
            cache_bytes: of(Part::Cache),
            snapshot_bytes: of(Part::Snapshot),
            rest_bytes: of(Part::Rest),
        }
    }
}

/// What a process does while its heap grows, which decides how much more than the heap is resident.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Runs {
    /// No pass through a model.
    Nothing,
    /// Passes without gradients.
    Reading,
    /// Steps, whose parts are lighter than the heaviest by this share on average.
    Training { variety: f64 },
}

/// The most resident memory of a process that held `held` and whose heap grows to `heap_bytes`.
///
/// The shares and sizes are fitted to the cells of `tests/program/memory.rs`. The allocator keeps pages of what is freed, for the next buffer of
/// about that size: the more, the more the sizes vary from batch to batch. And the first passes touch pages of code, stacks and caches of small
/// buffers, those of a training more than those that only read.
fn resident_bytes(held: Holding, heap_bytes: u64, runs: Runs) -> u64 {
    const KEPT: f64 = 0.05;
    const KEPT_OF_VARIETY: f64 = 0.3;
    const TOUCHED_BY_READING: f64 = 15e6;
    const TOUCHED_BY_TRAINING: f64 = 33e6;
    let growth = heap_bytes.saturating_sub(held.heap_bytes) as f64;
    let more = match runs {
        Runs::Nothing => 0.0,
        Runs::Reading => KEPT * growth + TOUCHED_BY_READING.min(0.8 * growth),
        Runs::Training { variety } => {
            (KEPT + KEPT_OF_VARIETY * variety) * growth + TOUCHED_BY_TRAINING
        }
    };
    held.resident_bytes + (growth + more) as u64
}
