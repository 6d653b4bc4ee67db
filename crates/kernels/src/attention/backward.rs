//! Gradients of attention: one task for each head of keys and values, which computes the scores of its blocks again.

use super::block::{Rows, Span, recall_probabilities};
use super::{AttentionInputs, AttentionShape};
use crate::gemm::{Threads, add_slice, product};
use crate::simd::{Parts, unfilled};
use crate::softmax::softmax_dx_rows;
use rayon::prelude::*;

/// Gradients of [`attention`](super::attention).
#[derive(Clone, Debug)]
pub struct AttentionGradients {
    /// [b, t_q, heads * d].
    pub dq: Vec<f32>,
    /// [b, t_k, kv_heads * d].
    pub dk: Vec<f32>,
    /// [b, t_k, kv_heads * d].
    pub dv: Vec<f32>,
    /// [heads, t_k - always + t_q - 1]; empty where it is not wanted.
    pub d_bias: Vec<f32>,
}

/// Gradients of [`attention`](super::attention) with respect to queries, keys and values, and to the bias if
/// `wants_bias`, given the gradient `dy` of its result.
///
/// # Panics
/// When sizes contradict each other, or the gradient of a bias is wanted where there is none.
pub fn attention_backward(
    inputs: AttentionInputs,
    statistics: &[f32],
    dy: &[f32],
    shape: &AttentionShape,
    wants_bias: bool,
) -> AttentionGradients {
    shape.check(&inputs);
    let s = shape.narrowed();
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
    assert!(
        !wants_bias || inputs.bias.is_some(),
        "the gradient of a bias that is not there"
    );
    let biases = if wants_bias {
        s.heads * s.distances()
    } else {
        0
    };
    if s.keys == 0 || s.queries == 0 {
        return AttentionGradients {
            dq: vec![0.0; inputs.q.len()],
            dk: vec![0.0; inputs.k.len()],
            dv: vec![0.0; inputs.v.len()],
            d_bias: vec![0.0; biases],
        };
    }
    let keys = inputs.k.len();
    // SAFETY: each task writes all queries of its query heads and all keys and values of its key head.
    let (mut dq, mut dk, mut dv) =
        unsafe { (unfilled(inputs.q.len()), unfilled(keys), unfilled(keys)) };
    let mut d_bias = vec![0.0; s.batch * biases];
    let pass = Pass {
        inputs,
        statistics,
        dy,
        shape: s,
        dq: Parts::new(&mut dq),
        dk: Parts::new(&mut dk),
        dv: Parts::new(&mut dv),
        d_bias: wants_bias.then(|| Parts::new(&mut d_bias)),
    };
    (0..s.batch * s.kv_heads)
        .into_par_iter()
        .for_each_init(Scratch::default, |scratch, task| {
            pass.key_head(scratch, task / s.kv_heads, task % s.kv_heads);
        });
    AttentionGradients {
        dq,
        dk,
        dv,
        d_bias: sum_of_sequences(d_bias, biases),
    }
}

/// Adds up each sequence's gradient of the bias, one after the other, so that threads do not change the sum.
fn sum_of_sequences(mut parts: Vec<f32>, len: usize) -> Vec<f32> {
    if len > 0 && !parts.is_empty() {
        let (total, others) = parts.split_at_mut(len);
        for part in others.chunks_exact(len) {
            add_slice(total, part);
        }
    }
    parts.resize(len, 0.0);
    parts
}

/// Memory for the probabilities of a block, their gradient, their dropped copy and the slopes of the cap, as far as they
/// are needed; kept from one block to the next.
#[derive(Default)]
struct Scratch([Vec<f32>; 4]);

impl Scratch {
    fn buffers(&mut self, len: usize, shape: &AttentionShape) -> [&mut [f32]; 4] {
        let [p, dp, dropped, slopes] = &mut self.0;
        p.resize(len, 0.0);
        dp.resize(len, 0.0);
        dropped.resize(shape.dropout.map_or(0, |_| len), 0.0);
        slopes.resize(shape.score_cap.map_or(0, |_| len), 0.0);
        [p, dp, dropped, slopes]
    }
}

/// One backward pass: what it reads and where it writes.
struct Pass<'a> {
    inputs: AttentionInputs<'a>,
    statistics: &'a [f32],
    dy: &'a [f32],
    shape: AttentionShape,
    dq: Parts,
    dk: Parts,
    dv: Parts,
    /// [b, heads, distances].
    d_bias: Option<Parts>,
}

impl Pass<'_> {
    /// All gradients of one head of keys and values and of the query heads that use it.
    fn key_head(&self, scratch: &mut Scratch, sequence: usize, kv_head: usize) {
        let s = &self.shape;
        let group = s.heads / s.kv_heads;
        // Without a window the last block sees every key, so that it may overwrite all of dk and dv.
        let mut add = s.reach.is_some();
        if add {
            self.clear_keys(sequence, kv_head);
        }
        let step = s.block_rows();
        for head in kv_head * group..(kv_head + 1) * group {
            for block in (0..s.queries.div_ceil(step)).rev() {
                let rows = s.rows(sequence, head, block * step, step, self.inputs.key_mask);
                self.block(scratch, sequence, head, &rows, add);
                add = true;
            }
        }
    }

    /// Sets the gradients of one head of keys and values to zero.
    fn clear_keys(&self, sequence: usize, kv_head: usize) {
        let s = &self.shape;
        for key in 0..s.keys {
            let at = s.key_at(sequence, kv_head, key);
            // SAFETY: this key head belongs to this task alone.
            unsafe {
                std::slice::from_raw_parts_mut(self.dk.at(at), s.head_dim).fill(0.0);
                std::slice::from_raw_parts_mut(self.dv.at(at), s.head_dim).fill(0.0);
            }
        }
    }

    /// Writes the gradient of the block's queries and adds to those of keys, values and bias, or overwrites them.
    fn block(&self, scratch: &mut Scratch, sequence: usize, head: usize, rows: &Rows, add: bool) {
        let (s, inputs) = (&self.shape, &self.inputs);
        let (q_width, kv_width) = (s.heads * s.head_dim, s.kv_heads * s.head_dim);
        let kv_head = s.kv_head(head);
        let keys_of = |k, span: &Span| s.keys_of(k, sequence, kv_head, span.key, span.count);
        let q = s.query_rows(inputs.q, sequence, head, rows);
        let dy = s.query_rows(self.dy, sequence, head, rows);
        let [p, dp, dropped, slopes] = scratch.buffers(rows.count * rows.columns, s);
        rows.products(p, q, s.scale, |span| keys_of(inputs.k, span)); // [rows, d] x [d, columns]
        if let Some(bias) = s.bias_of(inputs.bias, head) {
            rows.add_bias(p, bias);
        }
        if let Some(cap) = s.score_cap {
            rows.cap_and_slopes(p, slopes, cap);
        }
        let at = ((sequence * s.heads + head) * s.queries + rows.first) * 2;
        recall_probabilities(p, rows, &self.statistics[at..at + rows.count * 2]);
        rows.products(dp, dy, 1.0, |span| keys_of(inputs.v, span)); // [rows, d] x [d, columns]
        let weights = match s.dropout {
            None => &*p,
            Some(dropout) => {
                rows.drop(dp, dropout);
                dropped.copy_from_slice(p);
                rows.drop(dropped, dropout);
                &*dropped
            }
        };
        for span in rows.spans() {
            let weights = rows.columns_of(weights, &span).t();
            // SAFETY: keys and values of this head belong to this task alone, with rows `kv_width` apart.
            unsafe {
                let dv = self.dv.at(s.key_at(sequence, kv_head, span.key));
                product(dv, kv_width, weights, dy, 1.0, add, Threads::One); // [count, rows] x [rows, d]
            }
        }
        // The gradient of the scores, times the scale at once where nobody wants it without.
        let (inside, outside) = if self.d_bias.is_some() {
            (1.0, s.scale)
        } else {
            (s.scale, 1.0)
        };
        softmax_dx_rows(p, dp, rows.columns, inside);
        if s.score_cap.is_some() {
            rows.multiply_by_slopes(dp, slopes);
        }
        self.add_bias_gradient(dp, sequence, head, rows);
        for span in rows.spans() {
            let ds = rows.columns_of(dp, &span);
            let k = keys_of(inputs.k, &span);
            // SAFETY: the queries of this head belong to this task alone, and its keys as above.
            unsafe {
                let dq = self.dq.at(s.query_at(sequence, head, rows.first));
                let dk = self.dk.at(s.key_at(sequence, kv_head, span.key));
                let next = span.column > 0;
                product(dq, q_width, ds, k, outside, next, Threads::One); // [rows, count] x [count, d]
                product(dk, kv_width, ds.t(), q, outside, add, Threads::One); // [count, rows] x [rows, d]
            }
        }
    }

    fn add_bias_gradient(&self, ds: &[f32], sequence: usize, head: usize, rows: &Rows) {
        let Some(parts) = &self.d_bias else { return };
        let distances = self.shape.distances();
        // SAFETY: each head of each sequence belongs to one task.
        let d_bias = unsafe {
            let at = (sequence * self.shape.heads + head) * distances;
            std::slice::from_raw_parts_mut(parts.at(at), distances)
        };
        rows.add_bias_gradient(ds, d_bias);
    }
}
