//! Activation functions and their derivatives, element by element: GELU in both forms, SiLU, ReLU, tanh; products of
//! one with a gate; and the cap of logits.
//!
//! GELU: Hendrycks and Gimpel 2016, <https://arxiv.org/abs/1606.08415>.

mod gated;
mod soft_cap;

pub use gated::{gated, gated_dx_in_place, gated_in_place};
pub use soft_cap::{soft_cap_dx_in_place, soft_cap_in_place};

use crate::CHUNK;
use crate::simd::{exp, simd, unfilled};
use rayon::prelude::*;

/// A function applied to every element between two linear maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// x · Φ(x), with the normal distribution function Φ (BERT's `gelu`).
    GeluErf,
    /// x / 2 · (1 + tanh(√(2/π) (x + 0.044715 x³))) (GPT-2's `gelu_new`).
    GeluTanh,
    /// x · σ(x).
    Silu,
    /// max(x, 0).
    Relu,
    /// tanh(x).
    Tanh,
}

/// The function applied to every element of `x`.
pub fn activate(x: &[f32], function: Activation) -> Vec<f32> {
    // SAFETY: the two slices have one length, so that every chunk of `y` is written.
    let mut y = unsafe { unfilled(x.len()) };
    x.par_chunks(CHUNK)
        .zip(y.par_chunks_mut(CHUNK))
        .for_each(|(x, y)| match function {
            Activation::GeluErf => gelu_erf(x, y),
            Activation::GeluTanh => gelu_tanh(x, y),
            Activation::Silu => silu(x, y),
            Activation::Relu => relu(x, y),
            Activation::Tanh => tanh(x, y),
        });
    y
}

/// As [`activate`], in the same memory.
pub fn activate_in_place(x: &mut [f32], function: Activation) {
    x.par_chunks_mut(CHUNK).for_each(|x| match function {
        Activation::GeluErf => gelu_erf_in_place(x),
        Activation::GeluTanh => gelu_tanh_in_place(x),
        Activation::Silu => silu_in_place(x),
        Activation::Relu => relu_in_place(x),
        Activation::Tanh => tanh_in_place(x),
    });
}

/// Gradient of [`activate`] with respect to its input: `dy · f'(x)`.
///
/// # Panics
/// When the lengths differ.
pub fn activate_dx(x: &[f32], dy: &[f32], function: Activation) -> Vec<f32> {
    assert_eq!(
        x.len(),
        dy.len(),
        "gradient of another length than the input"
    );
    // SAFETY: the three slices have one length, so that every chunk of `dx` is written.
    let mut dx = unsafe { unfilled(x.len()) };
    x.par_chunks(CHUNK)
        .zip(dy.par_chunks(CHUNK))
        .zip(dx.par_chunks_mut(CHUNK))
        .for_each(|((x, dy), dx)| match function {
            Activation::GeluErf => gelu_erf_dx(x, dy, dx),
            Activation::GeluTanh => gelu_tanh_dx(x, dy, dx),
            Activation::Silu => silu_dx(x, dy, dx),
            Activation::Relu => relu_dx(x, dy, dx),
            Activation::Tanh => tanh_dx(x, dy, dx),
        });
    dx
}

/// As [`activate_dx`], writing over `dy`.
///
/// # Panics
/// When the lengths differ.
pub fn activate_dx_in_place(x: &[f32], dy: &mut [f32], function: Activation) {
    assert_eq!(
        x.len(),
        dy.len(),
        "gradient of another length than the input"
    );
    x.par_chunks(CHUNK)
        .zip(dy.par_chunks_mut(CHUNK))
        .for_each(|(x, dy)| match function {
            Activation::GeluErf => gelu_erf_dx_in_place(x, dy),
            Activation::GeluTanh => gelu_tanh_dx_in_place(x, dy),
            Activation::Silu => silu_dx_in_place(x, dy),
            Activation::Relu => relu_dx_in_place(x, dy),
            Activation::Tanh => tanh_dx_in_place(x, dy),
        });
}

/// As [`activate`], leaving in `x` the derivatives at what stood there: an element's two values share an exponential.
pub fn activate_leaving_slopes(x: &mut [f32], function: Activation) -> Vec<f32> {
    // SAFETY: the two slices have one length, so that every chunk of `y` is written.
    let mut y = unsafe { unfilled(x.len()) };
    x.par_chunks_mut(CHUNK)
        .zip(y.par_chunks_mut(CHUNK))
        .for_each(|(x, y)| match function {
            Activation::GeluErf => gelu_erf_and_slopes(x, y),
            Activation::GeluTanh => gelu_tanh_and_slopes(x, y),
            Activation::Silu => silu_and_slopes(x, y),
            Activation::Relu => relu_and_slopes(x, y),
            Activation::Tanh => tanh_and_slopes(x, y),
        });
    y
}

/// `x · factors`, element by element, in place.
///
/// # Panics
/// When the lengths differ.
pub fn multiply_in_place(x: &mut [f32], factors: &[f32]) {
    assert_eq!(x.len(), factors.len(), "factors of another length");
    x.par_chunks_mut(CHUNK)
        .zip(factors.par_chunks(CHUNK))
        .for_each(|(x, factors)| multiply(x, factors));
}

simd! {
    fn multiply(x: &mut [f32], factors: &[f32]) {
        for (x, factor) in x.iter_mut().zip(factors) {
            *x *= factor;
        }
    }
}

/// Distribution function and density of the standard normal at `x`.
///
/// Φ(-|x|) = erfc(z) / 2 with z = |x| / √2, and erfc(z) = e^(-z²) t p(t), t = 1 / (1 + 0.3275911 z): the form of
/// Abramowitz and Stegun 7.1.26 with a polynomial of degree 7 in place of 4, fitted for least relative error on [0, 10]
/// (1.3e-7, so that the tail keeps its precision; theirs is 1.5e-7 absolute).
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    const P: [f32; 8] = [
        0.185_041_25,
        0.180_885_81,
        0.205_035_85,
        0.027_925_94,
        0.449_030_9,
        -0.401_785_67,
        0.494_514_44,
        -0.140_648_37,
    ];
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let e = exp(-z * z);
    let t = 1.0 / z.mul_add(0.327_591_1, 1.0);
    let p = P[7];
    let p = p.mul_add(t, P[6]);
    let p = p.mul_add(t, P[5]);
    let p = p.mul_add(t, P[4]);
    let p = p.mul_add(t, P[3]);
    let p = p.mul_add(t, P[2]);
    let p = p.mul_add(t, P[1]);
    let p = p.mul_add(t, P[0]);
    let tail = 0.5 * p * t * e;
    (if x >= 0.0 { 1.0 - tail } else { tail }, e * 0.398_942_3)
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// 2 √(2/π): the tanh form of GELU is x · σ(2u), u = √(2/π) (x + 0.044715 x³).
const TWICE_ROOT: f32 = 1.595_769_1;
const CUBIC: f32 = 0.044_715;

#[inline(always)]
fn gelu_erf_of(x: f32) -> f32 {
    x * normal(x).0
}

#[inline(always)]
fn gelu_erf_slope(x: f32) -> f32 {
    let (distribution, density) = normal(x);
    x.mul_add(density, distribution)
}

#[inline(always)]
fn gelu_tanh_of(x: f32) -> f32 {
    x * sigmoid(TWICE_ROOT * x * (CUBIC * x).mul_add(x, 1.0))
}

#[inline(always)]
fn gelu_tanh_slope(x: f32) -> f32 {
    let s = sigmoid(TWICE_ROOT * x * (CUBIC * x).mul_add(x, 1.0));
    let inner = TWICE_ROOT * (3.0 * CUBIC * x).mul_add(x, 1.0);
    (x * s * (1.0 - s)).mul_add(inner, s)
}

#[inline(always)]
fn silu_of(x: f32) -> f32 {
    x * sigmoid(x)
}

#[inline(always)]
fn silu_slope(x: f32) -> f32 {
    let s = sigmoid(x);
    (x * (1.0 - s)).mul_add(s, s)
}

#[inline(always)]
fn relu_of(x: f32) -> f32 {
    // Not `x > 0`: NaN stays NaN.
    if x <= 0.0 { 0.0 } else { x }
}

#[inline(always)]
fn relu_slope(x: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { 1.0 }
}

/// Cephes `tanhf`: a polynomial below 0.625, where 1 - 2 / (e^2x + 1) would cancel.
#[inline(always)]
pub(crate) fn tanh_of(x: f32) -> f32 {
    let z = x * x;
    let p = -5.704_988_7e-3_f32;
    let p = p.mul_add(z, 2.063_908_9e-2);
    let p = p.mul_add(z, -5.373_971_6e-2);
    let p = p.mul_add(z, 1.333_144_2e-1);
    let p = p.mul_add(z, -3.333_328e-1);
    let small = (p * z).mul_add(x, x);
    let large = 1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0);
    if x.abs() < 0.625 {
        small
    } else {
        large.copysign(x)
    }
}

#[inline(always)]
fn tanh_slope(x: f32) -> f32 {
    let y = tanh_of(x);
    1.0 - y * y
}

/// The five slice functions of one activation, from its value and its slope.
macro_rules! activation {
    ($of:ident, $slope:ident: $forward:ident, $in_place:ident, $dx:ident, $dx_in_place:ident, $and_slopes:ident) => {
        simd! {
            fn $forward(x: &[f32], y: &mut [f32]) {
                for (y, x) in y.iter_mut().zip(x) {
                    *y = $of(*x);
                }
            }

            fn $in_place(x: &mut [f32]) {
                for x in x {
                    *x = $of(*x);
                }
            }

            fn $dx(x: &[f32], dy: &[f32], dx: &mut [f32]) {
                for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
                    *dx = dy * $slope(*x);
                }
            }

            fn $dx_in_place(x: &[f32], dy: &mut [f32]) {
                for (dy, x) in dy.iter_mut().zip(x) {
                    *dy *= $slope(*x);
                }
            }

            fn $and_slopes(x: &mut [f32], y: &mut [f32]) {
                for (y, x) in y.iter_mut().zip(x) {
                    *y = $of(*x);
                    *x = $slope(*x);
                }
            }
        }
    };
}

activation!(gelu_erf_of, gelu_erf_slope: gelu_erf, gelu_erf_in_place, gelu_erf_dx, gelu_erf_dx_in_place, gelu_erf_and_slopes);
activation!(gelu_tanh_of, gelu_tanh_slope: gelu_tanh, gelu_tanh_in_place, gelu_tanh_dx, gelu_tanh_dx_in_place, gelu_tanh_and_slopes);
activation!(silu_of, silu_slope: silu, silu_in_place, silu_dx, silu_dx_in_place, silu_and_slopes);
activation!(relu_of, relu_slope: relu, relu_in_place, relu_dx, relu_dx_in_place, relu_and_slopes);
activation!(tanh_of, tanh_slope: tanh, tanh_in_place, tanh_dx, tanh_dx_in_place, tanh_and_slopes);

#[cfg(test)]
mod tests;
