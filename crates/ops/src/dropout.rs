//! Dropout with a mask that is a function of its seed.

use crate::device::compiles_kernels;
use crate::flex::{self, dense};
use crate::tape::{Saved, Tape, Want};
use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
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
        let mask = sequence_mask(x.dims(), d.kernel(), &x);
        return x * mask;
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

/// 0 or `1 / (1 - rate)` for every element of a tensor that is taken as one long sequence.
fn sequence_mask<const D: usize>(
    dims: [usize; D],
    d: kernel::Dropout,
    like: &Tensor<D>,
) -> Tensor<D> {
    let len: usize = dims.iter().product();
    if !compiles_kernels(&like.device()) {
        return constant(kernel::dropout_mask(len, d), dims, like);
    }
    let rows = len.div_ceil(kernel::SEQUENCE_ROW);
    let mask = hashed(rows, kernel::SEQUENCE_ROW.min(len), d, like);
    mask.flatten::<1>(0, 1).slice(0..len).reshape(dims)
}

/// The same for every row of `rows` rows of `width` elements, as `dims`.
pub(crate) fn row_mask<const D: usize, const E: usize>(
    dims: [usize; D],
    d: kernel::Dropout,
    like: &Tensor<E>,
) -> Tensor<D> {
    let width = dims[D - 1];
    let rows = dims[..D - 1].iter().product();
    match compiles_kernels(&like.device()) {
        true => hashed(rows, width, d, like).reshape(dims),
        false => constant(kernel::row_mask(rows, width, d), dims, like),
    }
}

/// The mask by operations of the device, bit for bit that of the CPU kernel: only the rows' keys are computed here. Untracked, `[rows, width]`.
fn hashed<const E: usize>(
    rows: usize,
    width: usize,
    d: kernel::Dropout,
    like: &Tensor<E>,
) -> Tensor<2> {
    let device: Device = like.device().inner();
    let numbers = |values: Vec<u32>, dims: [usize; 2]| {
        Tensor::<2, Int>::from_data(TensorData::new(values, dims), (&device, DType::U32))
    };
    let keys = (0..rows as u64).map(|row| d.key(row)).collect();
    let offsets = (0..width as u32).map(|at| at.wrapping_mul(kernel::STRIDE));
    let mut h = numbers(keys, [rows, 1]) + numbers(offsets.collect(), [1, width]); // wraps around, as unsigned numbers do
    for (at, shift) in kernel::SHIFTS.into_iter().enumerate() {
        h = h.clone().bitwise_xor(h.bitwise_right_shift_scalar(shift));
        if let Some(&multiplier) = kernel::MULTIPLIERS.get(at) {
            h = h.mul_scalar(multiplier);
        }
    }
    let kept = h.greater_equal_elem(d.threshold());
    kept.float().cast(like.dtype()) * d.scale()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_draws_the_mask_of_the_kernel() {
        let device = crate::test_device();
        let like = Tensor::<1>::zeros([1], &device);
        let d = kernel::Dropout::new(0.3, 0x1234_5678_9abc);
        for (rows, width) in [(1, 1), (7, 33), (3, kernel::SEQUENCE_ROW)] {
            let expected = kernel::row_mask(rows, width, d);
            let found = hashed(rows, width, d, &like).into_data();
            assert_eq!(
                found.try_to_vec::<f32>().unwrap(),
                expected,
                "{rows} x {width}"
            );
        }
    }
}
