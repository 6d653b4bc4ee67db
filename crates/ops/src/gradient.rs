//! Sums over gradients, for clipping them together. Pascanu et al. 2013, <https://arxiv.org/abs/1211.5063>.

use crate::flex::{dense, values, values_mut};
use crate::tape::Tape;
use burn::backend::Flex;
use burn::tensor::Tensor;
use kernels::optimizer::{scale_in_place, sum_of_squares};

/// Sum of the squares of all values. Waits for the device.
pub fn squared_norm<const D: usize>(grad: Tensor<D>) -> f64 {
    if !grad.is_autodiff() && Tape::of(&[&grad]).is_some() {
        let grad = grad.try_into_primitive::<Flex>();
        return sum_of_squares(values(&dense(
            grad.expect("the tensor's device was checked above"),
        )));
    }
    f64::from((grad.clone() * grad).sum().into_scalar::<f32>())
}

/// `grad · factor`: in parallel, and in place if nobody else holds the gradient.
pub fn scaled<const D: usize>(grad: Tensor<D>, factor: f64) -> Tensor<D> {
    if grad.is_autodiff() || Tape::of(&[&grad]).is_none() {
        return grad * factor;
    }
    let grad = grad.try_into_primitive::<Flex>();
    let mut grad = dense(grad.expect("the tensor's device was checked above"));
    scale_in_place(values_mut(&mut grad), factor as f32);
    Tensor::from_primitive::<Flex>(grad)
}

#[cfg(test)]
mod tests {
    use super::{scaled, squared_norm};
    use burn::tensor::{Device, Tensor};

    #[test]
    fn squares_are_summed_fused_and_plain_and_through_a_transposed_view() {
        let device = Device::flex();
        let grad = Tensor::<2>::from_floats([[1.0, -2.0, 3.0], [0.5, 0.0, -1.5]], &device);
        let expected = 1.0 + 4.0 + 9.0 + 0.25 + 2.25;
        assert!((squared_norm(grad.clone()) - expected).abs() < 1e-6);
        assert!((squared_norm(grad.clone().transpose()) - expected).abs() < 1e-6);
        let row = grad.slice([1..2, 0..3]);
        assert!((squared_norm(row) - 2.5).abs() < 1e-6);
    }
    #[test]
    fn scaling_leaves_other_holders_of_the_gradient_alone() {
        let device = Device::flex();
        let grad = Tensor::<2>::from_floats([[1.0, -2.0, 3.0], [0.5, 0.0, -1.5]], &device);
        let halved = scaled(grad.clone(), 0.5).into_data();
        assert_eq!(
            halved.try_to_vec::<f32>().unwrap(),
            [0.5, -1.0, 1.5, 0.25, 0.0, -0.75]
        );
        assert_eq!(
            grad.into_data().try_to_vec::<f32>().unwrap(),
            [1.0, -2.0, 3.0, 0.5, 0.0, -1.5]
        );
    }
}
