//! Scaled dot-product attention (Vaswani et al. 2017, <https://arxiv.org/abs/1706.03762>) with padding, causality,
//! windows (Beltagy et al. 2020, <https://arxiv.org/abs/2004.05150>), cached or prefix keys, grouped heads (Ainslie et
//! al. 2023, <https://arxiv.org/abs/2305.13245>), a bias by distance (Raffel et al. 2020,
//! <https://arxiv.org/abs/1910.10683>, §2.1), capped scores (Gemma Team 2024, <https://arxiv.org/abs/2408.00118>) and
//! dropout.
//!
//! No [t_q, t_k] tensor is kept. The scores of a block of queries are computed, normalised and used while they are in
//! cache; the backward pass computes them again from two numbers a row (the highest score and one over the sum of
//! exponentials), as FlashAttention does (Dao et al. 2022, <https://arxiv.org/abs/2205.14135>). A block holds whole
//! rows, so that the softmax needs no second pass, and columns for those keys only that one of its queries may see.

mod backward;
mod block;
mod disentangled;
mod layout;
mod scores;

use crate::dropout::Dropout;
use crate::gemm::{Threads, product};
use crate::simd::{Parts, unfilled};
use block::probabilities;
use rayon::prelude::*;

pub use backward::{AttentionGradients, attention_backward};
pub use disentangled::{
    DisentangledGradients, Distances, disentangled_attention, disentangled_attention_backward,
};

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
    /// Keys of a sequence; with `causal` or `reach`, at least `queries + always`: what goes before (a prefix, a cache)
    /// stands first, so that query `i` stands at key `i + keys - queries`.
    pub keys: usize,
    /// Factor on the products of queries and keys, usually 1 / √head_dim.
    pub scale: f32,
    /// Whether a query sees the keys up to its own place only.
    pub causal: bool,
    /// The farthest key from its own place that a query sees, in either direction.
    pub reach: Option<usize>,
    /// Keys at the front that every query sees, however far, and that no bias is added for.
    pub always: usize,
    /// Scores s become `cap · tanh(s / cap)`.
    pub score_cap: Option<f32>,
    /// Dropout of the probabilities.
    pub dropout: Option<Dropout>,
}

/// What attention is computed from.
#[derive(Clone, Copy, Debug)]
pub struct AttentionInputs<'a> {
    /// Queries, [b, t_q, heads * d].
    pub q: &'a [f32],
    /// Keys, [b, t_k, kv_heads * d].
    pub k: &'a [f32],
    /// Values, [b, t_k, kv_heads * d].
    pub v: &'a [f32],
    /// 1 for a key and 0 for padding, [b, t_k].
    pub key_mask: Option<&'a [f32]>,
    /// Added to the scaled scores by distance, [heads, t_k - always + t_q - 1]: query `i` and key `j` of head `h` get
    /// `bias[h, (j - always) + (t_q - 1 - i)]`.
    pub bias: Option<&'a [f32]>,
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

/// `softmax(cap(scale · q kᵀ + bias)) v` for each sequence and head, over the keys a query may see.
///
/// # Panics
/// When sizes contradict each other.
pub fn attention(inputs: AttentionInputs, shape: &AttentionShape) -> Attended {
    shape.check(&inputs);
    let s = shape.narrowed();
    let (q_width, rows) = (s.heads * s.head_dim, s.batch * s.heads * s.queries);
    if s.keys == 0 {
        return Attended {
            y: vec![0.0; inputs.q.len()],
            statistics: vec![0.0; rows * 2],
        };
    }
    // SAFETY: the tasks below cover every query of every head; each writes its rows of `y` and of the statistics.
    let (mut y, mut statistics) = unsafe { (unfilled(inputs.q.len()), unfilled(rows * 2)) };
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
            let rows = s.rows(sequence, head, block * step, step, inputs.key_mask);
            let kv_head = s.kv_head(head);
            scores.resize(rows.count * rows.columns, 0.0);
            // scores = scale * q kᵀ, [rows, d] x [d, columns] -> [rows, columns]
            let q = s.query_rows(inputs.q, sequence, head, &rows);
            rows.products(scores, q, s.scale, |span| {
                s.keys_of(inputs.k, sequence, kv_head, span.key, span.count)
            });
            if let Some(bias) = s.bias_of(inputs.bias, head) {
                rows.add_bias(scores, bias);
            }
            if let Some(cap) = s.score_cap {
                rows.cap(scores, cap);
            }
            // SAFETY: rows of this head and block belong to this task alone.
            let statistics = unsafe {
                let at = (sequence * s.heads + head) * s.queries + rows.first;
                std::slice::from_raw_parts_mut(out_statistics.at(at * 2), rows.count * 2)
            };
            probabilities(scores, &rows, statistics);
            if let Some(dropout) = s.dropout {
                rows.drop(scores, dropout);
            }
            // y = p v, [rows, columns] x [columns, d] -> [rows, d]
            for span in rows.spans() {
                let v = s.keys_of(inputs.v, sequence, kv_head, span.key, span.count);
                let (p, add) = (rows.columns_of(scores, &span), span.column > 0);
                // SAFETY: as above; the rows of one head stand `q_width` apart.
                unsafe {
                    let y = out.at(s.query_at(sequence, head, rows.first));
                    product(y, q_width, p, v, 1.0, add, Threads::One);
                }
            }
        });
    Attended { y, statistics }
}

#[cfg(test)]
mod tests;
