//! What the two training loops share, of adaptation and of pretraining: clipping, the learning rate's schedule, AdamW, seeds, and when a
//! training counts as diverged.

mod clip;
mod diverged;
mod optimizer;
mod schedule;
mod seed;

pub use clip::{Norm, clip_by_global_norm};
pub use diverged::{Diverged, Quantity};
pub use optimizer::LoopAdamW;
pub use schedule::linear_with_warmup;
pub use seed::sub_seed;
