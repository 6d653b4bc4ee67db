//! Disentangled attention (He et al. 2021, <https://arxiv.org/abs/2006.03654>, eq. 4): beside the contents of a query and
//! a key, their distance has vectors of its own, one that the query is multiplied with and one that the key is multiplied
//! with: `score(i, j) = scale · (q_i · k_j + q_i · K_r + k_j · Q_r)`, where `r` is the row of the distance from `j` to `i`.
//!
//! As in plain attention no [t_q, t_k] tensor is kept. Products with the vectors of distances are [t, rows] matrices, of
//! which a score picks one element; a worker holds those of one head at a time. A text of t tokens has 2t - 1 distances,
//! but a band of 32 neighbouring tokens meets only t + 31 of them, so that products are computed band by band.

mod backward;
mod bands;
mod terms;

use super::block::{Rows, probabilities};
use super::{Attended, AttentionInputs, AttentionShape};
use crate::gemm::{Matrix, Threads, matmul_into, product};
use crate::simd::{Parts, unfilled};
use bands::Plan;
use rayon::prelude::*;
use terms::{add_key_terms, add_query_terms};

pub use backward::{DisentangledGradients, disentangled_attention_backward};

/// Vectors of distances, and whose they are.
#[derive(Clone, Copy, Debug)]
pub struct Distances<'a> {
    /// What queries are multiplied with, [rows, heads * d].
    pub keys: Option<&'a [f32]>,
    /// What keys are multiplied with, [rows, heads * d].
    pub queries: Option<&'a [f32]>,
    /// The row of query `i` and key `j` at `(j - always) + (t_q - 1 - i)`: one for each distance,
    /// `t_k - always + t_q - 1` in all. The first [`always`](AttentionShape::always) keys have no distance.
    pub rows: &'a [u32],
}

/// `softmax(score) v` for each sequence and head, where a score has the terms of [`Distances`]. `k` and `v` have as many
/// heads as `q`.
///
/// # Panics
/// When sizes contradict each other or a row is not one of the tables; when causality, a reach, a bias or a cap is asked
/// for.
pub fn disentangled_attention(
    inputs: AttentionInputs,
    distances: Distances,
    shape: &AttentionShape,
) -> Attended {
    let plan = Plan::new(&inputs, distances, shape);
    let (s, width) = (*shape, shape.heads * shape.head_dim);
    let rows = s.batch * s.heads * s.queries;
    if s.keys == 0 {
        return Attended {
            y: vec![0.0; inputs.q.len()],
            statistics: vec![0.0; rows * 2],
        };
    }
    // SAFETY: the tasks below cover every head; each writes all of its rows of `y` and of the statistics.
    let (mut y, mut statistics) = unsafe { (unfilled(inputs.q.len()), unfilled(rows * 2)) };
    let (out, out_statistics) = (Parts::new(&mut y), Parts::new(&mut statistics));
    (0..s.batch * s.heads).into_par_iter().for_each_init(
        Scores::default,
        |scores: &mut Scores, task| {
            let (sequence, head) = (task / s.heads, task % s.heads);
            let v = s.keys_of(inputs.v, sequence, head, 0, s.keys);
            scores.begin(&plan, &inputs, sequence, head);
            for rows in plan.blocks(sequence, head, inputs.key_mask) {
                scores.fill(&plan, &inputs, &rows, sequence, head);
                // SAFETY: this head of this sequence belongs to this task alone.
                let statistics = unsafe {
                    let at = (sequence * s.heads + head) * s.queries + rows.first;
                    std::slice::from_raw_parts_mut(out_statistics.at(at * 2), rows.count * 2)
                };
                let p = &mut scores.block;
                probabilities(p, &rows, statistics);
                if let Some(dropout) = s.dropout {
                    rows.drop(p, dropout);
                }
                let p = Matrix::new(p, rows.count, s.keys);
                // SAFETY: as above; the rows of one head stand `width` apart.
                unsafe {
                    let y = out.at(s.query_at(sequence, head, rows.first));
                    product(y, width, p, v, 1.0, false, Threads::One); // [rows, keys] x [keys, d]
                }
            }
        },
    );
    Attended { y, statistics }
}

/// The scores of one head, a block of queries at a time; memory that is kept from one head to the next.
#[derive(Default)]
struct Scores {
    /// [rows, keys].
    block: Vec<f32>,
    /// The block's queries times the position keys, [rows, table].
    query_terms: Vec<f32>,
    /// All keys that have a distance times the position queries, [keys, table].
    key_terms: Vec<f32>,
}

impl Scores {
    /// Computes what all blocks of a head share.
    fn begin(&mut self, plan: &Plan, inputs: &AttentionInputs, sequence: usize, head: usize) {
        plan.key_terms(&mut self.key_terms, inputs.k, sequence, head);
    }

    /// Computes the scores of a block of the head that was begun.
    fn fill(
        &mut self,
        plan: &Plan,
        inputs: &AttentionInputs,
        rows: &Rows,
        sequence: usize,
        head: usize,
    ) {
        let (s, table) = (&plan.shape, plan.table);
        let q = s.query_rows(inputs.q, sequence, head, rows);
        let k = s.keys_of(inputs.k, sequence, head, 0, s.keys);
        self.block.resize(rows.count * s.keys, 0.0);
        matmul_into(&mut self.block, q, k.t(), s.scale, Threads::One); // [rows, d] x [d, keys]
        plan.query_terms(&mut self.query_terms, inputs.q, sequence, head, rows);
        for (i, scores) in self.block.chunks_exact_mut(s.keys).enumerate() {
            let (scores, at) = (&mut scores[s.always..], plan.rows_of(rows.first + i));
            if plan.distances.keys.is_some() {
                add_query_terms(scores, at, &self.query_terms[i * table..][..table]);
            }
            if plan.distances.queries.is_some() {
                add_key_terms(scores, at, &self.key_terms, table);
            }
        }
    }
}

#[cfg(test)]
mod tests;
