//! AdamW with PyTorch's formula and its defaults, in place on `flex`.
//! Loshchilov and Hutter 2019, <https://arxiv.org/abs/1711.05101>.

use crate::flex::{self, dense, values};
use crate::tape::Tape;
use burn::backend::Flex;
use burn::optim::{AdamWState, AdaptiveMomentumState, LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};
use kernels::optimizer::{AdamWStep, adamw};
use kernels::zeros::{BLOCK, zero_blocks, zeros};

/// AdamW as `torch.optim.AdamW` computes it:
/// `w -= lr·wd·w`, `m = β₁m + (1-β₁)g`, `v = β₂v + (1-β₂)g²`, `w -= lr · m̂ / (√v̂ + ε)`.
///
/// burn's own AdamW has other defaults (ε 1e-5, weight decay 1e-4). Use it as
/// `ModuleOptimizer::from(AdamW::default())`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamW {
    /// Decay of the mean of gradients.
    pub beta_1: f64,
    /// Decay of the mean of squared gradients.
    pub beta_2: f64,
    /// Added to the root of the corrected second moment.
    pub epsilon: f64,
    /// Decoupled weight decay: a step shrinks weights by `learning rate · weight_decay`.
    pub weight_decay: f64,
}

impl Default for AdamW {
    /// PyTorch's: betas 0.9 and 0.999, epsilon 1e-8, weight decay 0.01.
    fn default() -> Self {
        Self {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
        }
    }
}

impl Optimizer for AdamW {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        grad: Tensor<D>,
        state: Option<AdamWState<D>>,
    ) -> (Tensor<D>, Option<AdamWState<D>>) {
        let state = state.map_or_else(
            || AdaptiveMomentumState {
                time: 0,
                moment_1: zeros_like(&grad),
                moment_2: zeros_like(&grad),
                max_moment_2: None,
            },
            |state| state.momentum,
        );
        let time = state.time + 1;
        let (weight, moments) = match Tape::of(&[&weight, &grad, &state.moment_1, &state.moment_2])
        {
            Some(_) if !weight.is_autodiff() => self.fused(lr, weight, grad, state),
            _ => self.plain(lr, weight, grad, state),
        };
        let [moment_1, moment_2] = moments;
        let momentum = AdaptiveMomentumState {
            time,
            moment_1,
            moment_2,
            max_moment_2: None,
        };
        (weight, Some(AdamWState { momentum }))
    }

    fn to_device<const D: usize>(mut state: AdamWState<D>, device: &Device) -> AdamWState<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}

/// Zeros for the moments of a gradient. Where half of that is zero (rows of words that do not occur), so are the moments to come, and
/// take memory where they are written to only.
fn zeros_like<const D: usize>(grad: &Tensor<D>) -> Tensor<D> {
    if grad.is_autodiff() || Tape::of(&[grad]).is_none() {
        return grad.zeros_like();
    }
    let found = grad.clone().try_into_primitive::<Flex>();
    let values = dense(found.expect("the tensor's device was checked above"));
    let values = flex::values(&values);
    if 2 * zero_blocks(values) * BLOCK < values.len() {
        return grad.zeros_like();
    }
    Tensor::from_primitive::<Flex>(flex::tensor(zeros(values.len()), &grad.dims()))
}

impl AdamW {
    fn fused<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        grad: Tensor<D>,
        state: AdaptiveMomentumState<D>,
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let take = |tensor: Tensor<D>| {
            dense(
                tensor
                    .try_into_primitive::<Flex>()
                    .expect("the tensor's device was checked by the caller"),
            )
        };
        let give = |tensor| Tensor::from_primitive::<Flex>(tensor);
        let (mut weight, grad) = (take(weight), take(grad));
        let (mut m, mut v) = (take(state.moment_1), take(state.moment_2));
        let step = AdamWStep {
            learning_rate: lr,
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            time: state.time as u64 + 1,
        };
        adamw(
            flex::values_mut(&mut weight),
            values(&grad),
            flex::values_mut(&mut m),
            flex::values_mut(&mut v),
            &step,
        );
        (give(weight), [give(m), give(v)])
    }

    fn plain<const D: usize>(
        &self,
        lr: LearningRate,
        weight: Tensor<D>,
        grad: Tensor<D>,
        state: AdaptiveMomentumState<D>,
    ) -> (Tensor<D>, [Tensor<D>; 2]) {
        let time = state.time as f64 + 1.0;
        let m = state.moment_1 * self.beta_1 + grad.clone() * (1.0 - self.beta_1);
        let v = state.moment_2 * self.beta_2 + grad.clone() * grad * (1.0 - self.beta_2);
        let (correction_1, correction_2) =
            (1.0 - self.beta_1.powf(time), 1.0 - self.beta_2.powf(time));
        let denominator = v.clone().sqrt() * (1.0 / correction_2.sqrt()) + self.epsilon;
        let weight =
            weight * (1.0 - lr * self.weight_decay) - m.clone() / denominator * (lr / correction_1);
        (weight, [m, v])
    }
}
