//! Layer norm (Ba et al. 2016, <https://arxiv.org/abs/1607.06450>), alone or of a sum with a residual, and RMS norm
//! (Zhang and Sennrich 2019, <https://arxiv.org/abs/1910.07467>), over the last dimension.

use crate::gemm::row_count;
use crate::rows_per_chunk;
use crate::simd::{dot, dot_2_and_3, simd, squared_deviation, sum, unfilled};
use rayon::prelude::*;

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

/// Gradients of a norm: of the input (also that of the residual, where there is one) and of its parameters.
#[derive(Clone, Debug)]
pub struct NormGradients {
    /// [rows, n].
    pub dx: Vec<f32>,
    /// `[n]`.
    pub d_gamma: Vec<f32>,
    /// `[n]`; empty for RMS norm.
    pub d_beta: Vec<f32>,
}

/// `gamma · (s - mean) / √(var + eps) + beta` with `s = x + residual`, over rows of `gamma.len()` values, keeping what
/// the backward pass needs.
///
/// # Panics
/// When a length does not fit.
pub fn layer_norm_saving(
    x: &[f32],
    residual: Option<&[f32]>,
    gamma: &[f32],
    beta: &[f32],
    eps: f32,
) -> Normed {
    let n = gamma.len();
    let rows = check(x, residual, gamma, Some(beta));
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
            scale_and_shift(normal, gamma, beta, y);
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
    beta: &[f32],
    eps: f32,
) {
    let n = gamma.len();
    check(x, residual, gamma, Some(beta));
    let step = rows_per_chunk(n);
    x.par_chunks_mut(step * n).enumerate().for_each(|(i, x)| {
        if let Some(residual) = part(residual, i * step * n, x.len()) {
            crate::gemm::add_slice(x, residual);
        }
        standardise(x, n, eps, &mut vec![0.0; x.len() / n]);
        scale_and_shift_in_place(x, gamma, beta);
    });
}

/// Gradients of layer norm: `dx = (g - mean(g) - normal · mean(g · normal)) / deviation` with `g = dy · gamma`.
///
/// # Panics
/// When a length does not fit.
pub fn layer_norm_backward(
    dy: &[f32],
    normal: &[f32],
    inverse_deviation: &[f32],
    gamma: &[f32],
) -> NormGradients {
    backward(dy, normal, inverse_deviation, gamma, Centre::Mean, true)
}

/// The input gradient of [`layer_norm_backward`] alone, for a norm whose parameters are frozen.
///
/// # Panics
/// When a length does not fit.
pub fn layer_norm_dx(
    dy: &[f32],
    normal: &[f32],
    inverse_deviation: &[f32],
    gamma: &[f32],
) -> Vec<f32> {
    backward(dy, normal, inverse_deviation, gamma, Centre::Mean, false).dx
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

/// Gradients of RMS norm: `dx = (g - normal · mean(g · normal)) / root mean square` with `g = dy · gamma`.
///
/// # Panics
/// When a length does not fit.
pub fn rms_norm_backward(
    dy: &[f32],
    normal: &[f32],
    inverse_deviation: &[f32],
    gamma: &[f32],
) -> NormGradients {
    NormGradients {
        d_beta: Vec::new(),
        ..backward(dy, normal, inverse_deviation, gamma, Centre::Zero, true)
    }
}

/// The input gradient of [`rms_norm_backward`] alone, for a norm whose parameters are frozen.
///
/// # Panics
/// When a length does not fit.
pub fn rms_norm_dx(
    dy: &[f32],
    normal: &[f32],
    inverse_deviation: &[f32],
    gamma: &[f32],
) -> Vec<f32> {
    backward(dy, normal, inverse_deviation, gamma, Centre::Zero, false).dx
}

/// What a norm subtracts before it scales.
#[derive(Clone, Copy, PartialEq)]
enum Centre {
    Mean,
    Zero,
}

fn backward(
    dy: &[f32],
    normal: &[f32],
    inverse: &[f32],
    gamma: &[f32],
    centre: Centre,
    parameters: bool,
) -> NormGradients {
    let n = gamma.len();
    let rows = check(dy, Some(normal), gamma, None);
    assert_eq!(inverse.len(), rows, "one deviation a row");
    // SAFETY: every row of `dx` is written.
    let mut dx = unsafe { unfilled(dy.len()) };
    let step = 128;
    let partial: Vec<(Vec<f32>, Vec<f32>)> = dy
        .par_chunks(step * n)
        .zip(normal.par_chunks(step * n))
        .zip(inverse.par_chunks(step))
        .zip(dx.par_chunks_mut(step * n))
        .map(|(((dy, normal), inverse), dx)| {
            input_gradient(dy, normal, inverse, gamma, centre == Centre::Mean, dx);
            let width = if parameters { n } else { 0 };
            let mut sums = (vec![0.0; width], vec![0.0; width]);
            if parameters {
                parameter_gradients(dy, normal, &mut sums.0, &mut sums.1);
            }
            sums
        })
        .collect();
    let (mut d_gamma, mut d_beta) = (vec![0.0; n], vec![0.0; n]);
    for (gamma, beta) in &partial {
        crate::gemm::add_slice(&mut d_gamma, gamma);
        crate::gemm::add_slice(&mut d_beta, beta);
    }
    NormGradients {
        dx,
        d_gamma,
        d_beta,
    }
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

fn part(values: Option<&[f32]>, start: usize, len: usize) -> Option<&[f32]> {
    values.map(|values| &values[start..start + len])
}

fn add(sum: &mut [f32], x: &[f32], residual: Option<&[f32]>) {
    match residual {
        Some(residual) => add_two(sum, x, residual),
        None => sum.copy_from_slice(x),
    }
}

simd! {
    fn add_two(sum: &mut [f32], x: &[f32], y: &[f32]) {
        for ((sum, x), y) in sum.iter_mut().zip(x).zip(y) {
            *sum = x + y;
        }
    }

    fn standardise(x: &mut [f32], n: usize, eps: f32, inverse: &mut [f32]) {
        for (row, inverse) in x.chunks_exact_mut(n).zip(inverse) {
            let mean = sum(row) / n as f32;
            *inverse = 1.0 / (squared_deviation(row, mean) / n as f32 + eps).sqrt();
            for v in row {
                *v = (*v - mean) * *inverse;
            }
        }
    }

    fn divide_by_root_mean_square(x: &mut [f32], n: usize, eps: f32, inverse: &mut [f32]) {
        for (row, inverse) in x.chunks_exact_mut(n).zip(inverse) {
            *inverse = 1.0 / (dot(row, row) / n as f32 + eps).sqrt();
            for v in row {
                *v *= *inverse;
            }
        }
    }

    fn scale_and_shift(x: &[f32], gamma: &[f32], beta: &[f32], y: &mut [f32]) {
        for (x, y) in x.chunks_exact(gamma.len()).zip(y.chunks_exact_mut(gamma.len())) {
            for (((y, x), gamma), beta) in y.iter_mut().zip(x).zip(gamma).zip(beta) {
                *y = x.mul_add(*gamma, *beta);
            }
        }
    }

    fn scale_and_shift_in_place(x: &mut [f32], gamma: &[f32], beta: &[f32]) {
        for x in x.chunks_exact_mut(gamma.len()) {
            for ((x, gamma), beta) in x.iter_mut().zip(gamma).zip(beta) {
                *x = x.mul_add(*gamma, *beta);
            }
        }
    }

    fn scale(x: &[f32], gamma: &[f32], y: &mut [f32]) {
        for (x, y) in x.chunks_exact(gamma.len()).zip(y.chunks_exact_mut(gamma.len())) {
            for ((y, x), gamma) in y.iter_mut().zip(x).zip(gamma) {
                *y = x * gamma;
            }
        }
    }

    fn scale_in_place(x: &mut [f32], gamma: &[f32]) {
        for x in x.chunks_exact_mut(gamma.len()) {
            for (x, gamma) in x.iter_mut().zip(gamma) {
                *x *= gamma;
            }
        }
    }

    fn input_gradient(dy: &[f32], normal: &[f32], inverse: &[f32], gamma: &[f32], centred: bool, dx: &mut [f32]) {
        let n = gamma.len();
        let rows = dy.chunks_exact(n).zip(normal.chunks_exact(n)).zip(dx.chunks_exact_mut(n)).zip(inverse);
        for (((dy, normal), dx), inverse) in rows {
            let (sum_g, sum_gn) = dot_2_and_3(dy, gamma, normal);
            let mean_g = if centred { sum_g / n as f32 } else { 0.0 };
            let mean_gn = sum_gn / n as f32;
            for (((dx, dy), gamma), normal) in dx.iter_mut().zip(dy).zip(gamma).zip(normal) {
                *dx = inverse * (dy.mul_add(*gamma, -mean_g) - normal * mean_gn);
            }
        }
    }

    fn parameter_gradients(dy: &[f32], normal: &[f32], d_gamma: &mut [f32], d_beta: &mut [f32]) {
        let n = d_gamma.len();
        for (dy, normal) in dy.chunks_exact(n).zip(normal.chunks_exact(n)) {
            for (((d_gamma, d_beta), dy), normal) in d_gamma.iter_mut().zip(d_beta.iter_mut()).zip(dy).zip(normal) {
                *d_gamma = dy.mul_add(*normal, *d_gamma);
                *d_beta += dy;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, numeric_gradient, values, wide};
    use proptest::prelude::*;

    fn layer_norm_f64(s: &[f64], gamma: &[f64], beta: &[f64], eps: f64) -> Vec<f64> {
        let n = gamma.len();
        s.chunks(n)
            .flat_map(|row| {
                let mean = row.iter().sum::<f64>() / n as f64;
                let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n as f64;
                (0..n)
                    .map(move |j| (row[j] - mean) / (variance + eps).sqrt() * gamma[j] + beta[j])
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    fn rms_norm_f64(x: &[f64], gamma: &[f64], eps: f64) -> Vec<f64> {
        let n = gamma.len();
        x.chunks(n)
            .flat_map(|row| {
                let square = row.iter().map(|v| v * v).sum::<f64>() / n as f64;
                (0..n)
                    .map(move |j| row[j] / (square + eps).sqrt() * gamma[j])
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    fn weighted(y: Vec<f64>, dy: &[f32]) -> f64 {
        y.iter().zip(dy).map(|(y, dy)| y * f64::from(*dy)).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn layer_norm_of_a_sum_and_all_its_gradients(rows in 0usize..9, n in 1usize..50, with_residual: bool, seed: u64) {
            let (x, r) = (values(seed, rows * n), values(seed ^ 1, rows * n));
            let (gamma, beta, dy) = (values(seed ^ 2, n), values(seed ^ 3, n), values(seed ^ 4, rows * n));
            let eps = 1e-2;
            let residual = with_residual.then_some(r.as_slice());
            let s: Vec<f64> = x.iter().zip(&r).map(|(x, r)| f64::from(*x) + if with_residual { f64::from(*r) } else { 0.0 }).collect();
            let saved = layer_norm_saving(&x, residual, &gamma, &beta, eps as f32);
            assert_close(&saved.y, &layer_norm_f64(&s, &wide(&gamma), &wide(&beta), eps), 2e-6);
            let mut in_place = x.clone();
            layer_norm_in_place(&mut in_place, residual, &gamma, &beta, eps as f32);
            prop_assert_eq!(&in_place, &saved.y);

            let found = layer_norm_backward(&dy, &saved.normal, &saved.inverse_deviation, &gamma);
            let (g, b) = (wide(&gamma), wide(&beta));
            assert_close(&found.dx, &numeric_gradient(&s, |s| weighted(layer_norm_f64(s, &g, &b, eps), &dy)), 2e-6);
            assert_close(&found.d_gamma, &numeric_gradient(&g, |g| weighted(layer_norm_f64(&s, g, &b, eps), &dy)), 2e-6);
            assert_close(&found.d_beta, &numeric_gradient(&b, |b| weighted(layer_norm_f64(&s, &g, b, eps), &dy)), 2e-6);
            prop_assert_eq!(layer_norm_dx(&dy, &saved.normal, &saved.inverse_deviation, &gamma), found.dx);
        }

        #[test]
        fn rms_norm_and_its_gradients(rows in 0usize..9, n in 1usize..50, seed: u64) {
            let (x, gamma, dy) = (values(seed, rows * n), values(seed ^ 2, n), values(seed ^ 4, rows * n));
            let eps = 1e-2;
            let saved = rms_norm_saving(&x, &gamma, eps as f32);
            assert_close(&saved.y, &rms_norm_f64(&wide(&x), &wide(&gamma), eps), 2e-6);
            let mut in_place = x.clone();
            rms_norm_in_place(&mut in_place, &gamma, eps as f32);
            prop_assert_eq!(&in_place, &saved.y);

            let found = rms_norm_backward(&dy, &saved.normal, &saved.inverse_deviation, &gamma);
            let (x, g) = (wide(&x), wide(&gamma));
            assert_close(&found.dx, &numeric_gradient(&x, |x| weighted(rms_norm_f64(x, &g, eps), &dy)), 2e-6);
            assert_close(&found.d_gamma, &numeric_gradient(&g, |g| weighted(rms_norm_f64(&x, g, eps), &dy)), 2e-6);
            prop_assert_eq!(rms_norm_dx(&dy, &saved.normal, &saved.inverse_deviation, &gamma), found.dx);
        }
    }

    #[test]
    fn parameter_gradients_add_up_over_many_chunks_of_rows() {
        let (rows, n) = (1001, 3);
        let (x, dy) = (values(1, rows * n), values(2, rows * n));
        let saved = layer_norm_saving(&x, None, &[1.0; 3], &[0.0; 3], 1e-5);
        let found = layer_norm_backward(&dy, &saved.normal, &saved.inverse_deviation, &[1.0; 3]);
        let d_beta: Vec<f64> = (0..n)
            .map(|j| wide(&dy).iter().skip(j).step_by(n).sum())
            .collect();
        assert_close(&found.d_beta, &d_beta, 1e-5);
    }
}
