//! The operations of a transformer for burn, fused on the CPU.
//!
//! Each function takes and returns burn tensors and works on every backend. On `flex` (f32) it runs one of the
//! [`kernels`] and enters the autodiff graph as a single node with its own backward pass; everywhere else, and after
//! [`set_fused`]`(false)`, it is composed of burn's own tensor operations. Results agree to rounding either way, and
//! dropout draws the same mask, so that losses and gradients can be compared one by one.
//!
//! What a fused operation saves over the composed one:
//! - time: no element-wise pass over memory that a neighbour could have done, and every pass uses all threads;
//! - memory: attention keeps two numbers a row instead of the probabilities, dropout keeps a seed instead of a mask,
//!   cross-entropy keeps one number a row; a linear map behind a norm, an activation or a gated product does not keep its
//!   input, which the backward pass computes again;
//! - work for frozen weights: a weight that is not tracked gets no gradient and none is computed; below the first
//!   tracked parameter nothing is kept, and buffers that nobody else holds are written in place.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use ops::{Activation, activate, linear};
//!
//! let device = Device::flex().autodiff();
//! let x = Tensor::<3>::ones([1, 2, 3], &device);
//! let weight = Tensor::<2>::ones([3, 4], &device).require_grad();
//! let y = activate(linear(x, weight.clone(), None), Activation::Relu); // [1, 2, 3] x [3, 4] -> [1, 2, 4]
//! let gradients = y.sum().backward();
//! let expected = Tensor::<2>::full([3, 4], 2.0, &Device::flex());
//! assert_eq!(weight.grad(&gradients).unwrap().into_data(), expected.into_data());
//! ```

mod activation;
mod attention;
mod broadcast;
mod device;
mod disentangled;
mod dropout;
mod embedding;
mod flex;
mod gradient;
mod host;
mod linear;
mod loss;
mod low_rank;
mod norm;
mod optimizer;
mod pending;
mod recompute;
mod residual;
mod rotary;
mod switch;
mod tape;
mod vocabulary;

pub use activation::{activate, gated, soft_cap};
pub use attention::{Attention, attention};
pub use device::{
    DEVICES, DeviceError, DeviceInfo, FLEX_BF16, compiles_kernels, device, open_device, test_device,
};
pub use disentangled::{Disentangled, disentangled_attention};
pub use dropout::{Dropout, dropout};
pub use embedding::embedding;
pub use gradient::{scaled, squared_norm};
pub use host::to_floats;
pub use kernels::activation::Activation;
pub use kernels::gemm::has_bf16;
pub use linear::linear;
pub use loss::cross_entropy;
pub use low_rank::linear_low_rank;
pub use norm::{add_layer_norm, layer_norm, rms_norm};
pub use optimizer::AdamW;
pub use residual::add;
pub use rotary::rotary;
pub use switch::{is_fused, set_fused};
pub use vocabulary::Decoder;

#[cfg(test)]
mod tests;
