//! Gradients of disentangled attention. One task computes one head of several sequences, so that the sums over sequences
//! that the tables' gradients are need little memory, and have an order that does not depend on threads.

use super::super::block::{Rows, recall_probabilities};
use super::super::{AttentionInputs, AttentionShape};
use super::bands::Plan;
use super::terms::{sum_key_terms, sum_query_terms};
use super::{Distances, Scores};
use crate::gemm::{Matrix, Threads, column_sum, matmul_into, product};
use crate::simd::Parts;
use crate::softmax::softmax_dx_rows;
use rayon::prelude::*;

/// Gradients of [`disentangled_attention`](super::disentangled_attention).
#[derive(Clone, Debug)]
pub struct DisentangledGradients {
    /// [b, t_q, heads * d].
    pub dq: Vec<f32>,
    /// [b, t_k, heads * d].
    pub dk: Vec<f32>,
    /// [b, t_k, heads * d].
    pub dv: Vec<f32>,
    /// Of [`Distances::keys`], [rows, heads * d]; empty where it is not wanted.
    pub position_keys: Vec<f32>,
    /// Of [`Distances::queries`], [rows, heads * d]; empty where it is not wanted.
    pub position_queries: Vec<f32>,
}

/// Gradients of [`disentangled_attention`](super::disentangled_attention) with respect to queries, keys and values, and to
/// position keys and position queries as `wants` says, given the gradient `dy` of its result.
///
/// # Panics
/// When sizes contradict each other, or the gradient of a table is wanted that is not there.
pub fn disentangled_attention_backward(
    inputs: AttentionInputs,
    distances: Distances,
    statistics: &[f32],
    dy: &[f32],
    shape: &AttentionShape,
    wants: [bool; 2],
) -> DisentangledGradients {
    let plan = Plan::new(&inputs, distances, shape);
    let s = *shape;
    assert_eq!(
        dy.len(),
        inputs.q.len(),
        "the gradient has the shape of the queries"
    );
    assert_eq!(
        statistics.len(),
        s.batch * s.heads * s.queries * 2,
        "two statistics a row"
    );
    let given = [distances.keys, distances.queries].map(|table| table.is_some());
    assert!(
        (0..2).all(|i| given[i] || !wants[i]),
        "the gradient of vectors of distances that are not there"
    );
    // Everything is added to or overwritten; without queries or keys all gradients are zeros.
    let zeros = |len: usize| vec![0.0f32; len];
    let (mut dq, mut dk, mut dv) = (
        zeros(inputs.q.len()),
        zeros(inputs.k.len()),
        zeros(inputs.v.len()),
    );
    let chunk = (s.batch * s.heads / TASKS).max(1);
    let chunks = s.batch.div_ceil(chunk);
    let tables = wants.map(|wanted| {
        if wanted {
            plan.table * s.heads * s.head_dim
        } else {
            0
        }
    });
    let mut parts = tables.map(|len| zeros(chunks * len));
    if s.keys > 0 && s.queries > 0 {
        let [keys, queries] = &mut parts;
        let pass = Pass {
            plan: &plan,
            inputs,
            statistics,
            dy,
            dq: Parts::new(&mut dq),
            dk: Parts::new(&mut dk),
            dv: Parts::new(&mut dv),
            tables: [Parts::new(keys), Parts::new(queries)],
            wants,
        };
        (0..chunks * s.heads).into_par_iter().for_each_init(
            Scratch::default,
            |scratch: &mut Scratch, task| {
                let (part, head) = (task / s.heads, task % s.heads);
                for sequence in part * chunk..((part + 1) * chunk).min(s.batch) {
                    pass.head(scratch, sequence, head, tables.map(|len| part * len));
                }
            },
        );
    }
    let [position_keys, position_queries] = parts;
    DisentangledGradients {
        dq,
        dk,
        dv,
        position_keys: column_sum(&position_keys, tables[0]),
        position_queries: column_sum(&position_queries, tables[1]),
    }
}

/// Tasks, about: several for each worker, and few enough that a table for each does not take much memory.
const TASKS: usize = 64;

struct Pass<'a> {
    plan: &'a Plan<'a>,
    inputs: AttentionInputs<'a>,
    statistics: &'a [f32],
    dy: &'a [f32],
    dq: Parts,
    dk: Parts,
    dv: Parts,
    /// Of the position keys and the position queries, [chunks, rows, heads * d].
    tables: [Parts; 2],
    wants: [bool; 2],
}

/// A worker's memory, kept from one head to the next.
#[derive(Default)]
struct Scratch {
    /// The scores, which become probabilities.
    scores: Scores,
    /// Gradient of the probabilities, then of the scores, [rows, keys].
    d_scores: Vec<f32>,
    /// With dropout: the dropped probabilities.
    dropped: Vec<f32>,
    /// Gradient of the query terms, [rows, table].
    d_query_terms: Vec<f32>,
    /// Gradient of the key terms, [keys, table].
    d_key_terms: Vec<f32>,
}

impl Pass<'_> {
    /// The gradients of one head of one sequence; those of the tables are added to what starts at `parts`.
    fn head(&self, scratch: &mut Scratch, sequence: usize, head: usize, parts: [usize; 2]) {
        let (plan, inputs) = (self.plan, &self.inputs);
        let (s, width) = (&plan.shape, plan.shape.heads * plan.shape.head_dim);
        // SAFETY: this head of this sequence and of this part of the tables belongs to the calling task alone.
        let (dk, dv, [d_keys, d_queries]) = unsafe {
            let at = s.key_at(sequence, head, 0);
            let table =
                |i: usize| self.wants[i].then(|| self.tables[i].at(parts[i] + head * s.head_dim));
            (self.dk.at(at), self.dv.at(at), [table(0), table(1)])
        };
        let k = s.keys_of(inputs.k, sequence, head, 0, s.keys);
        let v = s.keys_of(inputs.v, sequence, head, 0, s.keys);
        scratch.scores.begin(plan, inputs, sequence, head);
        fill_with_zeros(&mut scratch.d_key_terms, scratch.scores.key_terms.len());
        for rows in plan.blocks(sequence, head, inputs.key_mask) {
            let add = rows.first > 0; // a block sees every key, so that the first one overwrites all of dk and dv
            let q = s.query_rows(inputs.q, sequence, head, &rows);
            let dy = s.query_rows(self.dy, sequence, head, &rows);
            let at = ((sequence * s.heads + head) * s.queries + rows.first) * 2;
            scratch.scores.fill(plan, inputs, &rows, sequence, head);
            let p = &mut scratch.scores.block;
            recall_probabilities(p, &rows, &self.statistics[at..at + rows.count * 2]);
            let ds = &mut scratch.d_scores;
            ds.resize(p.len(), 0.0);
            matmul_into(ds, dy, v.t(), 1.0, Threads::One); // [rows, d] x [d, keys]
            let weights = match s.dropout {
                None => &*p,
                Some(dropout) => {
                    rows.drop(ds, dropout);
                    scratch.dropped.clone_from(p);
                    rows.drop(&mut scratch.dropped, dropout);
                    &scratch.dropped
                }
            };
            let weights = Matrix::new(weights, rows.count, s.keys);
            // SAFETY: `dv` belongs to this task alone (see above), with rows `width` apart.
            unsafe { product(dv, width, weights.t(), dy, 1.0, add, Threads::One) }; // [keys, rows] x [rows, d]
            softmax_dx_rows(p, ds, s.keys, s.scale);
            let ds = Matrix::new(ds, rows.count, s.keys);
            // SAFETY: as above for `dk` and the table; the queries of this head belong to this task too.
            unsafe {
                let dq = self.dq.at(s.query_at(sequence, head, rows.first));
                product(dq, width, ds, k, 1.0, false, Threads::One); // [rows, keys] x [keys, d]
                product(dk, width, ds.t(), q, 1.0, add, Threads::One); // [keys, rows] x [rows, d]
                scratch.split(plan, &rows);
                let d_terms = &scratch.d_query_terms;
                plan.query_gradients(d_terms, inputs.q, sequence, head, &rows, dq, d_keys);
            }
        }
        // SAFETY: as above.
        unsafe {
            plan.key_gradients(
                &scratch.d_key_terms,
                inputs.k,
                sequence,
                head,
                dk,
                d_queries,
            );
        }
    }
}

impl Scratch {
    /// Adds the gradient of a block's scores up into the gradients of the terms.
    fn split(&mut self, plan: &Plan, rows: &Rows) {
        let (s, table) = (&plan.shape, plan.table);
        fill_with_zeros(&mut self.d_query_terms, self.scores.query_terms.len());
        for (i, ds) in self.d_scores.chunks_exact(s.keys).enumerate() {
            let (ds, at) = (&ds[s.always..], plan.rows_of(rows.first + i));
            if plan.distances.keys.is_some() {
                sum_query_terms(ds, at, &mut self.d_query_terms[i * table..][..table]);
            }
            if plan.distances.queries.is_some() {
                sum_key_terms(ds, at, &mut self.d_key_terms, table);
            }
        }
    }
}

fn fill_with_zeros(values: &mut Vec<f32>, len: usize) {
    values.clear();
    values.resize(len, 0.0);
}
