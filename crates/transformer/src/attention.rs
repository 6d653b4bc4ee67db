//! Multi-head self-attention with grouped keys and values. Vaswani et al. 2017, §3.2; Ainslie et al. 2023 for the groups.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::context::BlockContext;
use crate::dropout::Place;
use crate::hooks::{At, KeyValue, Proj};
use crate::linear::Linear;
use crate::norm::Norm;
use crate::shape::Shape;

/// The attention of one block, with the norms around it that [`NormOrder`](crate::NormOrder) gives it.
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
    /// Of queries, before the rotation: `[head_dim]` for each head alike, or `[heads * head_dim]`.
    pub query_norm: Option<Norm>,
    /// Of keys, before the rotation: `[head_dim]`, or `[kv_heads * head_dim]`.
    pub key_norm: Option<Norm>,
    /// Before the maps or after the residual add.
    pub norm: Option<Norm>,
    /// Of the result, before the residual add.
    pub output_norm: Option<Norm>,
}

impl SelfAttention {
    /// `[b, t, hidden] -> [b, t, hidden]`, before dropout, output norm and residual; and all keys and values that were seen.
    pub(crate) fn forward(
        &self,
        shape: &Shape,
        x: Tensor<3>,
        context: &BlockContext,
    ) -> (Tensor<3>, KeyValue) {
        let hooks = context.pass.hooks;
        let at = |site| At {
            layer: context.block,
            site,
        };
        let project = |proj, map: &Linear, x: Tensor<3>| {
            hooks.project(at(proj), &hooks.project_input(at(proj), x), map)
        };
        let query = project(Proj::Query, &self.query, x.clone()); // [b, t, heads * d]
        let key = project(Proj::Key, &self.key, x.clone()); // [b, t, kv_heads * d]
        let value = project(Proj::Value, &self.value, x);
        let query = context.rotate(normed(&self.query_norm, query), shape.heads);
        let key = context.rotate(normed(&self.key_norm, key), shape.kv_heads);

        let own = KeyValue { key, value };
        let (seen, key_mask) = context.with_earlier(own, hooks); // [b, p + t, kv_heads * d], [b, p + t]
        let mixed = match &context.distance_vectors {
            Some(vectors) => vectors.attend(self, shape, query, &seen, key_mask, context),
            None => mix(shape, query, seen.clone(), key_mask, context),
        };
        (project(Proj::Out, &self.out, mixed), seen)
    }
}

fn normed(norm: &Option<Norm>, x: Tensor<3>) -> Tensor<3> {
    match norm {
        Some(norm) => norm.apply_to_heads(x),
        None => x,
    }
}

/// `[b, t, heads * d]` queries over the keys that were seen -> `[b, t, heads * d]`.
fn mix(
    shape: &Shape,
    query: Tensor<3>,
    seen: KeyValue,
    key_mask: Tensor<2>,
    context: &BlockContext,
) -> Tensor<3> {
    let reach = shape.kinds[context.layer].reach;
    let (seen, key_mask) = match reach {
        Some(_) => context.side_by_side(seen, key_mask),
        None => (seen, key_mask),
    };
    let spec = ops::Attention {
        heads: shape.heads,
        kv_heads: shape.kv_heads,
        scale: shape.attention_scale(context.layer),
        causal: shape.causal,
        reach,
        score_cap: shape.score_cap,
        bias: context.score_bias.clone(),
        always: context.always(&key_mask),
        key_mask: Some(key_mask),
        dropout: context.dropout(Place::Probabilities),
    };
    ops::attention(query, seen.key, seen.value, spec)
}
