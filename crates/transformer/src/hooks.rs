//! Where computation can be inserted into a backbone. Identity by default; object-safe, so that the backbone has no type parameter.
//!
//! The backbone calls these at fixed sites and knows nothing of who implements them.

use burn::tensor::{Int, Tensor};

use crate::linear::Linear;

/// The sites of a backbone. Every function is the identity unless overridden.
pub trait Hooks {
    /// Token embeddings, `[b, t, embedding]`, scaled where the model scales them, before positions and types are added. May lengthen the
    /// sequence: `x` and `mask` (and `types`, else the new tokens in front are of type 0). Positions are counted anew from the mask afterwards.
    /// Not called when a [`Past`](crate::Past) stands in front: what it prepended is already in there.
    fn embed(&self, x: Embedded) -> Embedded {
        x
    }

    /// A whole linear map, so that LoRA can fuse with it and DoRA can see its weight. `x`: `[b, t, d_in] -> [b, t, d_out]`.
    fn project(&self, _at: At<Proj>, x: &Tensor<3>, weight: &Linear) -> Tensor<3> {
        weight.apply(x)
    }

    /// The input of a linear map, `[b, t, d_in]`; called just before [`project`](Hooks::project).
    fn project_input(&self, _at: At<Proj>, x: Tensor<3>) -> Tensor<3> {
        x
    }

    /// Vectors of distances, `[1, n, hidden]`, through the map to queries or keys, where a model projects them with it (DeBERTa): as tokens
    /// are, unless overridden.
    fn project_distances(&self, at: At<Proj>, x: &Tensor<3>, map: &Linear) -> Tensor<3> {
        self.project(at, &self.project_input(at, x.clone()), map)
    }

    /// A hidden state inside a block, see [`Point`]. `block_input`: what the sub-layer's first linear maps read, `[b, t, hidden]`.
    fn hidden(&self, _at: At<Point>, h: Tensor<3>, _block_input: &Tensor<3>) -> Tensor<3> {
        h
    }

    /// Keys and values in front of a layer's own, seen by every token of every text: `layer` counts the layers, also where they share a
    /// block. In causal models they take places as a past does, so that a window may end before them. Not called when a
    /// [`Past`](crate::Past) stands in front: the prefix it was computed with is already in there.
    fn prefix(&self, _layer: usize) -> Option<KeyValue> {
        None
    }

    /// How many positions the prefix takes: a text's first token stands after them, as in PEFT. It shortens the longest text.
    fn prefix_length(&self) -> usize {
        0
    }
}

/// No hooks: the pretrained model as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unhooked;

impl Hooks for Unhooked {}

/// The linear maps of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Proj {
    /// Attention queries.
    Query,
    /// Attention keys.
    Key,
    /// Attention values.
    Value,
    /// Attention output.
    Out,
    /// Gate of a gated feed-forward; absent in plain ones.
    Gate,
    /// First map of the feed-forward.
    Up,
    /// Second map of the feed-forward.
    Down,
}

impl Proj {
    /// All maps, in the order they run.
    pub const ALL: [Proj; 7] = [
        Proj::Query,
        Proj::Key,
        Proj::Value,
        Proj::Out,
        Proj::Gate,
        Proj::Up,
        Proj::Down,
    ];
}

/// Hidden states of a block that a method may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Point {
    /// The attention's output, after dropout, before an output norm and the residual add; `[b, t, hidden]`.
    AttentionOut,
    /// The feed-forward's inner activation, after the non-linearity (the gate, and dropout); `[b, t, intermediate]`.
    FfnInner,
    /// The feed-forward's output, after dropout, before an output norm and the residual add; `[b, t, hidden]`.
    FfnOut,
}

/// A site of a given block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct At<S> {
    /// Index of the block, from 0. Layers that share a block (ALBERT's) share its index.
    pub layer: usize,
    /// Which site of it.
    pub site: S,
}

/// Hidden states on their way through the backbone. Movable from one call to the next, and cacheable.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// `[b, t, hidden]`; `[b, t, embedding]` in [`Hooks::embed`].
    pub x: Tensor<3>,
    /// `[b, t]`, 1 for a token, 0 for padding.
    pub mask: Tensor<2>,
    /// `[b, t]`, place of each token in its text, counted over the mask: padding on either side changes nothing.
    pub positions: Tensor<2, Int>,
    /// `[b, t]`, token types (BERT's segment A or B), where the batch has them.
    pub types: Option<Tensor<2, Int>>,
}

/// Keys and values of one layer, `[1 or b, p, kv_heads * head_dim]`. A batch of 1 is shared by all texts.
#[derive(Clone, Debug)]
pub struct KeyValue {
    /// Keys, after rotation where positions are rotary.
    pub key: Tensor<3>,
    /// Values.
    pub value: Tensor<3>,
}

impl KeyValue {
    /// These followed by `next`; a batch of 1 is repeated for each text of `next`.
    pub(crate) fn followed_by(self, next: KeyValue) -> KeyValue {
        let [batch, _, _] = next.key.dims();
        KeyValue {
            key: Tensor::cat(vec![widen(self.key, batch), next.key], 1), // [b, p, w] + [b, t, w] -> [b, p + t, w]
            value: Tensor::cat(vec![widen(self.value, batch), next.value], 1),
        }
    }
}

/// `[1 or b, p, w] -> [b, p, w]`.
fn widen(x: Tensor<3>, batch: usize) -> Tensor<3> {
    let [have, p, w] = x.dims();
    match have == batch {
        true => x,
        false => x.expand([batch, p, w]),
    }
}
