//! Cross-entropy with integer targets.

use crate::flex::{self, dense, dims, values};
use crate::tape::{Saved, Tape, Want};
use burn::backend::flex::FlexTensor;
use burn::tensor::{Int, Tensor, activation};
use kernels::loss as kernel;

/// The mean over rows of `-log softmax(logits)[target]`, in nats: logits [rows, classes], targets `[rows]` -> `[1]`.
///
/// # Panics
/// When there are no rows, or a target is no class.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let [rows, classes] = logits.dims();
    assert_eq!(targets.dims(), [rows], "one target a row");
    let Some(tape) = Tape::of(&[&logits]) else {
        let picked = activation::log_softmax(logits, 1).gather(1, targets.reshape([rows, 1])); // [rows, 1]
        return picked.mean().neg();
    };
    let (logits, edge) = tape.take(logits);
    let (logits, targets) = (dense(logits), flex::indices(targets));
    let kernel::CrossEntropy { loss, log_sum_exp } =
        kernel::cross_entropy(values(&logits), &targets, classes);
    tape.finish([edge], flex::tensor(vec![loss], &[1]), || Loss {
        logits,
        targets,
        log_sum_exp,
    })
}

#[derive(Clone, Debug)]
struct Loss {
    logits: FlexTensor,
    targets: Vec<u32>,
    log_sum_exp: Vec<f32>,
}

impl Saved<1> for Loss {
    fn backward(self, grad: FlexTensor, [want]: [Want; 1]) -> [Option<FlexTensor>; 1] {
        let d_loss = values(&dense(grad))[0];
        let sizes = dims(&self.logits);
        let dx = kernel::cross_entropy_dx(
            values(&self.logits),
            &self.targets,
            &self.log_sum_exp,
            sizes[1],
            d_loss,
        );
        [want.give(|| flex::tensor(dx, &sizes))]
    }
}
