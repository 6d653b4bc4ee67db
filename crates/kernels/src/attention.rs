//! Scaled dot-product attention (Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>) with padding, causality,
//! cached or prefix keys, grouped heads (Ainslie et al. 2023, <https://arxiv.org/abs/2305.13245>) and dropout.
//!
//! No [t_q, t_k] tensor is kept. The scores of a block of queries are computed, normalised and used while they are in
//! cache; the backward pass computes them again from two numbers a row (the highest score and one over the sum of
//! exponentials), as FlashAttention does (Dao et al. 2022, <https://arxiv.org/abs/2205.14135>). A block holds whole
//! rows, so that the softmax needs no second pass.

mod block;

use crate::dropout::Dropout;
use crate::gemm::{Matrix, Threads, product};
use crate::simd::{Parts, unfilled};
use crate::softmax::softmax_dx_rows;
use block::{Rows, probabilities, recall_probabilities};
use rayon::prelude::*;

/// Sizes and rules of one attention.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionShape {
    /// Sequences.
    pub batch: usize,
    /// Query heads; a multiple of `kv_heads`.
    pub heads: usize,
    /// Key and value heads: query head `h` uses number `h / (heads / kv_heads)`.
    pub kv_heads: usize,
    /// Values of a head.
    pub head_dim: usize,
    /// Queries of a sequence.
    pub queries: usize,
    /// Keys of a sequence; with `causal`, at least `queries`: what goes before (a prefix, a cache) stands first.
    pub keys: usize,
    /// Factor on the scores, usually 1 / √head_dim.
    pub scale: f32,
    /// Whether query `i` sees the keys `j <= i + keys - queries` only.
    pub causal: bool,
    /// Dropout of the probabilities.
    pub dropout: Option<Dropout>,
}

/// The result of [`attention`] and what its backward pass needs.
#[derive(Clone, Debug)]
pub struct Attended {
    /// [b, t_q, heads * d]. A query that sees no key gets zeros.
    pub y: Vec<f32>,
    /// The highest score and one over the sum of exponentials of each row, [b, heads, t_q, 2]; (0, 0) where a query sees
    /// no key.
    pub statistics: Vec<f32>,
}

/// Gradients of [`attention`].
#[derive(Clone, Debug)]
pub struct AttentionGradients {
    /// [b, t_q, heads * d].
    pub dq: Vec<f32>,
    /// [b, t_k, kv_heads * d].
    pub dk: Vec<f32>,
    /// [b, t_k, kv_heads * d].
    pub dv: Vec<f32>,
}

/// `softmax(scale · q kᵀ) v` for each sequence and head, over the keys a query may see.
///
/// `q` is [b, t_q, heads * d], `k` and `v` are [b, t_k, kv_heads * d], `key_mask` [b, t_k] is 1 for a key and 0 for
/// padding.
///
/// # Panics
/// When sizes contradict each other.
pub fn attention(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    key_mask: Option<&[f32]>,
    shape: &AttentionShape,
) -> Attended {
    shape.check(q, k, v, key_mask);
    let s = *shape;
    let (q_width, rows) = (s.heads * s.head_dim, s.batch * s.heads * s.queries);
    if s.keys == 0 {
        return Attended {
            y: vec![0.0; q.len()],
            statistics: vec![0.0; rows * 2],
        };
    }
    // SAFETY: the tasks below cover every query of every head; each writes its rows of `y` and of the statistics.
    let (mut y, mut statistics) = unsafe { (unfilled(q.len()), unfilled(rows * 2)) };
    let (out, out_statistics) = (Parts::new(&mut y), Parts::new(&mut statistics));
    let step = s.block_rows();
    let blocks = s.queries.div_ceil(step);
    (0..s.batch * s.heads * blocks)
        .into_par_iter()
        .for_each_init(Vec::new, |scores: &mut Vec<f32>, task| {
            let (sequence, head, block) = (
                task / blocks / s.heads,
                task / blocks % s.heads,
                task % blocks,
            );
            let rows = s.rows(sequence, head, block * step, step, key_mask);
            let kv_head = head / (s.heads / s.kv_heads);
            let (k, v) = (
                s.head_of(k, sequence, kv_head, rows.keys),
                s.head_of(v, sequence, kv_head, rows.keys),
            );
            scores.resize(rows.count * rows.keys, 0.0);
            // scores = scale * q kᵀ, [rows, d] x [d, keys] -> [rows, keys]
            crate::gemm::matmul_into(
                scores,
                s.query_rows(q, sequence, head, &rows),
                k.t(),
                s.scale,
                Threads::One,
            );
            // SAFETY: rows of this head and block belong to this task alone.
            let statistics = unsafe {
                let at = (sequence * s.heads + head) * s.queries + rows.first;
                std::slice::from_raw_parts_mut(out_statistics.at(at * 2), rows.count * 2)
            };
            probabilities(scores, &rows, statistics);
            if let Some(dropout) = s.dropout {
                rows.drop(scores, dropout);
            }
            // y = p v, [rows, keys] x [keys, d] -> [rows, d]
            // SAFETY: as above; the rows of one head stand `q_width` apart.
            unsafe {
                let y = out.at(s.query_at(sequence, head, rows.first));
                product(
                    y,
                    q_width,
                    Matrix::new(scores, rows.count, rows.keys),
                    v,
                    1.0,
                    false,
                    Threads::One,
                );
            }
        });
    Attended { y, statistics }
}

/// Gradients of [`attention`] with respect to queries, keys and values, given the gradient `dy` of its result.
///
/// # Panics
/// When sizes contradict each other.
pub fn attention_backward(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    key_mask: Option<&[f32]>,
    statistics: &[f32],
    dy: &[f32],
    shape: &AttentionShape,
) -> AttentionGradients {
    shape.check(q, k, v, key_mask);
    let s = *shape;
    assert_eq!(
        dy.len(),
        q.len(),
        "the gradient has the shape of the queries"
    );
    assert_eq!(
        statistics.len(),
        s.batch * s.heads * s.queries * 2,
        "two statistics a row"
    );
    if s.keys == 0 || s.queries == 0 {
        return AttentionGradients {
            dq: vec![0.0; q.len()],
            dk: vec![0.0; k.len()],
            dv: vec![0.0; v.len()],
        };
    }
    let (q_width, kv_width, group) = (
        s.heads * s.head_dim,
        s.kv_heads * s.head_dim,
        s.heads / s.kv_heads,
    );
    // SAFETY: each task writes all queries of its query heads and all keys and values of its key head.
    let (mut dq, mut dk, mut dv) =
        unsafe { (unfilled(q.len()), unfilled(k.len()), unfilled(v.len())) };
    let (out_q, out_k, out_v) = (
        Parts::new(&mut dq),
        Parts::new(&mut dk),
        Parts::new(&mut dv),
    );
    let step = s.block_rows();
    let blocks = s.queries.div_ceil(step);
    (0..s.batch * s.kv_heads).into_par_iter().for_each_init(
        Default::default,
        |scratch: &mut Scratch, task| {
            let (sequence, kv_head) = (task / s.kv_heads, task % s.kv_heads);
            // SAFETY: this key head belongs to this task alone.
            let (dk, dv) = unsafe {
                let at = s.key_at(sequence, kv_head);
                (out_k.at(at), out_v.at(at))
            };
            let mut add = false; // the last block sees every key, so that it may overwrite all of dk and dv
            for head in kv_head * group..(kv_head + 1) * group {
                for block in (0..blocks).rev() {
                    let rows = s.rows(sequence, head, block * step, step, key_mask);
                    let (k, v) = (
                        s.head_of(k, sequence, kv_head, rows.keys),
                        s.head_of(v, sequence, kv_head, rows.keys),
                    );
                    let (q, dy) = (
                        s.query_rows(q, sequence, head, &rows),
                        s.query_rows(dy, sequence, head, &rows),
                    );
                    let at = ((sequence * s.heads + head) * s.queries + rows.first) * 2;
                    let [p, dp, dropped] =
                        scratch.buffers(rows.count * rows.keys, s.dropout.is_some());
                    crate::gemm::matmul_into(p, q, k.t(), s.scale, Threads::One);
                    recall_probabilities(p, &rows, &statistics[at..at + rows.count * 2]);
                    crate::gemm::matmul_into(dp, dy, v.t(), 1.0, Threads::One); // [rows, d] x [d, keys]
                    let weights = match s.dropout {
                        None => &*p,
                        Some(dropout) => {
                            rows.drop(dp, dropout);
                            dropped.copy_from_slice(p);
                            rows.drop(dropped, dropout);
                            &*dropped
                        }
                    };
                    // SAFETY: `dk` and `dv` belong to this task alone (see above), with rows `kv_width` apart.
                    unsafe {
                        let weights = Matrix::new(weights, rows.count, rows.keys);
                        product(dv, kv_width, weights.t(), dy, 1.0, add, Threads::One); // [keys, rows] x [rows, d]
                    }
                    softmax_dx_rows(p, dp, rows.keys, s.scale);
                    let ds = Matrix::new(dp, rows.count, rows.keys);
                    // SAFETY: the queries of this head belong to this task alone; `dk` as above.
                    unsafe {
                        let dq = out_q.at(s.query_at(sequence, head, rows.first));
                        product(dq, q_width, ds, k, 1.0, false, Threads::One); // [rows, keys] x [keys, d]
                        product(dk, kv_width, ds.t(), q, 1.0, add, Threads::One); // [keys, rows] x [rows, d]
                    }
                    add = true;
                }
            }
        },
    );
    AttentionGradients { dq, dk, dv }
}

/// Memory for the probabilities of a block, their gradient and, with dropout, their dropped copy; kept from one block to
/// the next.
#[derive(Default)]
struct Scratch([Vec<f32>; 3]);

impl Scratch {
    fn buffers(&mut self, len: usize, dropout: bool) -> [&mut [f32]; 3] {
        let [p, dp, dropped] = &mut self.0;
        p.resize(len, 0.0);
        dp.resize(len, 0.0);
        dropped.resize(if dropout { len } else { 0 }, 0.0);
        [p, dp, dropped]
    }
}

impl AttentionShape {
    fn check(&self, q: &[f32], k: &[f32], v: &[f32], key_mask: Option<&[f32]>) {
        let s = self;
        assert!(
            s.kv_heads > 0 && s.heads.is_multiple_of(s.kv_heads),
            "{} query heads over {} key heads, expected a multiple",
            s.heads,
            s.kv_heads
        );
        assert!(
            !s.causal || s.keys >= s.queries,
            "causal attention of {} queries to {} keys",
            s.queries,
            s.keys
        );
        assert_eq!(
            q.len(),
            s.batch * s.queries * s.heads * s.head_dim,
            "queries do not fit {s:?}"
        );
        assert_eq!(
            k.len(),
            s.batch * s.keys * s.kv_heads * s.head_dim,
            "keys do not fit {s:?}"
        );
        assert_eq!(v.len(), k.len(), "keys and values differ in length");
        if let Some(mask) = key_mask {
            assert_eq!(
                mask.len(),
                s.batch * s.keys,
                "the key mask does not fit {s:?}"
            );
        }
    }

    /// Queries of a block: all, as long as their scores fit into 256 KiB of cache.
    fn block_rows(&self) -> usize {
        (65_536 / self.keys.max(1)).max(16).min(self.queries.max(1))
    }

    fn rows<'a>(
        &self,
        sequence: usize,
        head: usize,
        first: usize,
        step: usize,
        key_mask: Option<&'a [f32]>,
    ) -> Rows<'a> {
        let last = (first + step).min(self.queries);
        Rows {
            first,
            count: last - first,
            // Keys after the last that the block's last query may see are not even multiplied.
            keys: if self.causal {
                last + self.keys - self.queries
            } else {
                self.keys
            },
            offset: self.causal.then(|| self.keys - self.queries),
            mask: key_mask
                .map(|mask| &mask[sequence * self.keys..(sequence + 1) * self.keys])
                .filter(|mask| mask.iter().any(|keep| *keep <= 0.0)),
            number: ((sequence * self.heads + head) * self.queries + first) as u64,
        }
    }

    fn query_at(&self, sequence: usize, head: usize, row: usize) -> usize {
        ((sequence * self.queries + row) * self.heads + head) * self.head_dim
    }

    fn key_at(&self, sequence: usize, kv_head: usize) -> usize {
        (sequence * self.keys * self.kv_heads + kv_head) * self.head_dim
    }

    /// The block's rows of one head of queries (or of their gradient), [rows, d].
    fn query_rows<'a>(
        &self,
        q: &'a [f32],
        sequence: usize,
        head: usize,
        rows: &Rows,
    ) -> Matrix<'a> {
        let from = self.query_at(sequence, head, rows.first);
        Matrix::strided(
            &q[from..],
            rows.count,
            self.head_dim,
            self.heads * self.head_dim,
            1,
        )
    }

    /// The first `count` keys (or values) of one head, [count, d].
    fn head_of<'a>(
        &self,
        k: &'a [f32],
        sequence: usize,
        kv_head: usize,
        count: usize,
    ) -> Matrix<'a> {
        let from = self.key_at(sequence, kv_head);
        Matrix::strided(
            &k[from..],
            count,
            self.head_dim,
            self.kv_heads * self.head_dim,
            1,
        )
    }
}

#[cfg(test)]
mod tests;
