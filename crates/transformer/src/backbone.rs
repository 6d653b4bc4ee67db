//! The backbone: embeddings, blocks, final norm; in parts, so that a frozen lower part runs once and its result is kept.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::Device;

use crate::batch::Batch;
use crate::block::Block;
use crate::context::BlockContext;
use crate::distances::Distances;
use crate::dropout::DropoutPlan;
use crate::embedding::Embeddings;
use crate::hooks::{Embedded, Hooks, KeyValue, Unhooked};
use crate::norm::Norm;
use crate::past::Past;
use crate::shape::{NormOrder, Shape};

/// A pretrained transformer without its task head. Parameter paths are close to the checkpoint's names:
/// `embeddings.word.weight`, `blocks.3.attention.query.bias`, `blocks.3.feed_forward.norm.weight`, `final_norm.weight`.
#[derive(Module, Debug)]
pub struct Backbone {
    /// Words, positions, types.
    pub embeddings: Embeddings,
    /// What attention adds by distance, one table for all layers.
    pub distances: Option<Distances>,
    /// From the lowest to the highest, [`Shape::blocks`] of them; layer `l` is computed by `blocks[shape.block_of(l)]`.
    pub blocks: Vec<Block>,
    /// After the last layer, where [`Shape::final_norm`] has one.
    pub final_norm: Option<Norm>,
    #[module(skip)]
    shape: Shape,
}

/// What goes into a forward pass besides the batch.
#[derive(Clone, Copy)]
pub struct Pass<'a> {
    /// Inserted computation.
    pub hooks: &'a dyn Hooks,
    /// `None`: no dropout.
    pub dropout: Option<DropoutPlan>,
    /// What stands before these texts, computed by [`Backbone::prefill`].
    pub past: Option<&'a Past>,
}

impl<'a> Pass<'a> {
    /// The pretrained model as it is.
    pub fn plain() -> Pass<'static> {
        Pass::with(&Unhooked)
    }

    /// With hooks, without dropout.
    pub fn with(hooks: &'a dyn Hooks) -> Pass<'a> {
        Pass {
            hooks,
            dropout: None,
            past: None,
        }
    }

    /// The same after `past`.
    pub fn after(self, past: &'a Past) -> Pass<'a> {
        Pass {
            past: Some(past),
            ..self
        }
    }

    /// The same with dropout.
    pub fn dropping(self, plan: DropoutPlan) -> Pass<'a> {
        Pass {
            dropout: Some(plan),
            ..self
        }
    }
}

impl Backbone {
    pub(crate) fn assemble(
        shape: Shape,
        embeddings: Embeddings,
        distances: Option<Distances>,
        blocks: Vec<Block>,
        final_norm: Option<Norm>,
    ) -> Backbone {
        assert!(
            !shape.parallel || shape.norm_order != NormOrder::Post,
            "side by side, attention and feed-forward have no sum of their own to normalise"
        );
        Backbone {
            embeddings,
            distances,
            blocks,
            final_norm,
            shape,
        }
    }

    /// Sizes and switches.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The same weights, each token seeing only itself and what stands before it: how an encoder is pretrained on next tokens
    /// as well (UniLM).
    pub fn left_to_right(mut self) -> Backbone {
        self.shape.causal = true;
        self
    }

    /// Where the weights are.
    pub fn device(&self) -> Device {
        self.embeddings.word.weight.val().device()
    }

    /// Embeds, runs all blocks, finishes. `x` of the result: `[b, t, hidden]`.
    pub fn forward(&self, batch: &Batch, pass: &Pass) -> Embedded {
        let x = self.embed(batch, pass);
        let x = self.blocks(x, 0..self.shape.layers, pass);
        self.finish(x)
    }

    /// What enters block 0: words, positions and types, normalised where the model does so.
    pub fn embed(&self, batch: &Batch, pass: &Pass) -> Embedded {
        self.embeddings.forward(&self.shape, batch, pass)
    }

    /// Runs the layers `range`. `blocks(blocks(x, 0..k), k..layers)` equals `blocks(x, 0..layers)` bit for bit.
    ///
    /// # Panics
    /// If the range does not lie within the layers.
    pub fn blocks(&self, x: Embedded, range: Range<usize>, pass: &Pass) -> Embedded {
        self.run(x, range, pass, &mut |_| ())
    }

    /// The final norm, where there is one.
    pub fn finish(&self, e: Embedded) -> Embedded {
        match &self.final_norm {
            Some(norm) => Embedded {
                x: norm.apply(e.x),
                ..e
            },
            None => e,
        }
    }

    /// A forward pass whose keys and values are kept, to be shared by many texts that go on from here (with a batch of one),
    /// or by each row's own continuation. Continues an earlier `past` if the pass has one.
    ///
    /// # Panics
    /// If the model is not causal: what comes later would change what was kept.
    pub fn prefill(&self, batch: &Batch, pass: &Pass) -> (Embedded, Past) {
        assert!(
            self.shape.causal,
            "only a causal model can keep its keys and values"
        );
        let mut layers = Vec::with_capacity(self.shape.layers);
        let x = self.embed(batch, pass);
        let x = self.run(x, 0..self.shape.layers, pass, &mut |seen| layers.push(seen));
        let past = Past::new(layers, &x, pass);
        (self.finish(x), past)
    }

    fn run(
        &self,
        x: Embedded,
        range: Range<usize>,
        pass: &Pass,
        keep: &mut dyn FnMut(KeyValue),
    ) -> Embedded {
        let mut context = BlockContext::new(self, &x, pass);
        let mut h = x.x;
        for layer in range {
            context.enter(layer);
            let block = &self.blocks[context.block];
            let (next, seen) = block.forward(&self.shape, h, &context);
            keep(seen);
            h = next;
        }
        Embedded { x: h, ..x }
    }
}
