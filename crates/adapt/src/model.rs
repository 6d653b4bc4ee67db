//! Backbone, what a method adds to it, and the head, as one module; its forward can start above the cached part.

use crate::{Adaptation, Head};
use burn::module::Module;
use burn::tensor::Tensor;
use transformer::{Backbone, Batch, Depth, DropoutPlan, Embedded, Pass, Pooling, pool};

/// A backbone with an adaptation and a classification head.
#[derive(Module, Debug)]
pub struct Adapted<A: Adaptation> {
    /// The pretrained part.
    pub backbone: Backbone,
    /// What the method adds.
    pub adaptation: A,
    /// Pooled hidden state to class logits.
    pub head: Head,
}

/// Where a forward pass starts.
#[expect(
    clippy::large_enum_variant,
    reason = "one is made and moved a step; its tensors are handles"
)]
#[derive(Clone, Debug)]
pub(crate) enum Start {
    /// From token ids.
    Tokens(Batch),
    /// From the states that enter block `.0`.
    Block(usize, Embedded),
    /// From the pooled final state, `[b,h]`.
    Pooled(Tensor<2>),
}

impl<A: Adaptation> Adapted<A> {
    /// Class logits, `[b,classes]`.
    pub(crate) fn logits(
        &self,
        start: Start,
        pooling: Pooling,
        dropout: Option<DropoutPlan>,
    ) -> Tensor<2> {
        let on_pooled = head_dropout(dropout.as_ref());
        let vectors = self.vectors(start, pooling, dropout);
        self.head.output(vectors, on_pooled) // [b,h] -> [b,classes]
    }

    /// What the output layer reads of each text, `[b,h]`.
    pub(crate) fn vectors(
        &self,
        start: Start,
        pooling: Pooling,
        dropout: Option<DropoutPlan>,
    ) -> Tensor<2> {
        let on_pooled = head_dropout(dropout.as_ref());
        let pass = Pass {
            hooks: &self.adaptation,
            dropout,
            past: None,
        };
        let blocks = self.backbone.shape().layers;
        let state = match start {
            Start::Pooled(pooled) => return self.head.vectors_of_pooled(pooled, on_pooled),
            Start::Tokens(batch) => {
                let embedded = self.backbone.embed(&batch, &pass);
                self.backbone.blocks(embedded, 0..blocks, &pass)
            }
            Start::Block(from, embedded) => self.backbone.blocks(embedded, from..blocks, &pass),
        };
        self.head
            .vectors(self.backbone.finish(state), pooling, on_pooled) // [b,h]
    }
}

/// The head's dropout within a pass that drops so.
pub(crate) fn head_dropout(plan: Option<&DropoutPlan>) -> Option<ops::Dropout> {
    plan.map(|plan| ops::Dropout {
        rate: plan.hidden,
        seed: plan.seed ^ HEAD_STREAM,
    })
}

/// Keeps the head's dropout stream apart from the blocks'.
const HEAD_STREAM: u64 = 0x4845_4144_0000_0000;

/// Runs the part below `depth` without gradients and returns where the rest starts.
pub(crate) fn frozen_part(
    backbone: &Backbone,
    batch: &Batch,
    depth: Depth,
    pooling: Pooling,
) -> Start {
    let pass = Pass {
        hooks: &transformer::Unhooked,
        dropout: None,
        past: None,
    };
    match depth {
        Depth::Embeddings => Start::Tokens(batch.clone()),
        Depth::Block(k) => Start::Block(
            k,
            backbone.blocks(backbone.embed(batch, &pass), 0..k, &pass),
        ),
        Depth::Head => Start::Pooled(pool(&backbone.forward(batch, &pass), pooling)),
    }
}
