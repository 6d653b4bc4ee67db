//! What a trial's training was predicted to hold in memory before it ran.

use serde::{Deserialize, Serialize};

/// Peaks of the phases of training, as they were predicted: resident, and of the heap, which is the sum of its parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PredictedMemory {
    /// Most resident memory; column `predicted_peak_bytes`.
    pub peak_bytes: u64,
    /// Largest heap.
    pub heap_bytes: u64,
    /// Of it the parameters of the model, of what is inserted, and of the head.
    pub weights_bytes: u64,
    /// Gradients of those that train.
    pub gradients_bytes: u64,
    /// The two moments of AdamW.
    pub optimizer_bytes: u64,
    /// What operations keep for the backward pass, what is being computed, and its gradients.
    pub activations_bytes: u64,
    /// States or features of the frozen model, computed once.
    pub cache_bytes: u64,
    /// The best checkpoint so far.
    pub snapshot_bytes: u64,
    /// Texts, tokenizer, and whatever else the process holds.
    pub rest_bytes: u64,
}
