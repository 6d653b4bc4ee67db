//! The model that is pretrained: backbone and language head, every parameter with an id that a later process gives it again.

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::{Device, Int, Tensor};
use transformer::{Backbone, LanguageHead};

/// Backbone and output layer.
#[derive(Module, Debug)]
pub(crate) struct Model {
    pub(crate) backbone: Backbone,
    pub(crate) head: LanguageHead,
}

impl Model {
    /// Puts the parts together. The optimiser's state is kept under parameter ids, so these are counted in the order of the modules.
    pub(crate) fn new(backbone: Backbone, head: LanguageHead) -> Model {
        Model { backbone, head }.map(&mut Number(0))
    }

    /// Scores of every token of the vocabulary: `[m, hidden] -> [m, vocab]`.
    pub(crate) fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        match self.head.tied {
            true => self
                .head
                .logits_tied(hidden, &self.backbone.embeddings.word),
            false => self.head.logits(hidden),
        }
    }

    /// Mean loss of tokens that are to be given, in nats: `[m, hidden]`, `[m]` -> `[1]`.
    pub(crate) fn loss(&self, hidden: Tensor<2>, ids: Tensor<1, Int>) -> Tensor<1> {
        self.head.loss(hidden, ids, &self.backbone.embeddings.word)
    }

    pub(crate) fn device(&self) -> Device {
        self.backbone.device()
    }
}

struct Number(u64);

impl ModuleMapper for Number {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 1;
        let (_, tensor, mapper) = param.consume();
        Param::from_mapped_value(ParamId::from(self.0), tensor, mapper)
    }
}
