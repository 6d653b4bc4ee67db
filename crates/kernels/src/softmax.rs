//! Softmax over rows, and its derivative.

use crate::gemm::row_count;
use crate::rows_per_chunk;
use crate::simd::{dot, exp, max, simd, sum};
use rayon::prelude::*;

/// Softmax of each row of `n` values, in place.
///
/// # Panics
/// When the length is no multiple of `n`.
pub fn softmax_in_place(x: &mut [f32], n: usize) {
    row_count(x, n);
    if !x.is_empty() {
        x.par_chunks_mut(rows_per_chunk(n) * n)
            .for_each(|rows| softmax_rows(rows, n));
    }
}

/// Turns `dy` into the gradient of the input, given the softmax `y`: `y · (dy - Σ y · dy)` for each row of `n` values.
///
/// # Panics
/// When the lengths differ or are no multiple of `n`.
pub fn softmax_dx_in_place(y: &[f32], dy: &mut [f32], n: usize) {
    assert_eq!(
        y.len(),
        dy.len(),
        "gradient of another length than the output"
    );
    row_count(y, n);
    if !y.is_empty() {
        let step = rows_per_chunk(n) * n;
        y.par_chunks(step)
            .zip(dy.par_chunks_mut(step))
            .for_each(|(y, dy)| softmax_dx_rows(y, dy, n, 1.0));
    }
}

simd! {
    fn softmax_rows(x: &mut [f32], n: usize) {
        for row in x.chunks_exact_mut(n) {
            let highest = max(row);
            for v in row.iter_mut() {
                *v = exp(*v - highest);
            }
            let inverse = 1.0 / sum(row);
            for v in row {
                *v *= inverse;
            }
        }
    }

    /// Over rows of `n`: `dy = scale · y · (dy - Σ y · dy)`.
    pub(crate) fn softmax_dx_rows(y: &[f32], dy: &mut [f32], n: usize, scale: f32) {
        for (y, dy) in y.chunks_exact(n).zip(dy.chunks_exact_mut(n)) {
            let mean = dot(y, dy);
            for (y, dy) in y.iter().zip(dy) {
                *dy = y * (*dy - mean) * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, numeric_gradient, values, wide};
    use proptest::prelude::*;

    fn reference(x: &[f64], n: usize) -> Vec<f64> {
        x.chunks(n)
            .flat_map(|row| {
                let total: f64 = row.iter().map(|v| v.exp()).sum();
                row.iter().map(move |v| v.exp() / total).collect::<Vec<_>>()
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn softmax_and_its_gradient(rows in 0usize..7, n in 1usize..45, seed: u64) {
            let (x, dy) = (values(seed, rows * n), values(seed ^ 1, rows * n));
            let mut y = x.clone();
            softmax_in_place(&mut y, n);
            assert_close(&y, &reference(&wide(&x), n), 1e-6);
            let mut dx = dy.clone();
            softmax_dx_in_place(&y, &mut dx, n);
            let expected = numeric_gradient(&wide(&x), |x| {
                reference(x, n).iter().zip(&dy).map(|(y, dy)| y * f64::from(*dy)).sum()
            });
            assert_close(&dx, &expected, 1e-6);
        }
    }

    #[test]
    fn large_scores_do_not_overflow() {
        let mut y = vec![1e30, 1e30, -1e30];
        softmax_in_place(&mut y, 3);
        assert_close(&y, &[0.5, 0.5, 0.0], 1e-7);
    }
}
