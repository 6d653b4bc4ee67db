//! Products of queries and keys with the vectors of the distances that they meet, and their derivatives.

use super::super::block::Rows;
use super::super::{AttentionInputs, AttentionShape};
use super::Distances;
use crate::gemm::{Matrix, Threads, product, row_count};
use std::ops::Range;

/// Neighbouring queries, or keys, whose products with vectors of distances are computed together.
const BAND: usize = 32;

/// Sizes, tables, and the bands of all queries and of all keys.
pub(super) struct Plan<'a> {
    pub(super) shape: AttentionShape,
    pub(super) distances: Distances<'a>,
    /// Rows of the tables.
    pub(super) table: usize,
    queries: Vec<Band>,
    keys: Vec<Band>,
}

/// Tokens side by side, and the rows of the tables among which those of their distances lie.
struct Band {
    tokens: Range<usize>,
    rows: Range<usize>,
}

impl<'a> Plan<'a> {
    /// Checks all sizes: what follows relies on it.
    pub(super) fn new(
        inputs: &AttentionInputs,
        distances: Distances<'a>,
        shape: &AttentionShape,
    ) -> Self {
        shape.check(inputs);
        let s = *shape;
        assert!(
            !s.causal && s.reach.is_none() && s.score_cap.is_none() && inputs.bias.is_none(),
            "disentangled attention sees all keys, without a bias or a cap: {s:?}"
        );
        assert_eq!(
            s.heads, s.kv_heads,
            "disentangled attention has a key head for each query head"
        );
        let own = s.keys - s.always;
        let (rows, width) = (distances.rows, s.heads * s.head_dim);
        assert_eq!(
            rows.len(),
            s.distances(),
            "one row for each distance of {} queries and {own} keys",
            s.queries
        );
        let tables = [distances.keys, distances.queries].map(|t| t.map(|t| row_count(t, width)));
        let table = tables[0].or(tables[1]).unwrap_or(0);
        for found in tables.into_iter().flatten() {
            assert_eq!(found, table, "rows of position keys and position queries");
            if let Some(row) = rows.iter().find(|row| **row as usize >= found) {
                panic!("row {row} of a table of {found} vectors of distances");
            }
        }
        let bands = |count: usize, met: &dyn Fn(Range<usize>) -> Range<usize>| -> Vec<Band> {
            (0..count.div_ceil(BAND))
                .map(|band| {
                    let tokens = band * BAND..((band + 1) * BAND).min(count);
                    Band {
                        rows: span(&rows[met(tokens.clone())]),
                        tokens,
                    }
                })
                .collect()
        };
        Self {
            shape: s,
            distances,
            table,
            queries: bands(s.queries, &|t: Range<usize>| {
                s.queries - t.end..own + s.queries - 1 - t.start
            }),
            keys: bands(if s.queries > 0 { own } else { 0 }, &|t: Range<usize>| {
                t.start..t.end + s.queries - 1
            }),
        }
    }

    /// The blocks of one head's queries; whole bands, so that a block's products are those of its bands.
    pub(super) fn blocks<'m>(
        &self,
        sequence: usize,
        head: usize,
        key_mask: Option<&'m [f32]>,
    ) -> impl Iterator<Item = Rows<'m>> + use<'m> {
        let shape = self.shape;
        let step = shape.block_rows().next_multiple_of(BAND);
        (0..shape.queries.div_ceil(step))
            .map(move |block| shape.rows(sequence, head, block * step, step, key_mask))
    }

    /// The row of the tables for query `query` and each key that has a distance.
    pub(super) fn rows_of(&self, query: usize) -> &'a [u32] {
        let own = self.shape.keys - self.shape.always;
        &self.distances.rows[self.shape.queries - 1 - query..][..own]
    }

    /// The block's queries times the position keys, [rows, table], where there are any; elements outside of the bands are of no meaning.
    pub(super) fn query_terms(
        &self,
        terms: &mut Vec<f32>,
        q: &[f32],
        sequence: usize,
        head: usize,
        rows: &Rows,
    ) {
        if let Some(table) = self.distances.keys {
            let from = self.shape.query_at(sequence, head, rows.first);
            self.products(terms, self.bands_of(rows), &q[from..], table, head);
        }
    }

    /// The keys that have a distance times the position queries, [own keys, table], where there are any.
    pub(super) fn key_terms(&self, terms: &mut Vec<f32>, k: &[f32], sequence: usize, head: usize) {
        if let Some(table) = self.distances.queries
            && self.shape.always < self.shape.keys
        {
            let from = self.shape.key_at(sequence, head, self.shape.always);
            self.products(terms, &self.keys, &k[from..], table, head);
        }
    }

    /// The bands of a block of queries.
    fn bands_of(&self, rows: &Rows) -> &[Band] {
        &self.queries[rows.first / BAND..(rows.first + rows.count).div_ceil(BAND)]
    }

    /// `terms = scale · x tableᵀ` within the bands; `x` starts with the first band's first token.
    fn products(
        &self,
        terms: &mut Vec<f32>,
        bands: &[Band],
        x: &[f32],
        table: &[f32],
        head: usize,
    ) {
        let first = bands.first().map_or(0, |band| band.tokens.start);
        let tokens: usize = bands.iter().map(|band| band.tokens.len()).sum();
        terms.resize(tokens * self.table, 0.0);
        for band in bands.iter().filter(|band| !band.rows.is_empty()) {
            let vectors = self.vectors(table, head, &band.rows);
            let x = self.tokens(x, band, first);
            let at = (band.tokens.start - first) * self.table + band.rows.start;
            // SAFETY: `terms` holds a row of `table` values for every token of the bands and is borrowed exclusively; the band's rows lie within the table.
            unsafe {
                let (c, scale) = (terms[at..].as_mut_ptr(), self.shape.scale);
                product(c, self.table, x, vectors.t(), scale, false, Threads::One); // [tokens, d] x [d, rows]
            }
        }
    }

    /// What a block's query terms add to the gradients of its queries and of the position keys.
    ///
    /// # Safety
    /// `dq` points to the block's first query of this head and `table` to this head of a whole table, both with rows `heads * d` apart, which hold values
    /// and which nobody else accesses.
    #[allow(clippy::too_many_arguments)]
    pub(super) unsafe fn query_gradients(
        &self,
        d_terms: &[f32],
        q: &[f32],
        sequence: usize,
        head: usize,
        rows: &Rows,
        dq: *mut f32,
        table: Option<*mut f32>,
    ) {
        if let Some(keys) = self.distances.keys {
            let from = self.shape.query_at(sequence, head, rows.first);
            let (bands, q) = (self.bands_of(rows), &q[from..]);
            // SAFETY: the caller vouches for the pointers.
            unsafe { self.gradients(d_terms, bands, q, keys, head, dq, table) };
        }
    }

    /// What the key terms add to the gradients of the keys and of the position queries.
    ///
    /// # Safety
    /// As for the queries; `dk` points to the first of all keys.
    pub(super) unsafe fn key_gradients(
        &self,
        d_terms: &[f32],
        k: &[f32],
        sequence: usize,
        head: usize,
        dk: *mut f32,
        table: Option<*mut f32>,
    ) {
        let s = &self.shape;
        if let Some(queries) = self.distances.queries
            && s.always < s.keys
        {
            let from = s.key_at(sequence, head, s.always);
            // SAFETY: the caller vouches for the pointers; there is a key behind the first `always`.
            unsafe {
                let dk = dk.add(s.always * s.heads * s.head_dim);
                self.gradients(d_terms, &self.keys, &k[from..], queries, head, dk, table);
            }
        }
    }

    /// # Safety
    /// As for `query_gradients`.
    #[allow(clippy::too_many_arguments)]
    unsafe fn gradients(
        &self,
        d_terms: &[f32],
        bands: &[Band],
        x: &[f32],
        table: &[f32],
        head: usize,
        dx: *mut f32,
        d_table: Option<*mut f32>,
    ) {
        let width = self.shape.heads * self.shape.head_dim;
        let first = bands.first().map_or(0, |band| band.tokens.start);
        for band in bands.iter().filter(|band| !band.rows.is_empty()) {
            let (token, row) = (band.tokens.start - first, band.rows.start);
            let d_terms = Matrix::strided(
                &d_terms[token * self.table + row..],
                band.tokens.len(),
                band.rows.len(),
                self.table,
                1,
            );
            let vectors = self.vectors(table, head, &band.rows);
            let x = self.tokens(x, band, first);
            // SAFETY: the band's tokens and rows lie within what the caller vouches for.
            unsafe {
                let dx = dx.add(token * width);
                product(dx, width, d_terms, vectors, 1.0, true, Threads::One); // [tokens, rows] x [rows, d]
                if let Some(d_table) = d_table {
                    let d_table = d_table.add(row * width);
                    product(d_table, width, d_terms.t(), x, 1.0, true, Threads::One); // [rows, tokens] x [tokens, d]
                }
            }
        }
    }

    /// Vectors of one head, [rows, d].
    fn vectors<'t>(&self, table: &'t [f32], head: usize, rows: &Range<usize>) -> Matrix<'t> {
        let (d, width) = (self.shape.head_dim, self.shape.heads * self.shape.head_dim);
        let from = rows.start * width + head * d;
        Matrix::strided(&table[from..], rows.len(), d, width, 1)
    }

    /// A band's tokens of one head, [tokens, d]; `x` starts at token `first`.
    fn tokens<'x>(&self, x: &'x [f32], band: &Band, first: usize) -> Matrix<'x> {
        let (d, width) = (self.shape.head_dim, self.shape.heads * self.shape.head_dim);
        let from = (band.tokens.start - first) * width;
        Matrix::strided(&x[from..], band.tokens.len(), d, width, 1)
    }
}

/// From the lowest number to the highest.
fn span(numbers: &[u32]) -> Range<usize> {
    match (numbers.iter().min(), numbers.iter().max()) {
        (Some(&low), Some(&high)) => low as usize..high as usize + 1,
        _ => 0..0,
    }
}
