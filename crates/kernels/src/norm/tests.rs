//! Against f64: results and the gradients of inputs and parameters.

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
    fn layer_norm_of_a_sum_and_all_its_gradients(rows in 0usize..9, n in 1usize..50, with_residual: bool, with_beta: bool, seed: u64) {
        let (x, r) = (values(seed, rows * n), values(seed ^ 1, rows * n));
        let (gamma, beta, dy) = (values(seed ^ 2, n), values(seed ^ 3, n), values(seed ^ 4, rows * n));
        let eps = 1e-2;
        let residual = with_residual.then_some(r.as_slice());
        let bias = with_beta.then_some(beta.as_slice());
        let added = if with_beta { wide(&beta) } else { vec![0.0; n] };
        let s: Vec<f64> = x.iter().zip(&r).map(|(x, r)| f64::from(*x) + if with_residual { f64::from(*r) } else { 0.0 }).collect();
        let saved = layer_norm_saving(&x, residual, &gamma, bias, eps as f32);
        assert_close(&saved.y, &layer_norm_f64(&s, &wide(&gamma), &added, eps), 2e-6);
        let mut in_place = x.clone();
        layer_norm_in_place(&mut in_place, residual, &gamma, bias, eps as f32);
        prop_assert_eq!(&in_place, &saved.y);

        prop_assert_eq!(&scaled_and_shifted(&saved.normal, &gamma, bias), &saved.y);

        let mut dx = saved.normal.clone();
        let found = layer_norm_backward(&dy, &mut dx, &saved.inverse_deviation, &gamma);
        let (g, b) = (wide(&gamma), added);
        assert_close(&dx, &numeric_gradient(&s, |s| weighted(layer_norm_f64(s, &g, &b, eps), &dy)), 2e-6);
        assert_close(&found.d_gamma, &numeric_gradient(&g, |g| weighted(layer_norm_f64(&s, g, &b, eps), &dy)), 2e-6);
        assert_close(&found.d_beta, &numeric_gradient(&b, |b| weighted(layer_norm_f64(&s, &g, b, eps), &dy)), 2e-6);
        let mut alone = saved.normal.clone();
        layer_norm_dx(&dy, &mut alone, &saved.inverse_deviation, &gamma);
        prop_assert_eq!(alone, dx);
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

        prop_assert_eq!(&scaled_and_shifted(&saved.normal, &gamma, None), &saved.y);

        let mut dx = saved.normal.clone();
        let found = rms_norm_backward(&dy, &mut dx, &saved.inverse_deviation, &gamma);
        let (x, g) = (wide(&x), wide(&gamma));
        assert_close(&dx, &numeric_gradient(&x, |x| weighted(rms_norm_f64(x, &g, eps), &dy)), 2e-6);
        assert_close(&found.d_gamma, &numeric_gradient(&g, |g| weighted(rms_norm_f64(&x, g, eps), &dy)), 2e-6);
        let mut alone = saved.normal.clone();
        rms_norm_dx(&dy, &mut alone, &saved.inverse_deviation, &gamma);
        prop_assert_eq!(alone, dx);
    }
}

#[test]
fn parameter_gradients_add_up_over_many_chunks_of_rows() {
    let (rows, n) = (1001, 3);
    let (x, dy) = (values(1, rows * n), values(2, rows * n));
    let saved = layer_norm_saving(&x, None, &[1.0; 3], Some(&[0.0; 3]), 1e-5);
    let mut normal = saved.normal;
    let found = layer_norm_backward(&dy, &mut normal, &saved.inverse_deviation, &[1.0; 3]);
    let d_beta: Vec<f64> = (0..n)
        .map(|j| wide(&dy).iter().skip(j).step_by(n).sum())
        .collect();
    assert_close(&found.d_beta, &d_beta, 1e-5);
}
