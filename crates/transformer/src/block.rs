//! One block: attention and feed-forward, each with a residual add and norms, one after the other or side by side.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::attention::SelfAttention;
use crate::context::BlockContext;
use crate::dropout::Place;
use crate::feed_forward::FeedForward;
use crate::hooks::{At, KeyValue, Point, Proj};
use crate::linear::Linear;
use crate::norm::Norm;
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
        let attention = Around {
            order: shape.norm_order,
            norm: &self.attention.norm,
            output_norm: &self.attention.output_norm,
        };
        let feed_forward = Around {
            order: shape.norm_order,
            norm: &self.feed_forward.norm,
            output_norm: &self.feed_forward.output_norm,
        };
        let input = attention.input(&x);
        let (h, seen) = self.attention.forward(shape, input.clone(), context);
        let h = context.out(Place::AttentionOut, Point::AttentionOut, h, &input);
        drop(input);
        // Side by side both read what came in; one after the other the feed-forward reads the attention's sum.
        let (x, beside) = if shape.parallel {
            (x, Some(attention.output(h)))
        } else {
            (attention.add(h, x), None)
        };
        let input = feed_forward.input(&x);
        let h = self.feed_forward.forward(shape, input.clone(), context);
        let h = context.out(Place::FeedForwardOut, Point::FfnOut, h, &input);
        drop(input);
        let x = match beside {
            Some(beside) => ops::add(x, ops::add(feed_forward.output(h), beside)),
            None => feed_forward.add(h, x),
        };
        (x, seen)
    }
}

/// The norms around a sub-layer.
struct Around<'a> {
    order: NormOrder,
    norm: &'a Option<Norm>,
    output_norm: &'a Option<Norm>,
}

impl Around<'_> {
    /// What the sub-layer reads of the residual stream.
    fn input(&self, x: &Tensor<3>) -> Tensor<3> {
        match (self.order, self.norm) {
            (NormOrder::Pre | NormOrder::Both, Some(norm)) => norm.apply(x.clone()),
            _ => x.clone(),
        }
    }

    /// What is added of the sub-layer's result.
    fn output(&self, h: Tensor<3>) -> Tensor<3> {
        match self.output_norm {
            Some(norm) => norm.apply(h),
            None => h,
        }
    }

    /// The residual stream after the sub-layer.
    fn add(&self, h: Tensor<3>, x: Tensor<3>) -> Tensor<3> {
        match (self.order, self.norm) {
            (NormOrder::Post, Some(norm)) => norm.apply_sum(h, x),
            _ => ops::add(x, self.output(h)),
        }
    }
}

impl BlockContext<'_> {
    /// A sub-layer's result after dropout and hook.
    fn out(&self, place: Place, site: Point, h: Tensor<3>, input: &Tensor<3>) -> Tensor<3> {
        self.hidden(site, self.drop(h, place), input)
    }

    pub(crate) fn drop(&self, h: Tensor<3>, place: Place) -> Tensor<3> {
        match self.dropout(place) {
            Some(dropout) => ops::dropout(h, dropout),
            None => h,
        }
    }

    pub(crate) fn hidden(&self, site: Point, h: Tensor<3>, input: &Tensor<3>) -> Tensor<3> {
        let layer = self.block;
        self.pass.hooks.hidden(At { layer, site }, h, input)
    }
}
