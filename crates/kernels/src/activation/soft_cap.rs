//! `cap · tanh(x / cap)`, which bounds logits smoothly. Gemma Team 2024, <https://arxiv.org/abs/2408.00118>, §2.

use super::tanh_of;
use crate::CHUNK;
use crate::simd::simd;
use rayon::prelude::*;

/// `cap · tanh(x / cap)` in the memory of `x`.
pub fn soft_cap_in_place(x: &mut [f32], cap: f32) {
    x.par_chunks_mut(CHUNK).for_each(|x| cap_chunk(x, cap));
}

/// Turns the gradient `dy` of the capped values `y` into that of the input: `dy · (1 - (y / cap)²)`.
///
/// # Panics
/// When the lengths differ.
pub fn soft_cap_dx_in_place(y: &[f32], dy: &mut [f32], cap: f32) {
    assert_eq!(
        y.len(),
        dy.len(),
        "gradient of another length than the output"
    );
    y.par_chunks(CHUNK)
        .zip(dy.par_chunks_mut(CHUNK))
        .for_each(|(y, dy)| cap_dx_chunk(y, dy, cap));
}

simd! {
    fn cap_chunk(x: &mut [f32], cap: f32) {
        for x in x {
            *x = cap * tanh_of(*x / cap);
        }
    }

    fn cap_dx_chunk(y: &[f32], dy: &mut [f32], cap: f32) {
        for (dy, y) in dy.iter_mut().zip(y) {
            let share = y / cap;
            *dy *= 1.0 - share * share;
        }
    }
}
