//! Attention whose scores have products with vectors of distances. He et al. 2021, <https://arxiv.org/abs/2006.03654>, eq. 4.

use crate::dropout::{Dropout, row_mask};
use crate::flex::{self, dense, dims, values};
use crate::tape::{Saved, Tape, Want};
use burn::backend::flex::FlexTensor;
use burn::tensor::{Bool, DType, Int, Tensor, TensorData, activation};
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
        return composed(q, k, v, spec, shape);
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
        let ([batch, queries, width], [k_batch, keys, k_width]) = (q.dims(), k.dims());
        let heads = self.heads;
        assert!(
            heads > 0 && width.is_multiple_of(heads),
            "{heads} heads in {width} values"
        );
        assert_eq!(
            (k_batch, k_width),
            (batch, width),
            "batch and width of the keys"
        );
        assert_eq!(k.dims(), v.dims(), "keys and values differ in shape");
        assert!(
            self.always <= keys,
            "{} of {keys} keys have no distance",
            self.always
        );
        let distances = (keys - self.always + queries).saturating_sub(1);
        assert_eq!(
            self.rows.len(),
            distances,
            "one row for each distance of {queries} queries and {} keys",
            keys - self.always
        );
        for table in [&self.position_keys, &self.position_queries]
            .into_iter()
            .flatten()
        {
            assert_eq!(table.dims()[1], width, "width of the vectors of distances");
        }
        if let Some(mask) = &self.key_mask {
            assert_eq!(mask.dims(), [batch, keys], "the key mask is [b, t_k]");
        }
        kernel::AttentionShape {
            batch,
            heads,
            kv_heads: heads,
            head_dim: width / heads,
            queries,
            keys,
            scale: self.scale as f32,
            causal: false,
            reach: None,
            always: self.always,
            score_cap: None,
            dropout: self.dropout.filter(|d| d.rate > 0.0).map(Dropout::kernel),
        }
    }
}

/// Composed of burn's operations; keeps [b, heads, t_q, t_k].
fn composed(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    spec: Disentangled,
    s: kernel::AttentionShape,
) -> Tensor<3> {
    let like = q.clone().without_autodiff();
    let split = |x: Tensor<3>, length| {
        x.reshape([s.batch, length, s.heads, s.head_dim])
            .swap_dims(1, 2)
    };
    let (q, k, v) = (split(q, s.queries), split(k, s.keys), split(v, s.keys)); // [b, heads, t, d]
    let own = s.keys - s.always;
    let mut scores = q.clone().matmul(k.clone().swap_dims(2, 3)); // [b, heads, t_q, d] x [b, heads, d, t_k]
    let add = |scores: Tensor<4>, terms: Tensor<4>| {
        if s.always == 0 {
            return scores + terms;
        }
        let none = [s.batch, s.heads, s.queries, s.always];
        let none = Tensor::zeros(none, &terms.device()).cast(terms.dtype());
        scores + Tensor::cat(vec![none, terms], 3) // the keys of a prefix have no terms
    };
    if let Some(table) = spec.position_keys {
        let at = rows_of(&spec.rows, s.queries, own, |i, j| j + s.queries - 1 - i);
        scores = add(scores, picked(q, table, at, &s));
    }
    if let Some(table) = spec.position_queries {
        let at = rows_of(&spec.rows, own, s.queries, |j, i| j + s.queries - 1 - i);
        let terms = picked(k.narrow(2, s.always, own), table, at, &s); // [b, heads, own, t_q]
        scores = add(scores, terms.swap_dims(2, 3));
    }
    let mut scores = scores * spec.scale;
    let hidden: Option<Tensor<4, Bool>> = spec.key_mask.map(|mask| {
        let mask = mask.without_autodiff().lower_equal_scalar(0.0); // [b, t_k]
        mask.reshape([s.batch, 1, 1, s.keys])
            .expand([s.batch, s.heads, s.queries, s.keys])
    });
    if let Some(hidden) = &hidden {
        let lowest = if like.dtype() == DType::F16 {
            -3e4
        } else {
            -1e30
        };
        scores = scores.mask_fill(hidden.clone(), lowest);
    }
    let mut weights = activation::softmax(scores, 3);
    if let Some(hidden) = hidden {
        weights = weights.mask_fill(hidden, 0.0); // where every key is hidden, softmax gave each the same weight
    }
    if let Some(dropout) = s.dropout {
        weights = weights * row_mask([s.batch, s.heads, s.queries, s.keys], dropout, &like);
    }
    weights
        .matmul(v)
        .swap_dims(1, 2)
        .reshape([s.batch, s.queries, s.heads * s.head_dim])
}

/// `rows[place(a, b)]` for every a < n and b < m, as numbers and their sizes.
fn rows_of(rows: &[u32], n: usize, m: usize, place: impl Fn(usize, usize) -> usize) -> TensorData {
    let numbers = (0..n * m).map(|at| i64::from(rows[place(at / m, at % m)]));
    TensorData::new(numbers.collect(), [n, m])
}

/// Of the products of x [b, heads, n, d] with every vector of `table` [rows, heads * d], those of the rows `at` [n, m]: [b, heads, n, m].
fn picked(x: Tensor<4>, table: Tensor<2>, at: TensorData, s: &kernel::AttentionShape) -> Tensor<4> {
    let ([rows, _], [_, _, n, _]) = (table.dims(), x.dims());
    let m = at.shape[1];
    let at = Tensor::<2, Int>::from_data(at, &x.device().inner());
    let at = at.reshape([1, 1, n, m]).expand([s.batch, s.heads, n, m]);
    let vectors = table
        .reshape([1, rows, s.heads, s.head_dim])
        .swap_dims(1, 2)
        .swap_dims(2, 3)
        .expand([s.batch, s.heads, s.head_dim, rows]);
    x.matmul(vectors).gather(3, at) // [b, heads, n, d] x [b, heads, d, rows] -> [b, heads, n, rows] -> [b, heads, n, m]
}
