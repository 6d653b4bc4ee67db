//! Dropout with a mask that is a function of its seed.

use crate::flex::{self, dense};
use crate::tape::{Saved, Tape, Want};
use burn::backend::flex::FlexTensor;
use burn::tensor::{Device, Tensor, TensorData};
use kernels::dropout as kernel;

/// A dropout of one place in one step: the same rate, seed and shape give the same mask, on every backend, in the
/// forward pass and in the backward pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    /// Share of the elements that are zeroed, in [0, 1); the others are divided by `1 - rate`.
    pub rate: f64,
    /// What the mask is drawn from.
    pub seed: u64,
}

/// Zeroes a share of the elements of `x` and divides the others by what is left.
///
/// # Panics
/// When the rate is not in [0, 1).
pub fn dropout<const D: usize>(x: Tensor<D>, d: Dropout) -> Tensor<D> {
    if d.rate == 0.0 {
        return x;
    }
    let Some(tape) = Tape::of(&[&x]) else {
        let mask = kernel::dropout_mask(x.shape().num_elements(), d.kernel());
        return x.clone() * constant(mask, x.dims(), &x);
    };
    let (x, edge) = tape.take(x);
    let mut y = dense(x);
    kernel::dropout_in_place(flex::values_mut(&mut y), d.kernel());
    tape.finish([edge], y, || Dropped(d))
}

impl Dropout {
    pub(crate) fn kernel(self) -> kernel::Dropout {
        kernel::Dropout::new(self.rate, self.seed)
    }
}

/// These values as an untracked tensor on the device and of the type of `like`.
pub(crate) fn constant<const D: usize, const E: usize>(
    values: Vec<f32>,
    dims: [usize; D],
    like: &Tensor<E>,
) -> Tensor<D> {
    let device: Device = like.device().inner();
    Tensor::from_data(
        TensorData::new(values, dims).convert_dtype(like.dtype()),
        (&device, like.dtype()),
    )
}

#[derive(Clone, Debug)]
struct Dropped(Dropout);

impl Saved<1> for Dropped {
    fn backward(self, grad: FlexTensor, [want]: [Want; 1]) -> [Option<FlexTensor>; 1] {
        let mut dx = dense(grad);
        kernel::dropout_in_place(flex::values_mut(&mut dx), self.0.kernel());
        [want.give(|| dx)]
    }
}
