//! A block of score rows of one head: which keys each row sees, and its probabilities.

use crate::dropout::Dropout;
use crate::simd::{exp, max, simd, sum};

/// Rows of scores of one sequence and head that are computed together, [count, keys].
pub(super) struct Rows<'a> {
    /// Number of the first query.
    pub(super) first: usize,
    /// Queries.
    pub(super) count: usize,
    /// Keys that any of the queries may see: all, or with causality those up to the last query's.
    pub(super) keys: usize,
    /// With causality, the keys that stand before the first query's own.
    pub(super) offset: Option<usize>,
    /// 1 for a key, 0 for padding; all keys of the sequence. `None` where nothing is padding.
    pub(super) mask: Option<&'a [f32]>,
    /// Number of the first row among the rows of all sequences and heads: the dropout's counter.
    pub(super) number: u64,
}

impl Rows<'_> {
    /// Keys that stand at or before row `row` of the block.
    fn visible(&self, row: usize) -> usize {
        self.offset
            .map_or(self.keys, |offset| offset + self.first + row + 1)
    }

    /// Applies the dropout's mask to the block.
    pub(super) fn drop(&self, values: &mut [f32], dropout: Dropout) {
        for (row, values) in values.chunks_exact_mut(self.keys).enumerate() {
            dropout.apply_to_row(self.number + row as u64, values);
        }
    }
}

/// Turns scores into probabilities and notes each row's highest score and one over its sum of exponentials.
pub(super) fn probabilities(scores: &mut [f32], rows: &Rows, statistics: &mut [f32]) {
    for (i, (row, statistics)) in scores
        .chunks_exact_mut(rows.keys)
        .zip(statistics.chunks_exact_mut(2))
        .enumerate()
    {
        let (seen, hidden) = row.split_at_mut(rows.visible(i));
        hidden.fill(0.0);
        let (highest, inverse) = match rows.mask {
            None => softmax(seen),
            Some(mask) => masked_softmax(seen, &mask[..seen.len()]),
        };
        statistics.copy_from_slice(&[highest, inverse]);
    }
}

/// Turns the same scores into the same probabilities again.
pub(super) fn recall_probabilities(scores: &mut [f32], rows: &Rows, statistics: &[f32]) {
    for (i, (row, statistics)) in scores
        .chunks_exact_mut(rows.keys)
        .zip(statistics.chunks_exact(2))
        .enumerate()
    {
        let (seen, hidden) = row.split_at_mut(rows.visible(i));
        hidden.fill(0.0);
        let (highest, inverse) = (statistics[0], statistics[1]);
        match rows.mask {
            None => exponentials(seen, highest, inverse),
            Some(mask) => masked_exponentials(seen, &mask[..seen.len()], highest, inverse),
        }
    }
}

simd! {
    /// Softmax in place; returns the highest score and one over the sum of exponentials.
    fn softmax(row: &mut [f32]) -> (f32, f32) {
        let highest = max(row);
        for v in row.iter_mut() {
            *v = exp(*v - highest);
        }
        let inverse = 1.0 / sum(row);
        for v in row {
            *v *= inverse;
        }
        (highest, inverse)
    }

    /// As `softmax` over the keys whose mask is 1; zeros, and (0, 0), where there are none.
    fn masked_softmax(row: &mut [f32], mask: &[f32]) -> (f32, f32) {
        for (v, keep) in row.iter_mut().zip(mask) {
            *v = if *keep > 0.0 { *v } else { f32::NEG_INFINITY };
        }
        let highest = max(row);
        // Scores that are all NaN (`max` skips them) have no highest either, and must stay NaN: only the mask tells them apart.
        if highest == f32::NEG_INFINITY && mask.iter().all(|keep| *keep <= 0.0) {
            row.fill(0.0);
            return (0.0, 0.0);
        }
        for (v, keep) in row.iter_mut().zip(mask) {
            // `exp` never gives zero, and padding must count for exactly nothing.
            *v = if *keep > 0.0 { exp(*v - highest) } else { 0.0 };
        }
        let inverse = 1.0 / sum(row);
        for v in row {
            *v *= inverse;
        }
        (highest, inverse)
    }

    fn exponentials(row: &mut [f32], highest: f32, inverse: f32) {
        for v in row {
            *v = exp(*v - highest) * inverse;
        }
    }

    fn masked_exponentials(row: &mut [f32], mask: &[f32], highest: f32, inverse: f32) {
        for (v, keep) in row.iter_mut().zip(mask) {
            *v = if *keep > 0.0 { exp(*v - highest) * inverse } else { 0.0 };
        }
    }
}
