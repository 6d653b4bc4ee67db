//! Scaled dot-product attention over heads that lie side by side.

mod composed;

use crate::dropout::Dropout;
use crate::flex::{self, dense, dims, values};
use crate::tape::{Saved, Tape, Want};
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use kernels::attention as kernel;

pub(crate) use composed::{hidden_keys, split_heads, weighted};

/// Which keys a query sees and how their scores become weights.
///
/// Where there are more keys than queries, a prefix or a cache stands first: query `i` stands at key `i + t_k - t_q`.
#[derive(Clone, Debug)]
pub struct Attention {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; divides `heads`. Query head `h` uses head `h / (heads / kv_heads)`.
    pub kv_heads: usize,
    /// Factor on the products of queries and keys, usually 1 / √d.
    pub scale: f64,
    /// Whether a query sees the keys up to its own place only.
    pub causal: bool,
    /// The farthest key from its own place that a query sees, in either direction.
    pub reach: Option<usize>,
    /// Scores s become `cap · tanh(s / cap)`.
    pub score_cap: Option<f64>,
    /// Added to the scaled scores by distance, before the cap, [heads, t_k - always + t_q - 1]: query `i` and key `j` of
    /// head `h` get `bias[h, (j - always) + (t_q - 1 - i)]`.
    pub bias: Option<Tensor<2>>,
    /// Keys at the front that every query sees, however far, and that no bias is added for: a prefix before a text that
    /// is read in both directions.
    pub always: usize,
    /// [b, t_k], 1 for a key and 0 for padding. A constant: it gets no gradient.
    pub key_mask: Option<Tensor<2>>,
    /// Dropout of the attention weights.
    pub dropout: Option<Dropout>,
}

/// `softmax(cap(scale · q kᵀ + bias)) v` for each sequence and head: q [b, t_q, heads * d], k and v
/// [b, t_k, kv_heads * d] -> [b, t_q, heads * d]. A query whose keys are all masked gets zeros.
///
/// # Panics
/// When sizes contradict each other; with `causal` or `reach`, also when there are fewer keys than queries and
/// `always`.
pub fn attention(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>, spec: Attention) -> Tensor<3> {
    let shape = spec.check(&q, &k, &v);
    let Some(tape) = Tape::of(&[&q, &k, &v, &spec.key_mask, &spec.bias]) else {
        return composed::attention(q, k, v, spec, &shape);
    };
    let ((q, q_edge), (k, k_edge), (v, v_edge)) = (tape.take(q), tape.take(k), tape.take(v));
    let (bias, bias_edge) = tape.take_option(spec.bias);
    let mask = tape.take_option(spec.key_mask).0.map(dense);
    let inputs = Inputs {
        q: dense(q),
        k: dense(k),
        v: dense(v),
        mask,
        bias: bias.map(dense),
    };
    let found = kernel::attention(inputs.values(), &shape);
    let y = flex::tensor(found.y, &dims(&inputs.q));
    tape.finish([q_edge, k_edge, v_edge, bias_edge], y, || Attended {
        inputs,
        statistics: found.statistics,
        shape,
    })
}

#[derive(Clone, Debug)]
struct Inputs {
    q: FlexTensor,
    k: FlexTensor,
    v: FlexTensor,
    mask: Option<FlexTensor>,
    bias: Option<FlexTensor>,
}

impl Inputs {
    fn values(&self) -> kernel::AttentionInputs<'_> {
        kernel::AttentionInputs {
            q: values(&self.q),
            k: values(&self.k),
            v: values(&self.v),
            key_mask: self.mask.as_ref().map(values),
            bias: self.bias.as_ref().map(values),
        }
    }
}

#[derive(Clone, Debug)]
struct Attended {
    inputs: Inputs,
    statistics: Vec<f32>,
    shape: kernel::AttentionShape,
}

/// Queries, keys, values, bias.
impl Saved<4> for Attended {
    fn backward(
        self,
        grad: FlexTensor,
        [want_q, want_k, want_v, want_bias]: [Want; 4],
    ) -> [Option<FlexTensor>; 4] {
        let dy = dense(grad);
        let kernel::AttentionGradients { dq, dk, dv, d_bias } = kernel::attention_backward(
            self.inputs.values(),
            &self.statistics,
            values(&dy),
            &self.shape,
            want_bias.any(),
        );
        let (queries, keys) = (dims(&self.inputs.q), dims(&self.inputs.k));
        let distances = d_bias.len() / self.shape.heads;
        [
            want_q.give(|| flex::tensor(dq, &queries)),
            want_k.give(|| flex::tensor(dk, &keys)),
            want_v.give(|| flex::tensor(dv, &keys)),
            want_bias.give(|| flex::tensor(d_bias, &[self.shape.heads, distances])),
        ]
    }
}

impl Attention {
    pub(crate) fn check(
        &self,
        q: &Tensor<3>,
        k: &Tensor<3>,
        v: &Tensor<3>,
    ) -> kernel::AttentionShape {
        let ([batch, queries, width], [k_batch, keys, kv_width]) = (q.dims(), k.dims());
        let (heads, kv_heads, always) = (self.heads, self.kv_heads, self.always);
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
            always <= keys,
            "{always} keys that are always seen, of {keys}"
        );
        let kind = if self.causal { "causal" } else { "windowed" };
        assert!(
            !(self.causal || self.reach.is_some()) || keys >= queries + always,
            "{kind} attention of {queries} queries to {keys} keys, {always} of them always seen"
        );
        if let Some(mask) = &self.key_mask {
            assert_eq!(mask.dims(), [batch, keys], "the key mask is [b, t_k]");
        }
        if let Some(bias) = &self.bias {
            assert_eq!(
                bias.dims(),
                [heads, (keys - always + queries).saturating_sub(1)],
                "the bias is [heads, t_k - always + t_q - 1]"
            );
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
            reach: self.reach,
            always,
            score_cap: self.score_cap.map(|cap| cap as f32),
            dropout: self.dropout.filter(|d| d.rate > 0.0).map(Dropout::kernel),
        }
    }
}
