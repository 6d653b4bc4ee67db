//! Weight decay for matrices only: biases, norms and rescaling vectors have none, as is usual since Devlin et al. 2019.

use burn::optim::{LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

/// AdamW whose weight decay leaves vectors alone.
#[derive(Clone)]
pub(crate) struct DecayMatricesOnly(pub(crate) ops::AdamW);

impl Optimizer for DecayMatricesOnly {
    type State<const D: usize> = <ops::AdamW as Optimizer>::State<D>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        if D == 1 {
            ops::AdamW { weight_decay: 0.0, ..self.0.clone() }.step(rate, tensor, grad, state)
        } else {
            self.0.step(rate, tensor, grad, state)
        }
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        ops::AdamW::to_device(state, device)
    }
}
