//! What becomes of the products of queries and keys before the softmax: a bias by distance is added, and a cap bounds
//! them. Both go row by row over the keys that the row sees.

use super::block::Rows;
use crate::activation::tanh_of;
use crate::gemm::add_slice;
use crate::simd::simd;
use std::ops::Range;

impl Rows<'_> {
    /// The columns of row `row` that have a bias, and the place of the first one's among those of the head.
    ///
    /// From one key to the next the distance grows by one, so that a row's bias is a run of the head's.
    fn biased(&self, row: usize) -> (Range<usize>, usize) {
        let s = &self.shape;
        let [_, seen] = self.seen(row);
        let columns = seen.start.max(s.always)..seen.end;
        let key = self.from + columns.start - s.always;
        (columns, key - s.always + s.queries - 1 - (self.first + row))
    }

    /// Adds one head's bias, one number for each distance, to a block of scores.
    pub(super) fn add_bias(&self, scores: &mut [f32], bias: &[f32]) {
        for (i, row) in scores.chunks_exact_mut(self.columns).enumerate() {
            let (columns, at) = self.biased(i);
            add_slice(&mut row[columns.clone()], &bias[at..at + columns.len()]);
        }
    }

    /// Adds what a block's gradient of the scores gives to the gradient of one head's bias.
    pub(super) fn add_bias_gradient(&self, gradient: &[f32], d_bias: &mut [f32]) {
        for (i, row) in gradient.chunks_exact(self.columns).enumerate() {
            let (columns, at) = self.biased(i);
            add_slice(&mut d_bias[at..at + columns.len()], &row[columns]);
        }
    }

    /// `cap · tanh(score / cap)`.
    pub(super) fn cap(&self, scores: &mut [f32], cap: f32) {
        for (i, row) in scores.chunks_exact_mut(self.columns).enumerate() {
            for seen in self.seen(i) {
                cap_row(&mut row[seen], cap);
            }
        }
    }

    /// As [`Rows::cap`], noting the derivative for each score.
    pub(super) fn cap_and_slopes(&self, scores: &mut [f32], slopes: &mut [f32], cap: f32) {
        let rows = scores
            .chunks_exact_mut(self.columns)
            .zip(slopes.chunks_exact_mut(self.columns));
        for (i, (row, slopes)) in rows.enumerate() {
            for seen in self.seen(i) {
                cap_row_and_slopes(&mut row[seen.clone()], &mut slopes[seen], cap);
            }
        }
    }

    /// The gradient of the scores from that of the capped ones.
    pub(super) fn multiply_by_slopes(&self, gradient: &mut [f32], slopes: &[f32]) {
        let rows = gradient
            .chunks_exact_mut(self.columns)
            .zip(slopes.chunks_exact(self.columns));
        for (i, (row, slopes)) in rows.enumerate() {
            for seen in self.seen(i) {
                multiply(&mut row[seen.clone()], &slopes[seen]);
            }
        }
    }
}

simd! {
    fn cap_row(row: &mut [f32], cap: f32) {
        for v in row {
            *v = cap * tanh_of(*v / cap);
        }
    }

    fn cap_row_and_slopes(row: &mut [f32], slopes: &mut [f32], cap: f32) {
        for (v, slope) in row.iter_mut().zip(slopes) {
            let share = tanh_of(*v / cap);
            *v = cap * share;
            *slope = 1.0 - share * share;
        }
    }

    fn multiply(row: &mut [f32], factors: &[f32]) {
        for (v, factor) in row.iter_mut().zip(factors) {
            *v *= factor;
        }
    }
}
