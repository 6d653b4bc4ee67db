//! What every row of a tensor is added to, or multiplied with, by burn's own operations on devices that compile kernels.
//!
//! The gradient of a vector or a weight is a sum over all rows. burn-cubecl 0.22.1 without autotuning computes that of a vector in one thread a column,
//! one row after the other, and that of a small weight in a handful of tiles. Therefore vector or weight is first copied to groups of rows and then to
//! the rows of each group, and autodiff sums in the same two stages, the first of them in as many threads as there are groups. Pretraining a small
//! encoder on an H100 became three times as fast by it (results/h100).

use crate::device::compiles_kernels;
use burn::tensor::Tensor;

/// `x + vector` over the last dimension.
pub(crate) fn add_vector<const D: usize>(x: Tensor<D>, vector: Tensor<1>) -> Tensor<D> {
    by_row(x, vector, |x, vector| x + vector, |x, vector| x + vector)
}

/// `x · vector`, value by value, over the last dimension.
pub(crate) fn mul_vector<const D: usize>(x: Tensor<D>, vector: Tensor<1>) -> Tensor<D> {
    by_row(x, vector, |x, vector| x * vector, |x, vector| x * vector)
}

fn by_row<const D: usize>(
    x: Tensor<D>,
    vector: Tensor<1>,
    at_once: impl Fn(Tensor<D>, Tensor<D>) -> Tensor<D>,
    in_groups: impl Fn(Tensor<3>, Tensor<3>) -> Tensor<3>,
) -> Tensor<D> {
    match compiles_kernels(&vector.device()) {
        true => grouped(x, vector, in_groups),
        false => at_once(x, vector.unsqueeze()),
    }
}

/// `x · weight`: [.., d_in] x [d_in, d_out] -> [.., d_out].
pub(crate) fn mul_weight<const D: usize>(x: Tensor<D>, weight: Tensor<2>) -> Tensor<D> {
    match weight.is_require_grad() && compiles_kernels(&weight.device()) {
        true => product_in_groups(x, weight),
        false => burn::tensor::module::linear(x, weight, None),
    }
}

fn product_in_groups<const D: usize>(x: Tensor<D>, weight: Tensor<2>) -> Tensor<D> {
    let (mut shape, [d_in, d_out]) = (x.shape(), weight.dims());
    let rows = shape.num_elements() / d_in;
    let groups = divisor_near(rows, rows / ROWS_OF_A_PRODUCT);
    let weight = weight.unsqueeze::<3>().expand([groups, d_in, d_out]);
    let y = x.reshape([groups, rows / groups, d_in]).matmul(weight); // [g,r,d_in] x [g,d_in,d_out] -> [g,r,d_out]
    shape[D - 1] = d_out;
    y.reshape(shape)
}

/// As many rows keep a tile of a weight's gradient busy for some tens of microseconds.
const ROWS_OF_A_PRODUCT: usize = 1024;

/// `operation` on `x` as `[groups, rows, h]` and the vector as `[groups, 1, h]`.
fn grouped<const D: usize>(
    x: Tensor<D>,
    vector: Tensor<1>,
    operation: impl Fn(Tensor<3>, Tensor<3>) -> Tensor<3>,
) -> Tensor<D> {
    let (shape, width) = (x.shape(), vector.dims()[0]);
    let rows = shape.num_elements() / width;
    let groups = divisor_near(rows, rows.isqrt());
    let vector = vector.reshape([1, 1, width]).expand([groups, 1, width]);
    operation(x.reshape([groups, rows / groups, width]), vector).reshape(shape)
}

/// The largest divisor of `rows` that is not above `wanted`.
fn divisor_near(rows: usize, wanted: usize) -> usize {
    (1..=wanted)
        .rev()
        .find(|candidate| rows.is_multiple_of(*candidate))
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, TensorData};

    #[test]
    fn groups_divide_the_rows() {
        let found = [(1, 1), (12, 3), (13, 3), (128, 11), (32_768, 181), (8, 0)];
        assert_eq!(
            found.map(|(rows, wanted)| divisor_near(rows, wanted)),
            [1, 3, 1, 8, 128, 1]
        );
    }

    #[test]
    fn in_groups_as_at_once() {
        let device = crate::test_device().autodiff();
        let x = Tensor::<3>::random([2, 6, 5], Distribution::Default, &device).require_grad();
        let vector = Tensor::<1>::from_data([1.0f32, -2.0, 3.0, 0.5, 0.0], &device).require_grad();
        let weights = Tensor::<3>::random([2, 6, 5], Distribution::Default, &device);
        let found = |y: Tensor<3>| -> [TensorData; 3] {
            let grads = (y.clone() * weights.clone()).sum().backward();
            [
                y.inner().into_data(),
                x.grad(&grads).unwrap().into_data(),
                vector.grad(&grads).unwrap().into_data(),
            ]
        };
        for multiplies in [false, true] {
            let (at_once, in_groups) = match multiplies {
                false => (
                    x.clone() + vector.clone().unsqueeze(),
                    grouped(x.clone(), vector.clone(), |x, vector| x + vector),
                ),
                true => (
                    x.clone() * vector.clone().unsqueeze(),
                    grouped(x.clone(), vector.clone(), |x, vector| x * vector),
                ),
            };
            let (at_once, in_groups) = (found(at_once), found(in_groups));
            for (a, b) in at_once.iter().zip(&in_groups) {
                a.assert_approx_eq::<f32>(b, burn::tensor::Tolerance::absolute(1e-5));
            }
        }
    }

    #[test]
    fn a_product_in_groups_as_at_once() {
        let device = crate::test_device().autodiff();
        let random = |rows| Tensor::<2>::random([rows, 3], Distribution::Default, &device);
        let x = random(3 * ROWS_OF_A_PRODUCT).require_grad();
        let weight = random(4).transpose().detach().require_grad(); // [3, 4]
        let target =
            Tensor::<2>::random([3 * ROWS_OF_A_PRODUCT, 4], Distribution::Default, &device);
        let found = |y: Tensor<2>| -> [TensorData; 3] {
            let grads = (y.clone() * target.clone()).mean().backward();
            [
                y.inner().into_data(),
                x.grad(&grads).unwrap().into_data(),
                weight.grad(&grads).unwrap().into_data(),
            ]
        };
        let at_once = found(x.clone().matmul(weight.clone()));
        let in_groups = found(product_in_groups(x.clone(), weight.clone()));
        for (a, b) in at_once.iter().zip(&in_groups) {
            a.assert_approx_eq::<f32>(b, burn::tensor::Tolerance::absolute(1e-5));
        }
    }
}
