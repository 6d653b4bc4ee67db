//! Looking into `flex` tensors, and making them.

use burn::backend::flex::{FlexTensor, Layout};
use burn::tensor::{Int, Shape, Tensor, TensorData};
use kernels::gemm::Matrix;

/// A tensor of these values; nothing is copied.
pub(crate) fn tensor(values: Vec<f32>, dims: &[usize]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, Shape::from(dims.to_vec())))
}

/// The tensor in row-major order, filling its buffer: itself if it is so already.
pub(crate) fn dense(tensor: FlexTensor) -> FlexTensor {
    // `to_contiguous` keeps a second handle until `tensor` is dropped here, so that a unique tensor stays unique.
    tensor.to_contiguous()
}

/// The values of a [`dense`] tensor.
pub(crate) fn values(tensor: &FlexTensor) -> &[f32] {
    debug_assert!(tensor.is_contiguous() && tensor.layout().start_offset() == 0);
    tensor.storage()
}

/// Changes a [`dense`] tensor: in place if nobody else holds its buffer, a copy of it otherwise.
pub(crate) fn values_mut(tensor: &mut FlexTensor) -> &mut [f32] {
    debug_assert!(tensor.is_contiguous() && tensor.layout().start_offset() == 0);
    tensor.storage_mut()
}

/// The sizes of a tensor.
pub(crate) fn dims(tensor: &FlexTensor) -> Vec<usize> {
    tensor.layout().shape().iter().copied().collect()
}

/// A tensor of rank two that [`matrix`] can view: itself, or a dense copy if a stride is negative.
pub(crate) fn viewable(tensor: FlexTensor) -> FlexTensor {
    if tensor.layout().has_positive_strides() {
        tensor
    } else {
        dense(tensor)
    }
}

/// A tensor of rank two as a matrix, transposed or not, without copying it.
pub(crate) fn matrix(tensor: &FlexTensor) -> Matrix<'_> {
    let layout: &Layout = tensor.layout();
    let (shape, strides) = (layout.shape(), layout.strides());
    assert_eq!(shape.num_dims(), 2, "a matrix has two dimensions");
    let values = &tensor.storage::<f32>()[layout.start_offset()..];
    Matrix::strided(
        values,
        shape[0],
        shape[1],
        strides[0] as usize,
        strides[1] as usize,
    )
}

/// Row numbers or classes.
///
/// # Panics
/// When one is negative or larger than a u32.
pub(crate) fn indices<const D: usize>(ids: Tensor<D, Int>) -> Vec<u32> {
    let data = ids.without_autodiff().into_data();
    data.iter::<i64>()
        .map(|id| {
            u32::try_from(id).unwrap_or_else(|_| panic!("index {id}, expected a number from 0 on"))
        })
        .collect()
}
