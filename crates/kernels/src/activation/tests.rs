//! Against f64: values, slopes, gated products and caps.

use super::*;
use crate::testing::{assert_close, numeric_gradient, values, wide};
use proptest::prelude::*;

const ALL: [Activation; 5] = [
    Activation::GeluErf,
    Activation::GeluTanh,
    Activation::Silu,
    Activation::Relu,
    Activation::Tanh,
];

/// Φ by Simpson's rule from the density: shares nothing with the kernel.
fn normal_distribution(x: f64) -> f64 {
    let n = 400;
    let h = x / f64::from(n);
    let density = |t: f64| (-t * t / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let inner: f64 = (1..n)
        .map(|i| density(h * f64::from(i)) * if i % 2 == 1 { 4.0 } else { 2.0 })
        .sum();
    0.5 + h / 3.0 * (density(0.0) + inner + density(x))
}

fn reference(x: f64, function: Activation) -> f64 {
    match function {
        Activation::GeluErf => x * normal_distribution(x),
        Activation::GeluTanh => {
            0.5 * x
                * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
        }
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::Relu => x.max(0.0),
        Activation::Tanh => x.tanh(),
    }
}

#[test]
fn values_are_exact_to_f32_from_minus_12_to_12() {
    let x: Vec<f32> = (-1200..=1200).map(|i| i as f32 * 0.01).collect();
    for function in ALL {
        for (x, y) in x.iter().zip(activate(&x, function)) {
            let expected = reference(f64::from(*x), function);
            let error = (f64::from(y) - expected).abs();
            assert!(
                error <= 1e-6 * expected.abs().max(0.02),
                "{function:?}({x}) = {y}, expected {expected}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn slopes_are_the_derivative(n in 0usize..70, seed: u64) {
        let x: Vec<f32> = values(seed, n).iter().map(|v| v * 2.0 + 0.001).collect();
        let dy = values(seed ^ 1, n);
        for function in ALL {
            let expected = numeric_gradient(&wide(&x), |x| {
                x.iter().zip(&dy).map(|(x, dy)| reference(*x, function) * f64::from(*dy)).sum()
            });
            assert_close(&activate_dx(&x, &dy, function), &expected, 1e-6);
            let mut in_place = dy.clone();
            activate_dx_in_place(&x, &mut in_place, function);
            prop_assert_eq!(in_place, activate_dx(&x, &dy, function));
            let mut in_place = x.clone();
            activate_in_place(&mut in_place, function);
            prop_assert_eq!(in_place, activate(&x, function));
            let mut slopes = x.clone();
            prop_assert_eq!(activate_leaving_slopes(&mut slopes, function), activate(&x, function));
            let mut product = dy.clone();
            multiply_in_place(&mut product, &slopes);
            prop_assert_eq!(product, activate_dx(&x, &dy, function));
        }
    }

    #[test]
    fn gated_products_and_their_gradients(n in 0usize..70, seed: u64) {
        let (gate, up, dy) = (values(seed, n), values(seed ^ 1, n), values(seed ^ 2, n));
        // ReLU has no derivative where it bends.
        let gate: Vec<f32> = gate.iter().map(|v| if v.abs() < 1e-3 { 0.5 } else { *v }).collect();
        for function in ALL {
            let product = |gate: &[f64], up: &[f64]| -> Vec<f64> {
                gate.iter().zip(up).map(|(g, u)| reference(*g, function) * u).collect()
            };
            let loss = |gate: &[f64], up: &[f64]| -> f64 {
                product(gate, up).iter().zip(&dy).map(|(y, dy)| y * f64::from(*dy)).sum()
            };
            assert_close(&gated(&gate, &up, function), &product(&wide(&gate), &wide(&up)), 1e-6);
            let (mut d_gate, mut d_up) = (gate.clone(), up.clone());
            gated_dx_in_place(&mut d_gate, &mut d_up, &dy, function);
            assert_close(&d_gate, &numeric_gradient(&wide(&gate), |g| loss(g, &wide(&up))), 1e-6);
            assert_close(&d_up, &numeric_gradient(&wide(&up), |u| loss(&wide(&gate), u)), 1e-6);
            // The same digits as the activation and a product after it.
            let apart: Vec<f32> = activate(&gate, function).iter().zip(&up).map(|(g, u)| g * u).collect();
            prop_assert_eq!(gated(&gate, &up, function), apart.clone());
            let mut in_place = gate.clone();
            gated_in_place(&mut in_place, &up, function);
            prop_assert_eq!(in_place, apart);
        }
    }

    #[test]
    fn a_cap_and_its_gradient(n in 0usize..70, cap in 0.5f32..40.0, size in 0.1f32..100.0, seed: u64) {
        let x: Vec<f32> = values(seed, n).iter().map(|v| v * size).collect();
        let dy = values(seed ^ 1, n);
        let capped = |x: &[f64]| -> Vec<f64> {
            x.iter().map(|x| f64::from(cap) * (x / f64::from(cap)).tanh()).collect()
        };
        let mut y = x.clone();
        soft_cap_in_place(&mut y, cap);
        assert_close(&y, &capped(&wide(&x)), 1e-6);
        let expected = numeric_gradient(&wide(&x), |x| {
            capped(x).iter().zip(&dy).map(|(y, dy)| y * f64::from(*dy)).sum()
        });
        let mut dx = dy.clone();
        soft_cap_dx_in_place(&y, &mut dx, cap);
        assert_close(&dx, &expected, 2e-6);
    }
}
