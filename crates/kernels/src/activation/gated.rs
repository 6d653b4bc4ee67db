//! The gated product act(gate) · up of a feed-forward layer. Shazeer 2020, <https://arxiv.org/abs/2002.05202>.

use super::{
    Activation, gelu_erf_of, gelu_erf_slope, gelu_tanh_of, gelu_tanh_slope, relu_of, relu_slope,
    silu_of, silu_slope, tanh_of, tanh_slope,
};
use crate::CHUNK;
use crate::simd::{simd, unfilled};
use rayon::prelude::*;

/// `function(gate) · up`, element by element.
///
/// # Panics
/// When the lengths differ.
pub fn gated(gate: &[f32], up: &[f32], function: Activation) -> Vec<f32> {
    assert_eq!(gate.len(), up.len(), "gate and up differ in length");
    // SAFETY: the three slices have one length, so that every chunk of `y` is written.
    let mut y = unsafe { unfilled(gate.len()) };
    gate.par_chunks(CHUNK)
        .zip(up.par_chunks(CHUNK))
        .zip(y.par_chunks_mut(CHUNK))
        .for_each(|((gate, up), y)| match function {
            Activation::GeluErf => gelu_erf(gate, up, y),
            Activation::GeluTanh => gelu_tanh(gate, up, y),
            Activation::Silu => silu(gate, up, y),
            Activation::Relu => relu(gate, up, y),
            Activation::Tanh => tanh(gate, up, y),
        });
    y
}

/// Gradients of [`gated`] with respect to gate and up.
///
/// # Panics
/// When the lengths differ.
pub fn gated_dx(
    gate: &[f32],
    up: &[f32],
    dy: &[f32],
    function: Activation,
) -> (Vec<f32>, Vec<f32>) {
    assert_eq!(gate.len(), up.len(), "gate and up differ in length");
    assert_eq!(
        gate.len(),
        dy.len(),
        "gradient of another length than the input"
    );
    // SAFETY: all slices have one length, so that every chunk of both outputs is written.
    let (mut d_gate, mut d_up) = unsafe { (unfilled(gate.len()), unfilled(gate.len())) };
    gate.par_chunks(CHUNK)
        .zip(up.par_chunks(CHUNK))
        .zip(dy.par_chunks(CHUNK))
        .zip(d_gate.par_chunks_mut(CHUNK))
        .zip(d_up.par_chunks_mut(CHUNK))
        .for_each(|((((gate, up), dy), d_gate), d_up)| match function {
            Activation::GeluErf => gelu_erf_dx(gate, up, dy, d_gate, d_up),
            Activation::GeluTanh => gelu_tanh_dx(gate, up, dy, d_gate, d_up),
            Activation::Silu => silu_dx(gate, up, dy, d_gate, d_up),
            Activation::Relu => relu_dx(gate, up, dy, d_gate, d_up),
            Activation::Tanh => tanh_dx(gate, up, dy, d_gate, d_up),
        });
    (d_gate, d_up)
}

/// The two slice functions of one activation, from its value and its slope.
macro_rules! gated {
    ($of:ident, $slope:ident: $forward:ident, $dx:ident) => {
        simd! {
            fn $forward(gate: &[f32], up: &[f32], y: &mut [f32]) {
                for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
                    *y = $of(*gate) * up;
                }
            }

            fn $dx(gate: &[f32], up: &[f32], dy: &[f32], d_gate: &mut [f32], d_up: &mut [f32]) {
                let inputs = gate.iter().zip(up).zip(dy);
                for ((d_gate, d_up), ((gate, up), dy)) in d_gate.iter_mut().zip(d_up).zip(inputs) {
                    *d_gate = dy * up * $slope(*gate);
                    *d_up = dy * $of(*gate);
                }
            }
        }
    };
}

gated!(gelu_erf_of, gelu_erf_slope: gelu_erf, gelu_erf_dx);
gated!(gelu_tanh_of, gelu_tanh_slope: gelu_tanh, gelu_tanh_dx);
gated!(silu_of, silu_slope: silu, silu_dx);
gated!(relu_of, relu_slope: relu, relu_dx);
gated!(tanh_of, tanh_slope: tanh, tanh_dx);
