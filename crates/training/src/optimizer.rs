//! AdamW as the loop uses it: weight decay for matrices only (biases, norms and rescaling vectors have none, as is usual since Devlin et
//! al. 2019), and a factor on the learning rate for parameters that learn faster than the rest (LoRA+).

use burn::optim::{LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

/// AdamW whose weight decay leaves vectors alone.
#[derive(Clone)]
pub struct LoopAdamW {
    /// Betas, epsilon, and the weight decay of matrices.
    pub adamw: ops::AdamW,
    /// On the learning rate.
    pub rate_factor: f64,
}

impl Optimizer for LoopAdamW {
    type State<const D: usize> = <ops::AdamW as Optimizer>::State<D>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let rate = rate * self.rate_factor;
        if D == 1 {
            ops::AdamW {
                weight_decay: 0.0,
                ..self.adamw
            }
            .step(rate, tensor, grad, state)
        } else {
            self.adamw.step(rate, tensor, grad, state)
        }
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        ops::AdamW::to_device(state, device)
    }
}
