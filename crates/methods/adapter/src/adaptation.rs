//! A bottleneck with a skip connection at the sub-layers' outputs. Houlsby et al. 2019, figure 2.

use crate::config::{Adapter, Placement};
use adapt::init::{self, InitRng};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use transformer::{At, Hooks, Point};

/// down, non-linearity, up.
#[derive(Module, Debug)]
pub struct Bottleneck {
    /// `[h, m]`
    pub down: Param<Tensor<2>>,
    /// `[m]`
    pub down_bias: Param<Tensor<1>>,
    /// `[m, h]`
    pub up: Param<Tensor<2>>,
    /// `[h]`
    pub up_bias: Param<Tensor<1>>,
}

impl Bottleneck {
    pub(crate) fn new(
        hidden: usize,
        bottleneck: usize,
        deviation: f64,
        rng: &mut InitRng,
        device: &Device,
    ) -> Self {
        Self {
            down: init::normal(rng, [hidden, bottleneck], deviation, device),
            down_bias: init::constant(0.0, [bottleneck], device),
            up: init::normal(rng, [bottleneck, hidden], deviation, device),
            up_bias: init::constant(0.0, [hidden], device),
        }
    }

    /// What is added: `[b,t,h] -> [b,t,m] -> [b,t,h]`
    fn forward(&self, h: Tensor<3>, activation: ops::Activation) -> Tensor<3> {
        let inner = ops::linear(h, self.down.val(), Some(self.down_bias.val()));
        ops::linear(
            ops::activate(inner, activation),
            self.up.val(),
            Some(self.up_bias.val()),
        )
    }
}

/// The adapters of one block.
#[derive(Module, Debug)]
pub struct BlockAdapters {
    /// At the attention's output.
    pub attention: Option<Bottleneck>,
    /// At the feed-forward's output, or beside the feed-forward.
    pub feed_forward: Bottleneck,
}

/// The adapters of all blocks.
#[derive(Module, Debug)]
pub struct AdapterAdaptation {
    /// By block.
    pub blocks: Vec<BlockAdapters>,
    #[module(skip)]
    settings: Adapter,
}

impl AdapterAdaptation {
    pub(crate) fn new(blocks: Vec<BlockAdapters>, settings: Adapter) -> Self {
        Self { blocks, settings }
    }
}

impl Hooks for AdapterAdaptation {
    fn hidden(&self, at: At<Point>, h: Tensor<3>, block_input: &Tensor<3>) -> Tensor<3> {
        let block = &self.blocks[at.layer];
        let bottleneck = match at.site {
            Point::AttentionOut => block.attention.as_ref(),
            Point::FfnInner => None,
            Point::FfnOut => Some(&block.feed_forward),
        };
        let Some(bottleneck) = bottleneck else {
            return h;
        };
        let read = if self.settings.placement == Placement::Parallel {
            block_input.clone()
        } else {
            h.clone()
        };
        let added = bottleneck.forward(read, self.settings.activation.into());
        if self.settings.scale == 1.0 {
            h + added
        } else {
            h + added * self.settings.scale
        }
    }
}
