//! The backbone: embeddings, blocks, final norm; in parts, so that a frozen lower part runs once and its result is kept.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};

use crate::batch::Batch;
use crate::block::Block;
use crate::dropout::{Depth, DropoutPlan, Place};
use crate::embedding::Embeddings;
use crate::hooks::{Embedded, Hooks, KeyValue, Unhooked};
use crate::norm::Norm;
use crate::past::Past;
use crate::shape::{Positions, Shape};

/// A pretrained transformer without its task head. Parameter paths are close to the checkpoint's names:
/// `embeddings.word.weight`, `blocks.3.attention.query.bias`, `blocks.3.feed_forward.norm.weight`, `final_norm.weight`.
#[derive(Module, Debug)]
pub struct Backbone {
    /// Words, positions, types.
    pub embeddings: Embeddings,
    /// From the lowest to the highest.
    pub blocks: Vec<Block>,
    /// After the last block, in pre-norm models.
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
        blocks: Vec<Block>,
        final_norm: Option<Norm>,
    ) -> Backbone {
        Backbone {
            embeddings,
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

    /// Runs blocks `range`. `blocks(blocks(x, 0..k), k..layers)` equals `blocks(x, 0..layers)` bit for bit.
    ///
    /// # Panics
    /// If the range does not lie within the blocks.
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
        let mut context = BlockContext::new(&self.shape, &x, pass);
        let mut h = x.x;
        for layer in range {
            context.layer = layer;
            let (next, seen) = self.blocks[layer].forward(&self.shape, h, &context);
            keep(seen);
            h = next;
        }
        Embedded { x: h, ..x }
    }
}

/// What every block of one pass shares.
pub(crate) struct BlockContext<'a> {
    pub(crate) layer: usize,
    pub(crate) pass: &'a Pass<'a>,
    /// `[b, p + t]`: past and own keys; without hooked prefixes.
    key_mask: Tensor<2>,
    /// Cosines and sines, `[b, t, head_dim / 2]` each.
    rotation: Option<(Tensor<3>, Tensor<3>)>,
}

impl<'a> BlockContext<'a> {
    fn new(shape: &Shape, e: &Embedded, pass: &'a Pass<'a>) -> Self {
        let rotation = match &shape.positions {
            Positions::Learned { .. } => None,
            Positions::Rotary {
                inverse_frequencies,
            } => Some(rotation(&e.positions, inverse_frequencies)),
        };
        let key_mask = match pass.past {
            Some(past) => past.mask_followed_by(e.mask.clone()),
            None => e.mask.clone(),
        };
        BlockContext {
            layer: 0,
            pass,
            key_mask,
            rotation,
        }
    }

    /// The block's own keys and values behind the past's, or behind what a hook puts in front; and the mask of all keys.
    pub(crate) fn with_earlier(&self, own: KeyValue, hooks: &dyn Hooks) -> (KeyValue, Tensor<2>) {
        let mask = self.key_mask.clone();
        if let Some(past) = self.pass.past {
            return (past.layer(self.layer).followed_by(own), mask);
        }
        match hooks.prefix(self.layer) {
            Some(prefix) => {
                let [b, _] = mask.dims();
                let ones = Tensor::ones([b, prefix.key.dims()[1]], &mask.device());
                (prefix.followed_by(own), Tensor::cat(vec![ones, mask], 1)) // [b, p] + [b, t] -> [b, p + t]
            }
            None => (own, mask),
        }
    }

    pub(crate) fn rotate(&self, x: Tensor<3>, heads: usize) -> Tensor<3> {
        match &self.rotation {
            Some((cos, sin)) => ops::rotary(x, cos.clone(), sin.clone(), heads),
            None => x,
        }
    }

    pub(crate) fn dropout(&self, place: Place) -> Option<ops::Dropout> {
        let plan = self.pass.dropout.as_ref()?;
        plan.at(Depth::Block(self.layer), place)
    }
}

/// Angles in f32, as `transformers` computes them: `[b, t]` positions -> cosines and sines `[b, t, head_dim / 2]`.
fn rotation(positions: &Tensor<2, Int>, inverse_frequencies: &[f64]) -> (Tensor<3>, Tensor<3>) {
    let frequencies: Vec<f32> = inverse_frequencies.iter().map(|&f| f as f32).collect();
    let frequencies = Tensor::<1>::from_floats(frequencies.as_slice(), &positions.device());
    let angles = positions.clone().float().unsqueeze_dim::<3>(2) * frequencies.unsqueeze::<3>(); // [b, t, 1] x [1, 1, d/2]
    (angles.clone().cos(), angles.sin())
}
