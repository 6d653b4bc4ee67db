//! Multi-head self-attention with grouped keys and values. Vaswani et al. 2017, §3.2; Ainslie et al. 2023 for the groups.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::backbone::BlockContext;
use crate::dropout::Place;
use crate::hooks::{At, KeyValue, Proj};
use crate::linear::Linear;
use crate::norm::Norm;
use crate::shape::Shape;

/// The attention of one block, with the norm that stands before it (pre-norm) or after its residual add (post-norm).
#[derive(Module, Debug)]
pub struct SelfAttention {
    /// `[hidden, heads * head_dim]`.
    pub query: Linear,
    /// `[hidden, kv_heads * head_dim]`.
    pub key: Linear,
    /// `[hidden, kv_heads * head_dim]`.
    pub value: Linear,
    /// `[heads * head_dim, hidden]`.
    pub out: Linear,
    /// Before the maps or after the residual add, as `Shape::norm_order` says.
    pub norm: Norm,
}

impl SelfAttention {
    /// `[b, t, hidden] -> [b, t, hidden]`, before dropout and residual; and all keys and values that were seen.
    pub(crate) fn forward(
        &self,
        shape: &Shape,
        x: Tensor<3>,
        context: &BlockContext,
    ) -> (Tensor<3>, KeyValue) {
        let hooks = context.pass.hooks;
        let at = |site| At {
            layer: context.layer,
            site,
        };
        let project = |proj, map: &Linear, x: Tensor<3>| {
            hooks.project(at(proj), &hooks.project_input(at(proj), x), map)
        };
        let query = project(Proj::Query, &self.query, x.clone()); // [b, t, heads * d]
        let key = project(Proj::Key, &self.key, x.clone()); // [b, t, kv_heads * d]
        let value = project(Proj::Value, &self.value, x);
        let query = context.rotate(query, shape.heads);
        let key = context.rotate(key, shape.kv_heads);

        let own = KeyValue { key, value };
        let (seen, key_mask) = context.with_earlier(own, hooks); // [b, p + t, kv_heads * d], [b, p + t]
        let spec = ops::Attention {
            heads: shape.heads,
            kv_heads: shape.kv_heads,
            scale: shape.attention_scale(context.layer),
            causal: shape.causal,
            key_mask: Some(key_mask),
            dropout: context.dropout(Place::Probabilities),
        };
        let mixed = ops::attention(query, seen.key.clone(), seen.value.clone(), spec);
        (project(Proj::Out, &self.out, mixed), seen)
    }
}
