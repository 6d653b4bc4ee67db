//! Cross-entropy with integer targets, over rows of logits.
//!
//! Only the log of each row's sum of exponentials is kept for the backward pass, never a second [rows, classes] tensor:
//! with a vocabulary of 30,000 that tensor is the largest of a pretraining step.

use crate::gemm::row_count;
use crate::simd::{exp, max, simd, unfilled};
use rayon::prelude::*;

/// A mean loss and what its backward pass needs.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// Mean over the rows of `-log softmax(row)[target]`, in nats.
    pub loss: f32,
    /// log Σ exp of each row, `[rows]`.
    pub log_sum_exp: Vec<f32>,
}

/// Mean cross-entropy of `logits` [rows, classes] and `targets` `[rows]`.
///
/// # Panics
/// When there are no rows, a target is no class, or the lengths do not fit.
pub fn cross_entropy(logits: &[f32], targets: &[u32], classes: usize) -> CrossEntropy {
    check(logits, targets, classes);
    let log_sum_exp = log_sum_exp(logits, classes);
    let total = total(logits, targets, &log_sum_exp, classes);
    CrossEntropy {
        loss: (total / targets.len() as f64) as f32,
        log_sum_exp,
    }
}

/// log Σ exp of each row of `classes` logits.
///
/// # Panics
/// When the length is no multiple of `classes`.
pub fn log_sum_exp(logits: &[f32], classes: usize) -> Vec<f32> {
    // SAFETY: every row's value is written.
    let mut log_sum_exp = unsafe { unfilled(row_count(logits, classes)) };
    logits
        .par_chunks(classes)
        .zip(log_sum_exp.par_iter_mut())
        .with_min_len(crate::rows_per_chunk(classes))
        .for_each(|(row, value)| *value = log_sum_exp_of(row));
    log_sum_exp
}

/// Sum over the rows of `-log softmax(row)[target]`, in nats, given [`log_sum_exp`] of the rows.
///
/// # Panics
/// When a target is no class or the lengths do not fit.
pub fn total(logits: &[f32], targets: &[u32], log_sum_exp: &[f32], classes: usize) -> f64 {
    check(logits, targets, classes);
    log_sum_exp
        .iter()
        .zip(targets)
        .zip(logits.chunks_exact(classes))
        .map(|((log_sum, target), row)| f64::from(*log_sum) - f64::from(row[*target as usize]))
        .sum()
}

/// Gradient of [`cross_entropy`] with respect to the logits, times `d_loss`: `(softmax - onehot) · d_loss / rows`.
///
/// # Panics
/// When a target is no class or the lengths do not fit.
pub fn cross_entropy_dx(
    logits: &[f32],
    targets: &[u32],
    log_sum_exp: &[f32],
    classes: usize,
    d_loss: f32,
) -> Vec<f32> {
    check(logits, targets, classes);
    assert_eq!(log_sum_exp.len(), targets.len(), "one sum a row");
    let scale = d_loss / targets.len() as f32;
    // SAFETY: every row of `dx` is written.
    let mut dx = unsafe { unfilled(logits.len()) };
    dx.par_chunks_mut(classes)
        .zip(logits.par_chunks(classes))
        .zip(targets)
        .zip(log_sum_exp)
        .with_min_len(crate::rows_per_chunk(classes))
        .for_each(|(((dx, logits), target), log_sum)| {
            scaled_softmax(logits, *log_sum, scale, dx);
            dx[*target as usize] -= scale;
        });
    dx
}

/// The gradient of the loss, times `scale` instead of `d_loss / rows`, written over the logits: `(softmax - onehot) · scale`.
///
/// # Panics
/// When a target is no class or the lengths do not fit.
pub fn cross_entropy_dx_in_place(
    logits: &mut [f32],
    targets: &[u32],
    log_sum_exp: &[f32],
    classes: usize,
    scale: f32,
) {
    check(logits, targets, classes);
    assert_eq!(log_sum_exp.len(), targets.len(), "one sum a row");
    logits
        .par_chunks_mut(classes)
        .zip(targets)
        .zip(log_sum_exp)
        .with_min_len(crate::rows_per_chunk(classes))
        .for_each(|((row, target), log_sum)| {
            scaled_softmax_in_place(row, *log_sum, scale);
            row[*target as usize] -= scale;
        });
}

fn check(logits: &[f32], targets: &[u32], classes: usize) {
    assert!(!targets.is_empty(), "cross-entropy of no rows");
    assert_eq!(
        row_count(logits, classes),
        targets.len(),
        "rows of logits and targets"
    );
    if let Some(target) = targets.iter().find(|t| **t as usize >= classes) {
        panic!("target {target} of {classes} classes");
    }
}

simd! {
    fn log_sum_exp_of(row: &[f32]) -> f32 {
        let highest = max(row);
        // Far below the highest logit, `exp` is clamped to 1.6e-38 instead of 0, which changes nothing here.
        let (chunks, rest) = row.as_chunks::<16>();
        let mut lanes = [0f32; 16];
        for chunk in chunks {
            for l in 0..16 {
                lanes[l] += exp(chunk[l] - highest);
            }
        }
        let total = lanes.iter().sum::<f32>() + rest.iter().map(|v| exp(v - highest)).sum::<f32>();
        highest + total.ln()
    }

    fn scaled_softmax_in_place(logits: &mut [f32], log_sum: f32, scale: f32) {
        for logit in logits {
            *logit = scale * exp(*logit - log_sum);
        }
    }

    fn scaled_softmax(logits: &[f32], log_sum: f32, scale: f32, out: &mut [f32]) {
        for (out, logit) in out.iter_mut().zip(logits) {
            *out = scale * exp(logit - log_sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, numeric_gradient, values, wide};
    use proptest::prelude::*;

    fn reference(logits: &[f64], targets: &[u32], classes: usize) -> f64 {
        let rows = logits.chunks(classes).zip(targets);
        rows.map(|(row, t)| row.iter().map(|v| v.exp()).sum::<f64>().ln() - row[*t as usize])
            .sum::<f64>()
            / targets.len() as f64
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn loss_and_gradient(rows in 1usize..20, classes in 1usize..40, seed: u64) {
            let logits: Vec<f32> = values(seed, rows * classes).iter().map(|v| v * 3.0).collect();
            let targets: Vec<u32> = values(seed ^ 1, rows).iter().map(|v| ((v + 2.0) * 1000.0) as u32 % classes as u32).collect();
            let found = cross_entropy(&logits, &targets, classes);
            assert_close(&[found.loss], &[reference(&wide(&logits), &targets, classes)], 1e-6);
            let dx = cross_entropy_dx(&logits, &targets, &found.log_sum_exp, classes, 0.7);
            let expected = numeric_gradient(&wide(&logits), |l| 0.7 * reference(l, &targets, classes));
            assert_close(&dx, &expected, 1e-6);
            let mut in_place = logits.clone();
            cross_entropy_dx_in_place(&mut in_place, &targets, &found.log_sum_exp, classes, 0.7 / rows as f32);
            prop_assert_eq!(in_place, dx);
        }
    }

    #[test]
    fn confident_rows_stay_finite() {
        let found = cross_entropy(&[1e4, 0.0, 0.0, 1e4], &[0, 0], 2);
        assert_eq!(found.loss, 5e3);
    }

    #[test]
    #[should_panic(expected = "target 2 of 2 classes")]
    fn a_target_that_is_no_class_is_named() {
        cross_entropy(&[0.0; 4], &[0, 2], 2);
    }
}
