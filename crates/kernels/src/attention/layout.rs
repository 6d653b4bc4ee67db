//! Where the parts of an attention's inputs stand, and which of them belong together.

use super::block::Rows;
use super::{AttentionInputs, AttentionShape};
use crate::gemm::Matrix;
use std::ops::Range;

/// Scores that are computed together: 256 KiB, so that they stay in the L2 cache.
const BLOCK: usize = 65_536;

/// Most queries of a block whose keys are limited by a window: a block of r queries has columns for r keys more than
/// each query sees, so that larger blocks multiply more in vain.
const WINDOW_ROWS: usize = 64;

impl AttentionShape {
    pub(super) fn check(&self, inputs: &AttentionInputs) {
        let s = self;
        assert!(
            s.kv_heads > 0 && s.heads.is_multiple_of(s.kv_heads),
            "{} query heads over {} key heads, expected a multiple",
            s.heads,
            s.kv_heads
        );
        assert!(
            s.always <= s.keys,
            "{} keys that are always seen, of {}",
            s.always,
            s.keys
        );
        let kind = if s.causal { "causal" } else { "windowed" };
        assert!(
            !(s.causal || s.reach.is_some()) || s.keys >= s.queries + s.always,
            "{kind} attention of {} queries to {} keys, {} of them always seen",
            s.queries,
            s.keys,
            s.always
        );
        assert_eq!(
            inputs.q.len(),
            s.batch * s.queries * s.heads * s.head_dim,
            "queries do not fit {s:?}"
        );
        assert_eq!(
            inputs.k.len(),
            s.batch * s.keys * s.kv_heads * s.head_dim,
            "keys do not fit {s:?}"
        );
        assert_eq!(
            inputs.v.len(),
            inputs.k.len(),
            "keys and values differ in length"
        );
        if let Some(mask) = inputs.key_mask {
            assert_eq!(
                mask.len(),
                s.batch * s.keys,
                "the key mask does not fit {s:?}"
            );
        }
        if let Some(bias) = inputs.bias {
            assert_eq!(
                bias.len(),
                s.heads * s.distances(),
                "the bias does not fit {s:?}"
            );
        }
    }

    /// The same without a window where it hides nothing.
    pub(super) fn narrowed(&self) -> Self {
        Self {
            reach: self
                .reach
                .filter(|reach| *reach < self.keys.saturating_sub(1)),
            ..*self
        }
    }

    /// Distances of queries and keys that a bias tells apart.
    pub(super) fn distances(&self) -> usize {
        (self.keys - self.always + self.queries).saturating_sub(1)
    }

    /// One head's numbers of a tensor with one for each of the [`distances`](Self::distances).
    pub(super) fn bias_of<'a>(&self, bias: Option<&'a [f32]>, head: usize) -> Option<&'a [f32]> {
        let distances = self.distances();
        bias.map(|bias| &bias[head * distances..][..distances])
    }

    /// The head of keys and values that a head of queries uses.
    pub(super) fn kv_head(&self, head: usize) -> usize {
        head / (self.heads / self.kv_heads)
    }

    /// The keys that query `query` sees, but for those that are always seen.
    pub(super) fn window(&self, query: usize) -> Range<usize> {
        // There may be fewer keys than queries, but only where the query's place is of no matter.
        let place = (self.keys + query).saturating_sub(self.queries);
        let end = match self.reach {
            _ if self.causal => place + 1,
            Some(reach) => (place + reach + 1).min(self.keys),
            None => self.keys,
        };
        let start = self.reach.map_or(0, |reach| place.saturating_sub(reach));
        start..end
    }

    /// Queries of a block: all, as long as their scores stay in cache and a window saves nothing by smaller blocks.
    pub(super) fn block_rows(&self) -> usize {
        let (mut columns, mut most) = (self.keys, self.queries.max(1));
        if let Some(reach) = self.reach {
            let beside = if self.causal { reach } else { 2 * reach };
            let rows = beside.clamp(16, WINDOW_ROWS);
            let needed = self.always + beside + rows;
            if needed < self.keys {
                (columns, most) = (needed, most.min(rows));
            }
        }
        (BLOCK / columns.max(1)).max(16).min(most)
    }

    /// The block of at most `step` queries that begins with number `first`.
    pub(super) fn rows<'a>(
        &self,
        sequence: usize,
        head: usize,
        first: usize,
        step: usize,
        key_mask: Option<&'a [f32]>,
    ) -> Rows<'a> {
        let last = (first + step).min(self.queries);
        // Keys before the first and after the last that any of the queries may see are not even multiplied.
        let from = self.window(first).start.max(self.always);
        let to = self.window(last - 1).end;
        let is_padding = |keys: &[f32]| keys.iter().any(|keep| *keep <= 0.0);
        Rows {
            shape: *self,
            first,
            count: last - first,
            from,
            columns: self.always + to - from,
            mask: key_mask
                .map(|mask| &mask[sequence * self.keys..(sequence + 1) * self.keys])
                .filter(|mask| is_padding(&mask[..self.always]) || is_padding(&mask[from..to])),
            number: ((sequence * self.heads + head) * self.queries + first) as u64,
        }
    }

    /// Where a query of one head stands, among the queries or in a tensor like them.
    pub(super) fn query_at(&self, sequence: usize, head: usize, query: usize) -> usize {
        ((sequence * self.queries + query) * self.heads + head) * self.head_dim
    }

    /// Where a key of one head stands, among the keys or in a tensor like them.
    pub(super) fn key_at(&self, sequence: usize, kv_head: usize, key: usize) -> usize {
        ((sequence * self.keys + key) * self.kv_heads + kv_head) * self.head_dim
    }

    /// The block's rows of one head of queries (or of their gradient), [rows, d].
    pub(super) fn query_rows<'a>(
        &self,
        q: &'a [f32],
        sequence: usize,
        head: usize,
        rows: &Rows,
    ) -> Matrix<'a> {
        Matrix::strided(
            &q[self.query_at(sequence, head, rows.first)..],
            rows.count,
            self.head_dim,
            self.heads * self.head_dim,
            1,
        )
    }

    /// `count` keys (or values) of one head from number `first` on, [count, d].
    pub(super) fn keys_of<'a>(
        &self,
        k: &'a [f32],
        sequence: usize,
        kv_head: usize,
        first: usize,
        count: usize,
    ) -> Matrix<'a> {
        Matrix::strided(
            &k[self.key_at(sequence, kv_head, first)..],
            count,
            self.head_dim,
            self.kv_heads * self.head_dim,
            1,
        )
    }
}
