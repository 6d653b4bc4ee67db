//! Layer norm (Ba et al. 2016, <https://arxiv.org/abs/1607.06450>), alone or of a sum with a residual, with or without
//! its bias, and RMS norm (Zhang and Sennrich 2019, <https://arxiv.org/abs/1910.07467>), over the last dimension.

mod rows;

use crate::gemm::row_count;
use crate::rows_per_chunk;
use crate::simd::unfilled;
use rayon::prelude::*;
use rows::{
    add, divide_by_root_mean_square, input_gradient, parameter_gradients, part, scale,
    scale_and_shift, scale_and_shift_in_place, scale_in_place, standardise,
};

/// What layer norm and RMS norm keep for their backward pass.
#[derive(Clone, Debug)]
pub struct Normed {
    /// The result, [rows, n].
    pub y: Vec<f32>,
    /// The input shifted and scaled to mean 0 and variance 1 (RMS norm: to mean square 1), [rows, n].
    pub normal: Vec<f32>,
    /// One over the standard deviation (or root mean square) of each row, `[rows]`.
    pub inverse_deviation: Vec<f32>,
}

/// Gradients of a norm's parameters.
#[derive(Clone, Debug)]
pub struct NormGradients {
    /// `[n]`.
    pub d_gamma: Vec<f32>,
    /// `[n]`, for a layer norm with a bias to be added; empty for RMS norm.
    pub d_beta: Vec<f32>,
}

/// `gamma · (s - mean) / √(var + eps) + beta` with `s = x + residual`, over rows of `gamma.len()` values, keeping what
/// the backward pass needs. Without `beta` nothing is added.
///
/// # Panics
/// When a length does not fit.
pub fn layer_norm_saving(
    x: &[f32],
    residual: Option<&[f32]>,
    gamma: &[f32],
    beta: Option<&[f32]>,
    eps: f32,
) -> Normed {
    let n = gamma.len();
    let rows = check(x, residual, gamma, beta);
    // SAFETY: every row of the three outputs is written.
    let (mut y, mut normal, mut inverse) =
        unsafe { (unfilled(x.len()), unfilled(x.len()), unfilled(rows)) };
    let step = rows_per_chunk(n);
    x.par_chunks(step * n)
        .zip(y.par_chunks_mut(step * n))
        .zip(normal.par_chunks_mut(step * n))
        .zip(inverse.par_chunks_mut(step))
        .enumerate()
        .for_each(|(i, (((x, y), normal), inverse))| {
            add(normal, x, part(residual, i * step * n, x.len()));
            standardise(normal, n, eps, inverse);
            match beta {
                Some(beta) => scale_and_shift(normal, gamma, beta, y),
                None => scale(normal, gamma, y),
            }
        });
    Normed {
        y,
        normal,
        inverse_deviation: inverse,
    }
}

/// As [`layer_norm_saving`], in the memory of `x` and keeping nothing.
///
/// # Panics
/// When a length does not fit.
pub fn layer_norm_in_place(
    x: &mut [f32],
    residual: Option<&[f32]>,
    gamma: &[f32],
    beta: Option<&[f32]>,
    eps: f32,
) {
    let n = gamma.len();
    check(x, residual, gamma, beta);
    let step = rows_per_chunk(n);
    x.par_chunks_mut(step * n).enumerate().for_each(|(i, x)| {
        if let Some(residual) = part(residual, i * step * n, x.len()) {
            crate::gemm::add_slice(x, residual);
        }
        standardise(x, n, eps, &mut vec![0.0; x.len() / n]);
        match beta {
            Some(beta) => scale_and_shift_in_place(x, gamma, beta),
            None => scale_in_place(x, gamma),
        }
    });
}

/// A norm's result from what it keeps: `gamma · normal + beta`, the same digits.
///
/// # Panics
/// When a length does not fit.
pub fn scaled_and_shifted(normal: &[f32], gamma: &[f32], beta: Option<&[f32]>) -> Vec<f32> {
    let n = gamma.len();
    check(normal, None, gamma, beta);
    // SAFETY: every row of `y` is written.
    let mut y = unsafe { unfilled(normal.len()) };
    let step = rows_per_chunk(n) * n;
    normal
        .par_chunks(step)
        .zip(y.par_chunks_mut(step))
        .for_each(|(normal, y)| match beta {
            Some(beta) => scale_and_shift(normal, gamma, beta, y),
            None => scale(normal, gamma, y),
        });
    y
}

/// Gradients of layer norm: `dx = (g - mean(g) - normal · mean(g · normal)) / deviation` with `g = dy · gamma`, of the input (also that of
/// the residual, where there is one), is written over `normal`.
///
/// # Panics
/// When a length does not fit.
pub fn layer_norm_backward(
    dy: &[f32],
    normal: &mut [f32],
    inverse_deviation: &[f32],
    gamma: &[f32],
) -> NormGradients {
    backward(dy, normal, inverse_deviation, gamma, Centre::Mean, true)
}

/// The input gradient of [`layer_norm_backward`] alone, for a norm whose parameters are frozen, over `normal`.
///
/// # Panics
/// When a length does not fit.
pub fn layer_norm_dx(dy: &[f32], normal: &mut [f32], inverse_deviation: &[f32], gamma: &[f32]) {
    backward(dy, normal, inverse_deviation, gamma, Centre::Mean, false);
}

/// `gamma · x / √(mean(x²) + eps)` over rows of `gamma.len()` values, keeping what the backward pass needs.
///
/// # Panics
/// When a length does not fit.
pub fn rms_norm_saving(x: &[f32], gamma: &[f32], eps: f32) -> Normed {
    let n = gamma.len();
    let rows = check(x, None, gamma, None);
    // SAFETY: every row of the three outputs is written.
    let (mut y, mut normal, mut inverse) =
        unsafe { (unfilled(x.len()), unfilled(x.len()), unfilled(rows)) };
    let step = rows_per_chunk(n);
    x.par_chunks(step * n)
        .zip(y.par_chunks_mut(step * n))
        .zip(normal.par_chunks_mut(step * n))
        .zip(inverse.par_chunks_mut(step))
        .for_each(|(((x, y), normal), inverse)| {
            normal.copy_from_slice(x);
            divide_by_root_mean_square(normal, n, eps, inverse);
            scale(normal, gamma, y);
        });
    Normed {
        y,
        normal,
        inverse_deviation: inverse,
    }
}

/// As [`rms_norm_saving`], in the memory of `x` and keeping nothing.
///
/// # Panics
/// When a length does not fit.
pub fn rms_norm_in_place(x: &mut [f32], gamma: &[f32], eps: f32) {
    let n = gamma.len();
    check(x, None, gamma, None);
    x.par_chunks_mut(rows_per_chunk(n) * n).for_each(|x| {
        divide_by_root_mean_square(x, n, eps, &mut vec![0.0; x.len() / n]);
        scale_in_place(x, gamma);
    });
}

/// Gradients of RMS norm: `dx = (g - normal · mean(g · normal)) / root mean square` with `g = dy · gamma` is written over `normal`.
///
/// # Panics
/// When a length does not fit.
pub fn rms_norm_backward(
    dy: &[f32],
    normal: &mut [f32],
    inverse_deviation: &[f32],
    gamma: &[f32],
) -> NormGradients {
    NormGradients {
        d_beta: Vec::new(),
        ..backward(dy, normal, inverse_deviation, gamma, Centre::Zero, true)
    }
}

/// The input gradient of [`rms_norm_backward`] alone, for a norm whose parameters are frozen, over `normal`.
///
/// # Panics
/// When a length does not fit.
pub fn rms_norm_dx(dy: &[f32], normal: &mut [f32], inverse_deviation: &[f32], gamma: &[f32]) {
    backward(dy, normal, inverse_deviation, gamma, Centre::Zero, false);
}

/// What a norm subtracts before it scales.
#[derive(Clone, Copy, PartialEq)]
enum Centre {
    Mean,
    Zero,
}

fn backward(
    dy: &[f32],
    normal: &mut [f32],
    inverse: &[f32],
    gamma: &[f32],
    centre: Centre,
    parameters: bool,
) -> NormGradients {
    let n = gamma.len();
    let rows = check(dy, Some(normal), gamma, None);
    assert_eq!(inverse.len(), rows, "one deviation a row");
    let step = 128;
    let partial: Vec<(Vec<f32>, Vec<f32>)> = dy
        .par_chunks(step * n)
        .zip(normal.par_chunks_mut(step * n))
        .zip(inverse.par_chunks(step))
        .map(|((dy, normal), inverse)| {
            let width = if parameters { n } else { 0 };
            let mut sums = (vec![0.0; width], vec![0.0; width]);
            if parameters {
                parameter_gradients(dy, normal, &mut sums.0, &mut sums.1);
            }
            input_gradient(dy, normal, inverse, gamma, centre == Centre::Mean);
            sums
        })
        .collect();
    let (mut d_gamma, mut d_beta) = (vec![0.0; n], vec![0.0; n]);
    for (gamma, beta) in &partial {
        crate::gemm::add_slice(&mut d_gamma, gamma);
        crate::gemm::add_slice(&mut d_beta, beta);
    }
    NormGradients { d_gamma, d_beta }
}

fn check(x: &[f32], other: Option<&[f32]>, gamma: &[f32], beta: Option<&[f32]>) -> usize {
    assert!(!gamma.is_empty(), "a norm over rows of no values");
    if let Some(other) = other {
        assert_eq!(
            x.len(),
            other.len(),
            "a norm of slices of different lengths"
        );
    }
    if let Some(beta) = beta {
        assert_eq!(gamma.len(), beta.len(), "gamma and beta differ in length");
    }
    row_count(x, gamma.len())
}

#[cfg(test)]
mod tests;
