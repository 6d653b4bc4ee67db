//! Attention whose scores have products with vectors of distances. He et al. 2021, <https://arxiv.org/abs/2006.03654>, eq. 4.

use crate::attention::{Attention, hidden_keys, split_heads, weighted};
use crate::dropout::Dropout;
use crate::flex::{self, dense, dims, values};
use crate::tape::{Saved, Tape, Want};
use burn::backend::flex::FlexTensor;
use burn::tensor::{Int, Tensor, TensorData};
use kernels::attention as kernel;

/// Vectors of distances, whose they are, and how scores become weights.
#[derive(Clone, Debug)]
pub struct Disentangled {
    /// Heads of queries, keys and values.
    pub heads: usize,
    /// Factor on the scores, 1 / √(d · (1 + kinds of terms)).
    pub scale: f64,
    /// What queries are multiplied with, [rows, heads * d]: content to position.
    pub position_keys: Option<Tensor<2>>,
    /// What keys are multiplied with, [rows, heads * d]: position to content.
    pub position_queries: Option<Tensor<2>>,
    /// The row of both tables for query `i` and key `j`, at `(j - always) + (t_q - 1 - i)`: `t_k - always + t_q - 1` numbers.
    pub rows: Vec<u32>,
    /// Keys at the front that have no distance: a prefix.
    pub always: usize,
    /// [b, t_k], 1 for a key and 0 for padding. A constant: it gets no gradient.
    pub key_mask: Option<Tensor<2>>,
    /// Dropout of the attention weights.
    pub dropout: Option<Dropout>,
}

/// `softmax(scale · (q·k + q·K + k·Q)) v` for each sequence and head, K and Q by the distance of query and key: q [b, t_q, heads * d], k and v
/// [b, t_k, heads * d] -> [b, t_q, heads * d]. A query whose keys are all masked gets zeros.
///
/// # Panics
/// When sizes contradict each other, or a row is not one of the tables.
pub fn disentangled_attention(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    spec: Disentangled,
) -> Tensor<3> {
    let shape = spec.check(&q, &k, &v);
    let (position_keys, position_queries) = (&spec.position_keys, &spec.position_queries);
    let inputs: [&dyn crate::tape::Traced; 6] =
        [&q, &k, &v, position_keys, position_queries, &spec.key_mask];
    let Some(tape) = Tape::of(&inputs) else {
        return composed(q, k, v, spec, &shape);
    };
    let ((q, q_edge), (k, k_edge), (v, v_edge)) = (tape.take(q), tape.take(k), tape.take(v));
    let (position_keys, keys_edge) = tape.take_option(spec.position_keys);
    let (position_queries, queries_edge) = tape.take_option(spec.position_queries);
    let edges = [q_edge, k_edge, v_edge, keys_edge, queries_edge];
    let saved = Attended {
        q: dense(q),
        k: dense(k),
        v: dense(v),
        position_keys: position_keys.map(dense),
        position_queries: position_queries.map(dense),
        rows: spec.rows,
        mask: tape.take_option(spec.key_mask).0.map(dense),
        statistics: Vec::new(),
        shape,
    };
    let found = kernel::disentangled_attention(saved.inputs(), saved.distances(), &shape);
    let y = flex::tensor(found.y, &dims(&saved.q));
    tape.finish(edges, y, || Attended {
        statistics: found.statistics,
        ..saved
    })
}

#[derive(Clone, Debug)]
struct Attended {
    q: FlexTensor,
    k: FlexTensor,
    v: FlexTensor,
    position_keys: Option<FlexTensor>,
    position_queries: Option<FlexTensor>,
    rows: Vec<u32>,
    mask: Option<FlexTensor>,
    statistics: Vec<f32>,
    shape: kernel::AttentionShape,
}

impl Attended {
    fn inputs(&self) -> kernel::AttentionInputs<'_> {
        kernel::AttentionInputs {
            q: values(&self.q),
            k: values(&self.k),
            v: values(&self.v),
            key_mask: self.mask.as_ref().map(values),
            bias: None,
        }
    }

    fn distances(&self) -> kernel::Distances<'_> {
        kernel::Distances {
            keys: self.position_keys.as_ref().map(values),
            queries: self.position_queries.as_ref().map(values),
            rows: &self.rows,
        }
    }
}

impl Saved<5> for Attended {
    fn backward(
        self,
        grad: FlexTensor,
        [want_q, want_k, want_v, want_keys, want_queries]: [Want; 5],
    ) -> [Option<FlexTensor>; 5] {
        let dy = dense(grad);
        let found = kernel::disentangled_attention_backward(
            self.inputs(),
            self.distances(),
            &self.statistics,
            values(&dy),
            &self.shape,
            [want_keys.any(), want_queries.any()],
        );
        let (queries, keys) = (dims(&self.q), dims(&self.k));
        let width = self.shape.heads * self.shape.head_dim;
        let table = |gradient: Vec<f32>| {
            let rows = gradient.len() / width.max(1);
            flex::tensor(gradient, &[rows, width])
        };
        [
            want_q.give(|| flex::tensor(found.dq, &queries)),
            want_k.give(|| flex::tensor(found.dk, &keys)),
            want_v.give(|| flex::tensor(found.dv, &keys)),
            want_keys.give(|| table(found.position_keys)),
            want_queries.give(|| table(found.position_queries)),
        ]
    }
}

impl Disentangled {
    fn check(&self, q: &Tensor<3>, k: &Tensor<3>, v: &Tensor<3>) -> kernel::AttentionShape {
        let plain = Attention {
            heads: self.heads,
            kv_heads: self.heads,
            scale: self.scale,
            causal: false,
            reach: None,
            score_cap: None,
            bias: None,
            always: self.always,
            key_mask: self.key_mask.clone(),
            dropout: self.dropout,
        };
        let shape = plain.check(q, k, v);
        let own = shape.keys - shape.always;
        assert_eq!(
            self.rows.len(),
            (own + shape.queries).saturating_sub(1),
            "one row for each distance of {} queries and {own} keys",
            shape.queries
        );
        let tables = [&self.position_keys, &self.position_queries];
        for table in tables.into_iter().flatten() {
            let width = shape.heads * shape.head_dim;
            assert_eq!(table.dims()[1], width, "width of the vectors of distances");
        }
        shape
    }
}

/// Composed of burn's operations; keeps [b, heads, t_q, t_k].
fn composed(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    spec: Disentangled,
    s: &kernel::AttentionShape,
) -> Tensor<3> {
    let hidden = hidden_keys(spec.key_mask.as_ref(), s, &q.device());
    let [q, k, v] = [q, k, v].map(|x| split_heads(x, s.heads, s.heads)); // [b, heads, t, d]
    let own = s.keys - s.always;
    let mut scores = q.clone().matmul(k.clone().swap_dims(2, 3)); // [b,h,t_q,d] x [b,h,d,t_k] -> [b,h,t_q,t_k]
    let add = |scores: Tensor<4>, terms: Tensor<4>| {
        if s.always == 0 {
            return scores + terms;
        }
        let none = [s.batch, s.heads, s.queries, s.always];
        let none = Tensor::zeros(none, (&terms.device(), terms.dtype()));
        scores + Tensor::cat(vec![none, terms], 3) // the keys of a prefix have no terms
    };
    if let Some(table) = spec.position_keys {
        let rows = |i, j| spec.rows[j + s.queries - 1 - i];
        scores = add(scores, picked(q, table, [s.queries, own], rows, s));
    }
    if let Some(table) = spec.position_queries {
        let rows = |j, i| spec.rows[j + s.queries - 1 - i];
        let k = k.narrow(2, s.always, own);
        let terms = picked(k, table, [own, s.queries], rows, s); // [b, heads, own, t_q]
        scores = add(scores, terms.swap_dims(2, 3));
    }
    weighted(scores * spec.scale, hidden, v, s)
}

/// The products of x [b, heads, n, d] with vectors of `table` [rows, heads * d], m for each of the n: [b, heads, n, m]. `rows` says which.
fn picked(
    x: Tensor<4>,
    table: Tensor<2>,
    [n, m]: [usize; 2],
    rows: impl Fn(usize, usize) -> u32,
    s: &kernel::AttentionShape,
) -> Tensor<4> {
    let numbers = (0..n * m).map(|at| i64::from(rows(at / m, at % m)));
    let numbers = TensorData::new(numbers.collect(), [1, 1, n, m]);
    let numbers = Tensor::<4, Int>::from_data(numbers, &x.device().inner());
    let count = table.dims()[0];
    let vectors = table
        .reshape([1, count, s.heads, s.head_dim])
        .permute([0, 2, 3, 1])
        .expand([s.batch, s.heads, s.head_dim, count]);
    x.matmul(vectors) // [b,h,n,d] x [b,h,d,rows] -> [b,h,n,rows]
        .gather(3, numbers.expand([s.batch, s.heads, n, m]))
}
