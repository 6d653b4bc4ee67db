//! One switch for all fused operations.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Turns the fused operations on (the default on `flex`) or off. It holds for the whole process and takes effect with
/// the next operation.
///
/// Setting the environment variable `ADAPTBENCH_FUSED=0` before the first operation turns them off too.
pub fn set_fused(on: bool) {
    switch().store(on, Ordering::Relaxed);
}

/// Whether operations on `flex` are fused.
pub fn is_fused() -> bool {
    switch().load(Ordering::Relaxed)
}

fn switch() -> &'static AtomicBool {
    static SWITCH: OnceLock<AtomicBool> = OnceLock::new();
    SWITCH.get_or_init(|| AtomicBool::new(std::env::var("ADAPTBENCH_FUSED").as_deref() != Ok("0")))
}
