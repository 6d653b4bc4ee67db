//! Scaled dot-product attention over heads that lie side by side.

use crate::dropout::{Dropout, row_mask};
use crate::flex::{self, dense, dims, values};
use crate::tape::{Saved, Tape, Want};
use burn::backend::flex::FlexTensor;
use burn::tensor::{Bool, DType, Device, Int, Tensor, activation};
use kernels::attention as kernel;

/// Which keys a query sees and how their scores become weights.
#[derive(Clone, Debug)]
pub struct Attention {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`. Query head `h` uses head `h / (heads / kv_heads)`.
    pub kv_heads: usize,
    /// Factor on the scores, usually 1 / √d.
    pub scale: f64,
    /// Whether query `i` sees the keys `j <= i + t_k - t_q` only: a prefix or a cache stands before its own keys.
    pub causal: bool,
    /// [b, t_k], 1 for a key and 0 for padding. A constant: it gets no gradient.
    pub key_mask: Option<Tensor<2>>,
    /// Dropout of the attention weights.
    pub dropout: Option<Dropout>,
}

/// `softmax(scale · q kᵀ) v` for each sequence and head: q [b, t_q, heads * d], k and v [b, t_k, kv_heads * d] ->
/// [b, t_q, heads * d]. A query whose keys are all masked gets zeros.
///
/// # Panics
/// When sizes contradict each other; with `causal`, also when there are fewer keys than queries.
pub fn attention(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>, spec: Attention) -> Tensor<3> {
    let shape = spec.check(&q, &k, &v);
    let Some(tape) = Tape::of(&[&q, &k, &v, &spec.key_mask]) else {
        return plain(q, k, v, spec, shape);
    };
    let ((q, q_edge), (k, k_edge), (v, v_edge)) = (tape.take(q), tape.take(k), tape.take(v));
    let mask = tape.take_option(spec.key_mask).0.map(dense);
    let (q, k, v) = (dense(q), dense(k), dense(v));
    let found = kernel::attention(
        values(&q),
        values(&k),
        values(&v),
        mask.as_ref().map(values),
        &shape,
    );
    let y = flex::tensor(found.y, &dims(&q));
    tape.finish([q_edge, k_edge, v_edge], y, || Attended {
        q,
        k,
        v,
        mask,
        statistics: found.statistics,
        shape,
    })
}

#[derive(Clone, Debug)]
struct Attended {
    q: FlexTensor,
    k: FlexTensor,
    v: FlexTensor,
    mask: Option<FlexTensor>,
    statistics: Vec<f32>,
    shape: kernel::AttentionShape,
}

impl Saved<3> for Attended {
    fn backward(
        self,
        grad: FlexTensor,
        [want_q, want_k, want_v]: [Want; 3],
    ) -> [Option<FlexTensor>; 3] {
        let dy = dense(grad);
        let kernel::AttentionGradients { dq, dk, dv } = kernel::attention_backward(
            values(&self.q),
            values(&self.k),
            values(&self.v),
            self.mask.as_ref().map(values),
            &self.statistics,
            values(&dy),
            &self.shape,
        );
        let (queries, keys) = (dims(&self.q), dims(&self.k));
        [
            want_q.give(|| flex::tensor(dq, &queries)),
            want_k.give(|| flex::tensor(dk, &keys)),
            want_v.give(|| flex::tensor(dv, &keys)),
        ]
    }
}

impl Attention {
    fn check(&self, q: &Tensor<3>, k: &Tensor<3>, v: &Tensor<3>) -> kernel::AttentionShape {
        let ([batch, queries, width], [k_batch, keys, kv_width]) = (q.dims(), k.dims());
        let (heads, kv_heads) = (self.heads, self.kv_heads);
        assert!(
            kv_heads > 0 && heads.is_multiple_of(kv_heads),
            "{heads} query heads over {kv_heads} key heads, expected a multiple"
        );
        assert!(
            width.is_multiple_of(heads),
            "{heads} heads in {width} values"
        );
        let head_dim = width / heads;
        assert_eq!(
            (k_batch, kv_width),
            (batch, kv_heads * head_dim),
            "batch and width of the keys"
        );
        assert_eq!(k.dims(), v.dims(), "keys and values differ in shape");
        assert!(
            !self.causal || keys >= queries,
            "causal attention of {queries} queries to {keys} keys"
        );
        if let Some(mask) = &self.key_mask {
            assert_eq!(mask.dims(), [batch, keys], "the key mask is [b, t_k]");
        }
        kernel::AttentionShape {
            batch,
            heads,
            kv_heads,
            head_dim,
            queries,
            keys,
            scale: self.scale as f32,
            causal: self.causal,
            dropout: self.dropout.filter(|d| d.rate > 0.0).map(Dropout::kernel),
        }
    }
}

/// Composed of burn's operations; keeps [b, heads, t_q, t_k].
fn plain(
    q: Tensor<3>,
    k: Tensor<3>,
    v: Tensor<3>,
    spec: Attention,
    s: kernel::AttentionShape,
) -> Tensor<3> {
    let like = q.clone().without_autodiff();
    let split = |x: Tensor<3>, length, heads| {
        x.reshape([s.batch, length, heads, s.head_dim])
            .swap_dims(1, 2)
    };
    let q = split(q, s.queries, s.heads); // [b, heads, t_q, d]
    let [k, v] = [k, v].map(|x| {
        let group = s.heads / s.kv_heads;
        split(x, s.keys, s.kv_heads)
            .unsqueeze_dim::<5>(2)
            .expand([s.batch, s.kv_heads, group, s.keys, s.head_dim])
            .reshape([s.batch, s.heads, s.keys, s.head_dim])
    });
    let mut scores = q.matmul(k.swap_dims(2, 3)) * spec.scale; // [b, heads, t_q, d] x [b, heads, d, t_k]
    let hidden = hidden_keys(&spec, &s, &like.device());
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

/// Where a query must not look, [b, heads, t_q, t_k]; `None` if it may look everywhere.
fn hidden_keys(
    spec: &Attention,
    s: &kernel::AttentionShape,
    device: &Device,
) -> Option<Tensor<4, Bool>> {
    let whole = [s.batch, s.heads, s.queries, s.keys];
    let padding = spec.key_mask.as_ref().map(|mask| {
        let mask = mask.clone().without_autodiff().lower_equal_scalar(0.0); // [b, t_k]
        mask.reshape([s.batch, 1, 1, s.keys]).expand(whole)
    });
    let later = spec.causal.then(|| {
        let positions = |n: usize| Tensor::<1, Int>::arange(0..n as i64, device);
        let keys = positions(s.keys)
            .reshape([1, s.keys])
            .expand([s.queries, s.keys]);
        let last_seen = positions(s.queries).reshape([s.queries, 1]) + (s.keys - s.queries) as i64;
        keys.greater(last_seen.expand([s.queries, s.keys]))
            .reshape([1, 1, s.queries, s.keys])
            .expand(whole)
    });
    match (padding, later) {
        (Some(padding), Some(later)) => Some(padding.bool_or(later)),
        (padding, later) => padding.or(later),
    }
}
