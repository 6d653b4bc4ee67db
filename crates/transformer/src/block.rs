//! One block: attention and feed-forward, each with a residual add and a norm, in either order.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::attention::SelfAttention;
use crate::backbone::BlockContext;
use crate::dropout::Place;
use crate::feed_forward::FeedForward;
use crate::hooks::{At, KeyValue, Point, Proj};
use crate::linear::Linear;
use crate::shape::{NormOrder, Shape};

/// One block of the backbone.
#[derive(Module, Debug)]
pub struct Block {
    /// Tokens look at each other.
    pub attention: SelfAttention,
    /// Each token for itself.
    pub feed_forward: FeedForward,
}

impl Block {
    /// A linear map of this block; `None` for the gate of a plain feed-forward.
    pub fn map(&self, site: Proj) -> Option<&Linear> {
        match site {
            Proj::Query => Some(&self.attention.query),
            Proj::Key => Some(&self.attention.key),
            Proj::Value => Some(&self.attention.value),
            Proj::Out => Some(&self.attention.out),
            Proj::Gate => self.feed_forward.gate.as_ref(),
            Proj::Up => Some(&self.feed_forward.up),
            Proj::Down => Some(&self.feed_forward.down),
        }
    }

    /// A linear map of this block; `None` for the gate of a plain feed-forward.
    pub fn map_mut(&mut self, site: Proj) -> Option<&mut Linear> {
        match site {
            Proj::Query => Some(&mut self.attention.query),
            Proj::Key => Some(&mut self.attention.key),
            Proj::Value => Some(&mut self.attention.value),
            Proj::Out => Some(&mut self.attention.out),
            Proj::Gate => self.feed_forward.gate.as_mut(),
            Proj::Up => Some(&mut self.feed_forward.up),
            Proj::Down => Some(&mut self.feed_forward.down),
        }
    }

    /// `[b, t, hidden] -> [b, t, hidden]`, and the keys and values that were seen.
    pub(crate) fn forward(
        &self,
        shape: &Shape,
        x: Tensor<3>,
        context: &BlockContext,
    ) -> (Tensor<3>, KeyValue) {
        let (attention, feed_forward) = (&self.attention, &self.feed_forward);
        match shape.norm_order {
            NormOrder::Post => {
                let (h, seen) = attention.forward(shape, x.clone(), context);
                let h = context.attention_out(shape, h, &x);
                let x = attention.norm.apply_sum(h, x);
                let h = feed_forward.forward(shape, x.clone(), context);
                let h = context.feed_forward_out(h, &x);
                (feed_forward.norm.apply_sum(h, x), seen)
            }
            NormOrder::Pre => {
                let input = attention.norm.apply(x.clone());
                let (h, seen) = attention.forward(shape, input.clone(), context);
                let x = ops::add(x, context.attention_out(shape, h, &input));
                let input = feed_forward.norm.apply(x.clone());
                let h = feed_forward.forward(shape, input.clone(), context);
                (ops::add(x, context.feed_forward_out(h, &input)), seen)
            }
        }
    }
}

impl BlockContext<'_> {
    fn attention_out(&self, shape: &Shape, h: Tensor<3>, input: &Tensor<3>) -> Tensor<3> {
        let h = match shape.drops_attention_output() {
            true => self.drop(h, Place::AttentionOut),
            false => h,
        };
        self.hidden(Point::AttentionOut, h, input)
    }

    fn feed_forward_out(&self, h: Tensor<3>, input: &Tensor<3>) -> Tensor<3> {
        let h = self.drop(h, Place::FeedForwardOut);
        self.hidden(Point::FfnOut, h, input)
    }

    fn drop(&self, h: Tensor<3>, place: Place) -> Tensor<3> {
        match self.dropout(place) {
            Some(dropout) => ops::dropout(h, dropout),
            None => h,
        }
    }

    fn hidden(&self, site: Point, h: Tensor<3>, input: &Tensor<3>) -> Tensor<3> {
        let layer = self.layer;
        self.pass.hooks.hidden(At { layer, site }, h, input)
    }
}
