//! The arithmetic of norms on a few rows.

use crate::simd::{dot, dot_2_and_3, simd, squared_deviation, sum};

/// The `len` values from `start` on.
pub(super) fn part(values: Option<&[f32]>, start: usize, len: usize) -> Option<&[f32]> {
    values.map(|values| &values[start..start + len])
}

/// `x + residual`, or `x`.
pub(super) fn add(sum: &mut [f32], x: &[f32], residual: Option<&[f32]>) {
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

    pub(super) fn standardise(x: &mut [f32], n: usize, eps: f32, inverse: &mut [f32]) {
        for (row, inverse) in x.chunks_exact_mut(n).zip(inverse) {
            let mean = sum(row) / n as f32;
            *inverse = 1.0 / (squared_deviation(row, mean) / n as f32 + eps).sqrt();
            for v in row {
                *v = (*v - mean) * *inverse;
            }
        }
    }

    pub(super) fn divide_by_root_mean_square(x: &mut [f32], n: usize, eps: f32, inverse: &mut [f32]) {
        for (row, inverse) in x.chunks_exact_mut(n).zip(inverse) {
            *inverse = 1.0 / (dot(row, row) / n as f32 + eps).sqrt();
            for v in row {
                *v *= *inverse;
            }
        }
    }

    pub(super) fn scale_and_shift(x: &[f32], gamma: &[f32], beta: &[f32], y: &mut [f32]) {
        for (x, y) in x.chunks_exact(gamma.len()).zip(y.chunks_exact_mut(gamma.len())) {
            for (((y, x), gamma), beta) in y.iter_mut().zip(x).zip(gamma).zip(beta) {
                *y = x.mul_add(*gamma, *beta);
            }
        }
    }

    pub(super) fn scale_and_shift_in_place(x: &mut [f32], gamma: &[f32], beta: &[f32]) {
        for x in x.chunks_exact_mut(gamma.len()) {
            for ((x, gamma), beta) in x.iter_mut().zip(gamma).zip(beta) {
                *x = x.mul_add(*gamma, *beta);
            }
        }
    }

    pub(super) fn scale(x: &[f32], gamma: &[f32], y: &mut [f32]) {
        for (x, y) in x.chunks_exact(gamma.len()).zip(y.chunks_exact_mut(gamma.len())) {
            for ((y, x), gamma) in y.iter_mut().zip(x).zip(gamma) {
                *y = x * gamma;
            }
        }
    }

    pub(super) fn scale_in_place(x: &mut [f32], gamma: &[f32]) {
        for x in x.chunks_exact_mut(gamma.len()) {
            for (x, gamma) in x.iter_mut().zip(gamma) {
                *x *= gamma;
            }
        }
    }

    /// Writes the gradient over `normal`.
    pub(super) fn input_gradient(dy: &[f32], normal: &mut [f32], inverse: &[f32], gamma: &[f32], centred: bool) {
        let n = gamma.len();
        for ((dy, normal), inverse) in dy.chunks_exact(n).zip(normal.chunks_exact_mut(n)).zip(inverse) {
            let (sum_g, sum_gn) = dot_2_and_3(dy, gamma, normal);
            let mean_g = if centred { sum_g / n as f32 } else { 0.0 };
            let mean_gn = sum_gn / n as f32;
            for ((normal, dy), gamma) in normal.iter_mut().zip(dy).zip(gamma) {
                *normal = inverse * (dy.mul_add(*gamma, -mean_g) - *normal * mean_gn);
            }
        }
    }

    pub(super) fn parameter_gradients(dy: &[f32], normal: &[f32], d_gamma: &mut [f32], d_beta: &mut [f32]) {
        let n = d_gamma.len();
        for (dy, normal) in dy.chunks_exact(n).zip(normal.chunks_exact(n)) {
            for (((d_gamma, d_beta), dy), normal) in d_gamma.iter_mut().zip(d_beta.iter_mut()).zip(dy).zip(normal) {
                *d_gamma = dy.mul_add(*normal, *d_gamma);
                *d_beta += dy;
            }
        }
    }
}
