//! Text classification tasks: files to splits, few-shot draws, batches by length, metrics. No tensors.
//!
//! ```
//! let files: [(&str, &[u8]); 2] = [
//!     ("train.tsv", b"text\tlabel\na fine film\tgood\na dull film\tbad\na fair film\tgood\n"),
//!     ("test.tsv", b"text\tlabel\na film\tbad\n"),
//! ];
//! let task = task::from_bytes("films", &files)?;
//! assert_eq!(task.classes, ["bad", "good"]);
//! assert_eq!(task.validation.len(), 1); // drawn from train, and said so in `task.notes`
//! # Ok::<(), task::TaskError>(())
//! ```

mod assemble;
mod batches;
mod calibration;
mod card;
mod classes;
mod error;
mod few_shot;
mod hidden;
mod label;
mod locate;
pub mod metrics;
mod nearest;
mod notes;
mod read;
mod sample;
mod score;
mod source;
mod split;
mod task;

pub use batches::{batches_by_length, batches_sorted};
pub use calibration::{brier, out_of_scope_auroc, out_of_scope_class};
pub use error::{Place, TaskError, TaskErrorKind};
pub use few_shot::few_shot;
pub use locate::{LocateError, locate};
pub use nearest::{did_you_mean, nearest_name};
pub use notes::{notes_of_draw, notes_of_leaks};
pub use read::{TextRow, Texts, read_texts};
pub use sample::sample;
pub use score::{Score, argmax, log_softmax};
pub use source::{from_bytes, load};
pub use task::{Example, Split, Task};
