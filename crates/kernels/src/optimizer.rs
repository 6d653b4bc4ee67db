//! AdamW (Loshchilov and Hutter 2019, <https://arxiv.org/abs/1711.05101>) with PyTorch's formula, in place, and the
//! sums that clipping a gradient by its norm needs.

use crate::CHUNK;
use crate::simd::{dot, simd};
use crate::zeros::{BLOCK, is_zero};
use rayon::prelude::*;

/// The constants of one AdamW step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep {
    /// Learning rate.
    pub learning_rate: f64,
    /// Decay of the mean of gradients.
    pub beta_1: f64,
    /// Decay of the mean of squared gradients.
    pub beta_2: f64,
    /// Added to the root of the second moment, after its bias correction.
    pub epsilon: f64,
    /// Decoupled weight decay: weights shrink by `learning_rate * weight_decay`.
    pub weight_decay: f64,
    /// Number of this step, from 1.
    pub time: u64,
}

/// One step: updates the weights and both moments in place.
///
/// `w -= lr · wd · w`, `m = β₁ m + (1 - β₁) g`, `v = β₂ v + (1 - β₂) g²`,
/// `w -= lr · (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε)`.
///
/// Where gradient and moments are zero throughout a page (rows of an embedding whose words have not occurred), the moments stay so
/// and are not written to.
///
/// # Panics
/// When the lengths differ or `time` is 0.
pub fn adamw(
    weights: &mut [f32],
    gradient: &[f32],
    moment_1: &mut [f32],
    moment_2: &mut [f32],
    step: &AdamWStep,
) {
    assert!(step.time > 0, "AdamW counts its steps from 1");
    for len in [gradient.len(), moment_1.len(), moment_2.len()] {
        assert_eq!(
            weights.len(),
            len,
            "weights, gradient and moments differ in length"
        );
    }
    let time = step.time as f64;
    let correction_1 = 1.0 - step.beta_1.powf(time);
    let correction_2 = 1.0 - step.beta_2.powf(time);
    let constants = Constants {
        decay: (1.0 - step.learning_rate * step.weight_decay) as f32,
        beta_1: step.beta_1 as f32,
        rest_1: (1.0 - step.beta_1) as f32,
        beta_2: step.beta_2 as f32,
        rest_2: (1.0 - step.beta_2) as f32,
        rate: (step.learning_rate / correction_1) as f32,
        root_2: (1.0 / correction_2.sqrt()) as f32,
        epsilon: step.epsilon as f32,
    };
    weights
        .par_chunks_mut(CHUNK)
        .zip(gradient.par_chunks(CHUNK))
        .zip(moment_1.par_chunks_mut(CHUNK))
        .zip(moment_2.par_chunks_mut(CHUNK))
        .for_each(|(((w, g), m), v)| update(w, g, m, v, constants));
}

/// Sum of the squares of `values`, in double precision over chunks: add up over all parameters and take the root to get
/// the norm of a gradient.
pub fn sum_of_squares(values: &[f32]) -> f64 {
    let chunks: Vec<f64> = values
        .par_chunks(CHUNK)
        .map(|chunk| f64::from(sum_of_squares_chunk(chunk)))
        .collect();
    chunks.iter().sum()
}

/// Multiplies every value by `factor`.
pub fn scale_in_place(values: &mut [f32], factor: f32) {
    values
        .par_chunks_mut(CHUNK)
        .for_each(|chunk| scale_chunk(chunk, factor));
}

#[derive(Clone, Copy)]
struct Constants {
    decay: f32,
    beta_1: f32,
    rest_1: f32,
    beta_2: f32,
    rest_2: f32,
    rate: f32,
    root_2: f32,
    epsilon: f32,
}

simd! {
    fn update(w: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32], c: Constants) {
        let blocks = w.chunks_mut(BLOCK).zip(g.chunks(BLOCK)).zip(m.chunks_mut(BLOCK)).zip(v.chunks_mut(BLOCK));
        for (((w, g), m), v) in blocks {
            if c.epsilon > 0.0 && is_zero(g) && is_zero(m) && is_zero(v) {
                for w in w {
                    *w *= c.decay;
                }
                continue;
            }
            for (((w, g), m), v) in w.iter_mut().zip(g).zip(m).zip(v) {
                *m = c.beta_1.mul_add(*m, c.rest_1 * g);
                *v = c.beta_2.mul_add(*v, c.rest_2 * g * g);
                *w = c.decay.mul_add(*w, -c.rate * *m / v.sqrt().mul_add(c.root_2, c.epsilon));
            }
        }
    }

    fn sum_of_squares_chunk(values: &[f32]) -> f32 {
        dot(values, values)
    }

    fn scale_chunk(values: &mut [f32], factor: f32) {
        for block in values.chunks_mut(BLOCK) {
            if factor.is_finite() && is_zero(block) {
                continue; // nothing would change, and a page that was never written to would take memory
            }
            for v in block {
                *v *= factor;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, values, wide};

    #[test]
    fn seven_steps_follow_pytorchs_formula_in_f64() {
        let n = 16_387; // one chunk and three
        let (lr, b1, b2, eps, wd) = (3e-3, 0.9, 0.999, 1e-8, 0.05);
        let mut w = values(1, n);
        let (mut m, mut v) = (vec![0.0; n], vec![0.0; n]);
        let (mut w64, mut m64, mut v64) = (wide(&w), vec![0f64; n], vec![0f64; n]);
        for time in 1..=7 {
            let g = values(100 + time, n);
            let step = AdamWStep {
                learning_rate: lr,
                beta_1: b1,
                beta_2: b2,
                epsilon: eps,
                weight_decay: wd,
                time,
            };
            adamw(&mut w, &g, &mut m, &mut v, &step);
            for i in 0..n {
                let g = f64::from(g[i]);
                w64[i] -= lr * wd * w64[i];
                m64[i] = b1 * m64[i] + (1.0 - b1) * g;
                v64[i] = b2 * v64[i] + (1.0 - b2) * g * g;
                let (m_hat, v_hat) = (
                    m64[i] / (1.0 - b1.powi(time as i32)),
                    v64[i] / (1.0 - b2.powi(time as i32)),
                );
                w64[i] -= lr * m_hat / (v_hat.sqrt() + eps);
            }
        }
        assert_close(&w, &w64, 1e-6);
        assert_close(&m, &m64, 1e-6);
        assert_close(&v, &v64, 1e-6);
    }

    #[test]
    fn weights_without_gradient_decay_by_the_same_digits_and_their_moments_stay_untouched() {
        let n = 3 * BLOCK + 5;
        let of = |seed| {
            let mut values = values(seed, n);
            values[BLOCK..2 * BLOCK].fill(0.0);
            values
        };
        let (g, mut m, mut v) = (of(1), of(2), of(3));
        v.iter_mut().for_each(|v| *v = v.abs());
        let mut w = values(4, n);
        w[BLOCK + 3] = -0.0;
        let (before, decay) = (w.clone(), (1.0 - 3e-3 * 0.05) as f32);
        let step = AdamWStep {
            learning_rate: 3e-3,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.05,
            time: 4,
        };
        adamw(&mut w, &g, &mut m, &mut v, &step);
        for i in BLOCK..2 * BLOCK {
            // What the formula gives: m = v = 0, and nothing to take off but the decay.
            let expected = decay.mul_add(before[i], -(0.0 / 1e-8));
            assert_eq!(w[i].to_bits(), expected.to_bits(), "{i}");
            assert_eq!((m[i].to_bits(), v[i].to_bits()), (0, 0));
        }
        assert!(
            (0..n)
                .filter(|i| !(BLOCK..2 * BLOCK).contains(i))
                .all(|i| w[i] != before[i] && v[i] > 0.0)
        );
        // One gradient that is not zero wakes its block.
        let mut g = vec![0.0; n];
        g[2 * BLOCK - 1] = 1.0;
        adamw(&mut w, &g, &mut m, &mut v, &step);
        assert!(m[2 * BLOCK - 1] > 0.0 && m[BLOCK] == 0.0);
    }

    #[test]
    fn squares_are_summed_over_many_chunks() {
        let x = values(5, 100_003);
        let expected: f64 = wide(&x).iter().map(|v| v * v).sum();
        assert!((sum_of_squares(&x) / expected - 1.0).abs() < 1e-6);
        let mut scaled = x.clone();
        scale_in_place(&mut scaled, 0.25);
        assert!(scaled.iter().zip(&x).all(|(s, x)| *s == 0.25 * x));
    }
}
