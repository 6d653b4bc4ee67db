//! CPU kernels for training and running transformers, on plain `f32` slices.
//!
//! Every operation a transformer block needs, forward and backward, with nothing of a deep-learning framework in its types:
//! slices and sizes in, vectors out. Matrices are row-major; a tensor `[b, t, h]` is one slice of `b * t * h` values.
//!
//! | module | operations |
//! |---|---|
//! | [`gemm`](mod@gemm) | matrix product with strides and accumulation, linear maps with bias, column sums |
//! | [`activation`] | GELU (erf and tanh form), SiLU, ReLU, tanh; gated products; the cap of logits |
//! | [`norm`] | layer norm, with and without a residual and a bias; RMS norm |
//! | [`attention`](mod@attention) | scaled dot-product attention: padding, causal, windows, cached or prefix keys, grouped heads, bias by distance, capped scores, dropout |
//! | [`softmax`] | softmax over rows |
//! | [`rotary`](mod@rotary) | rotary position embedding, of whole heads or their first values |
//! | [`embedding`] | gather and scatter-add of rows |
//! | [`loss`] | cross-entropy with integer targets |
//! | [`dropout`] | masks computed from a counter, so that nothing is stored for the backward pass |
//! | [`optimizer`] | AdamW in place, gradient norms |
//! | [`zeros`](mod@zeros) | large buffers of which few pages are ever written to |
//! | [`workers`] | the thread pool kept awake while a model runs |
//!
//! Three rules hold throughout.
//!
//! - **Any size.** Odd lengths, empty inputs and rows that are wholly masked are ordinary inputs; vector width is an
//!   implementation detail. Sizes that contradict each other panic with both numbers.
//! - **Deterministic.** The result does not depend on how the work falls on threads: every sum has a fixed order.
//! - **One binary.** The widest instruction set (AVX-512, AVX2 with FMA, or what the target has) is chosen when a kernel
//!   is called, so that a program built for any x86-64 runs fast on a recent one; on other architectures the same
//!   source is compiled for the target's baseline.
//!
//! Work is divided over the current rayon pool.
//!
//! ```
//! use kernels::gemm::{Matrix, linear};
//! // x: [2, 3], w: [3, 2], b: [2] -> y: [2, 2]
//! let (x, w, b) = ([1., 2., 3., 4., 5., 6.], [1., 0., 0., 1., 1., 1.], [0.5, -0.5]);
//! assert_eq!(linear(&x, Matrix::new(&w, 3, 2), Some(&b)), [4.5, 4.5, 10.5, 10.5]);
//! ```
//!
//! This is the only crate of the workspace in which `unsafe` is allowed: for calls into the `gemm` crate, for buffers
//! that are filled before they are read, for giving pages back to the system, and for writing disjoint parts of one output
//! from several threads.

pub mod activation;
pub mod attention;
pub mod dropout;
pub mod embedding;
pub mod gemm;
pub mod loss;
pub mod norm;
pub mod optimizer;
pub mod rotary;
mod simd;
pub mod softmax;
#[cfg(test)]
mod testing;
pub mod workers;
pub mod zeros;

/// Elements a task takes at once in element-wise kernels: 64 KiB, so that two operands stay in the L2 cache.
pub(crate) const CHUNK: usize = 16 * 1024;

/// Rows of `width` values that make up about one [`CHUNK`].
pub(crate) fn rows_per_chunk(width: usize) -> usize {
    (CHUNK / width.max(1)).max(1)
}
