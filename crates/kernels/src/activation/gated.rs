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

/// As [`gated`], in the memory of `gate`.
///
/// # Panics
/// When the lengths differ.
pub fn gated_in_place(gate: &mut [f32], up: &[f32], function: Activation) {
    assert_eq!(gate.len(), up.len(), "gate and up differ in length");
    gate.par_chunks_mut(CHUNK)
        .zip(up.par_chunks(CHUNK))
        .for_each(|(gate, up)| match function {
            Activation::GeluErf => gelu_erf_in_place(gate, up),
            Activation::GeluTanh => gelu_tanh_in_place(gate, up),
            Activation::Silu => silu_in_place(gate, up),
            Activation::Relu => relu_in_place(gate, up),
            Activation::Tanh => tanh_in_place(gate, up),
        });
}

/// Gradients of [`gated`], written over its inputs: that of the gate over `gate`, that of the other side over `up`.
///
/// # Panics
/// When the lengths differ.
pub fn gated_dx_in_place(gate: &mut [f32], up: &mut [f32], dy: &[f32], function: Activation) {
    assert_eq!(gate.len(), up.len(), "gate and up differ in length");
    assert_eq!(
        gate.len(),
        dy.len(),
        "gradient of another length than the input"
    );
    gate.par_chunks_mut(CHUNK)
        .zip(up.par_chunks_mut(CHUNK))
        .zip(dy.par_chunks(CHUNK))
        .for_each(|((gate, up), dy)| match function {
            Activation::GeluErf => gelu_erf_dx(gate, up, dy),
            Activation::GeluTanh => gelu_tanh_dx(gate, up, dy),
            Activation::Silu => silu_dx(gate, up, dy),
            Activation::Relu => relu_dx(gate, up, dy),
            Activation::Tanh => tanh_dx(gate, up, dy),
        });
}

/// The three slice functions of one activation, from its value and its slope.
macro_rules! gated {
    ($of:ident, $slope:ident: $forward:ident, $in_place:ident, $dx:ident) => {
        simd! {
            fn $forward(gate: &[f32], up: &[f32], y: &mut [f32]) {
                for ((y, gate), up) in y.iter_mut().zip(gate).zip(up) {
                    *y = $of(*gate) * up;
                }
            }

            fn $in_place(gate: &mut [f32], up: &[f32]) {
                for (gate, up) in gate.iter_mut().zip(up) {
                    *gate = $of(*gate) * up;
                }
            }

            fn $dx(gate: &mut [f32], up: &mut [f32], dy: &[f32]) {
                for ((gate, up), dy) in gate.iter_mut().zip(up).zip(dy) {
                    let d_up = dy * $of(*gate);
                    *gate = dy * *up * $slope(*gate);
                    *up = d_up;
                }
            }
        }
    };
}

gated!(gelu_erf_of, gelu_erf_slope: gelu_erf, gelu_erf_in_place, gelu_erf_dx);
gated!(gelu_tanh_of, gelu_tanh_slope: gelu_tanh, gelu_tanh_in_place, gelu_tanh_dx);
gated!(silu_of, silu_slope: silu, silu_in_place, silu_dx);
gated!(relu_of, relu_slope: relu, relu_in_place, relu_dx);
gated!(tanh_of, tanh_slope: tanh, tanh_in_place, tanh_dx);
