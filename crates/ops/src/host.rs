//! From a device to the host.

use burn::tensor::Tensor;

/// A tensor's values on the host, row by row. Waits for the device.
pub fn to_floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .into_data()
        .convert::<f32>()
        .try_to_vec()
        .expect("f32 after conversion")
}
