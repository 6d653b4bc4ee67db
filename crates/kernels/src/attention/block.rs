//! A block of score rows of one head: which keys have columns in it, which of them each row sees, and its probabilities.

use super::AttentionShape;
use crate::dropout::Dropout;
use crate::gemm::{Matrix, Threads, product};
use crate::simd::{exp, max, simd, sum};
use std::ops::Range;

/// Rows of scores of one sequence and head that are computed together, [count, columns].
///
/// The keys that are always seen have the first columns, those from `from` on the others: between the two lie the keys
/// that no row's window reaches.
pub(super) struct Rows<'a> {
    /// Sizes and rules.
    pub(super) shape: AttentionShape,
    /// Number of the first query.
    pub(super) first: usize,
    /// Queries.
    pub(super) count: usize,
    /// The key of the first column after those of the keys that are always seen.
    pub(super) from: usize,
    /// Keys that any of the queries may see.
    pub(super) columns: usize,
    /// 1 for a key, 0 for padding; all keys of the sequence. `None` where nothing in the block is padding.
    pub(super) mask: Option<&'a [f32]>,
    /// Number of the first row among the rows of all sequences and heads: the dropout's counter.
    pub(super) number: u64,
}

/// Keys side by side that have columns side by side.
#[derive(Clone, Copy)]
pub(super) struct Span {
    /// The first one's column.
    pub(super) column: usize,
    /// Its number.
    pub(super) key: usize,
    /// How many.
    pub(super) count: usize,
}

impl Rows<'_> {
    /// The block's columns by runs of keys: one, or two with keys between them that no row sees.
    pub(super) fn spans(&self) -> impl Iterator<Item = Span> {
        let always = self.shape.always;
        let span = |column, key, count| Span { column, key, count };
        let spans = if self.from == always {
            [span(0, 0, self.columns), span(0, 0, 0)]
        } else {
            [
                span(0, 0, always),
                span(always, self.from, self.columns - always),
            ]
        };
        spans.into_iter().filter(|span| span.count > 0)
    }

    /// The key of a column.
    fn key(&self, column: usize) -> usize {
        let always = self.shape.always;
        if column < always {
            column
        } else {
            self.from + column - always
        }
    }

    /// The columns that row `row` sees: one run, the second, where the window begins at the keys that are always seen.
    pub(super) fn seen(&self, row: usize) -> [Range<usize>; 2] {
        let (window, always) = (self.shape.window(self.first + row), self.shape.always);
        let column = |key: usize| key + always - self.from;
        if window.start <= always {
            [0..0, 0..column(window.end)]
        } else {
            [0..always, column(window.start)..column(window.end)]
        }
    }

    /// What stands in the columns that row `row` sees; the others become 0.
    fn clear_hidden<'r>(&self, row: usize, values: &'r mut [f32]) -> [&'r mut [f32]; 2] {
        let [always, window] = self.seen(row);
        let (front, rest) = values.split_at_mut(always.end);
        let (between, rest) = rest.split_at_mut(window.start - always.end);
        let (seen, after) = rest.split_at_mut(window.len());
        between.fill(0.0);
        after.fill(0.0);
        [front, seen]
    }

    /// The parts of the key mask for the columns that row `row` sees.
    fn mask_of<'m>(&self, row: usize, mask: &'m [f32]) -> [&'m [f32]; 2] {
        let [always, window] = self.seen(row);
        [
            &mask[always],
            &mask[self.key(window.start)..][..window.len()],
        ]
    }

    /// The columns of one span in a block of values, [rows, count].
    pub(super) fn columns_of<'v>(&self, values: &'v [f32], span: &Span) -> Matrix<'v> {
        Matrix::strided(
            &values[span.column..],
            self.count,
            span.count,
            self.columns,
            1,
        )
    }

    /// `scale · x yᵀ` with the keys (or values) `y` [count, d] of each span: [rows, d] x [d, columns] -> [rows, columns].
    pub(super) fn products<'y>(
        &self,
        block: &mut [f32],
        x: Matrix,
        scale: f32,
        y: impl Fn(&Span) -> Matrix<'y>,
    ) {
        assert_eq!(block.len(), self.count * self.columns, "a block of scores");
        for span in self.spans() {
            // SAFETY: the span's columns lie within the rows of `block`, which is borrowed exclusively.
            unsafe {
                let columns = block.as_mut_ptr().add(span.column);
                let y = y(&span).t();
                product(columns, self.columns, x, y, scale, false, Threads::One);
            }
        }
    }

    /// Applies the dropout's mask to the block.
    pub(super) fn drop(&self, values: &mut [f32], dropout: Dropout) {
        for (row, values) in values.chunks_exact_mut(self.columns).enumerate() {
            for span in self.spans() {
                let values = &mut values[span.column..][..span.count];
                dropout.apply_to_part_of_row(self.number + row as u64, span.key, values);
            }
        }
    }
}

/// Turns scores into probabilities and notes each row's highest score and one over its sum of exponentials.
pub(super) fn probabilities(scores: &mut [f32], rows: &Rows, statistics: &mut [f32]) {
    for (i, (row, statistics)) in scores
        .chunks_exact_mut(rows.columns)
        .zip(statistics.chunks_exact_mut(2))
        .enumerate()
    {
        let [front, seen] = rows.clear_hidden(i, row);
        let (highest, inverse) = match rows.mask {
            None => softmax(front, seen),
            Some(mask) => {
                let [front_mask, mask] = rows.mask_of(i, mask);
                masked_softmax(front, seen, front_mask, mask)
            }
        };
        statistics.copy_from_slice(&[highest, inverse]);
    }
}

/// Turns the same scores into the same probabilities again.
pub(super) fn recall_probabilities(scores: &mut [f32], rows: &Rows, statistics: &[f32]) {
    for (i, (row, statistics)) in scores
        .chunks_exact_mut(rows.columns)
        .zip(statistics.chunks_exact(2))
        .enumerate()
    {
        let (highest, inverse) = (statistics[0], statistics[1]);
        let parts = rows.clear_hidden(i, row);
        match rows.mask {
            None => parts
                .into_iter()
                .for_each(|part| exponentials(part, highest, inverse)),
            Some(mask) => parts
                .into_iter()
                .zip(rows.mask_of(i, mask))
                .for_each(|(part, mask)| masked_exponentials(part, mask, highest, inverse)),
        }
    }
}

simd! {
    /// Softmax in place, of a row in two parts; returns the highest score and one over the sum of exponentials.
    fn softmax(front: &mut [f32], row: &mut [f32]) -> (f32, f32) {
        let highest = max(front).max(max(row));
        for v in front.iter_mut() {
            *v = exp(*v - highest);
        }
        for v in row.iter_mut() {
            *v = exp(*v - highest);
        }
        let inverse = 1.0 / (sum(front) + sum(row));
        for v in front {
            *v *= inverse;
        }
        for v in row {
            *v *= inverse;
        }
        (highest, inverse)
    }

    /// As `softmax` over the keys whose mask is 1; zeros, and (0, 0), where there are none.
    fn masked_softmax(front: &mut [f32], row: &mut [f32], front_mask: &[f32], mask: &[f32]) -> (f32, f32) {
        hide(front, front_mask);
        hide(row, mask);
        let highest = max(front).max(max(row));
        // Scores that are all NaN (`max` skips them) have no highest either, and must stay NaN: only the mask tells them apart.
        if highest == f32::NEG_INFINITY && front_mask.iter().chain(mask).all(|keep| *keep <= 0.0) {
            front.fill(0.0);
            row.fill(0.0);
            return (0.0, 0.0);
        }
        exponentials_of_seen(front, front_mask, highest);
        exponentials_of_seen(row, mask, highest);
        let inverse = 1.0 / (sum(front) + sum(row));
        for v in front {
            *v *= inverse;
        }
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

#[inline(always)]
fn hide(row: &mut [f32], mask: &[f32]) {
    for (v, keep) in row.iter_mut().zip(mask) {
        *v = if *keep > 0.0 { *v } else { f32::NEG_INFINITY };
    }
}

#[inline(always)]
fn exponentials_of_seen(row: &mut [f32], mask: &[f32], highest: f32) {
    for (v, keep) in row.iter_mut().zip(mask) {
        // `exp` never gives zero, and padding must count for exactly nothing.
        *v = if *keep > 0.0 { exp(*v - highest) } else { 0.0 };
    }
}
