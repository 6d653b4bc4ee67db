//! The prompt in front of the text. Lester et al. 2021, §2.

use crate::encoder::PromptEncoder;
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use transformer::{Embedded, Hooks};

/// The trained vectors.
#[derive(Module, Debug)]
pub struct Prompt {
    /// `[p, h]`
    pub vectors: Param<Tensor<2>>,
}

/// The prompt, and what computes it.
#[derive(Module, Debug)]
pub struct SoftPromptAdaptation {
    /// The trained vectors.
    pub prompt: Prompt,
    /// `None` for prompt tuning.
    pub encoder: Option<PromptEncoder>,
}

impl SoftPromptAdaptation {
    /// What stands in front of every text, `[p, h]`.
    pub fn prompt(&self) -> Tensor<2> {
        let vectors = self.prompt.vectors.val();
        match &self.encoder {
            Some(encoder) => encoder.forward(vectors),
            None => vectors,
        }
    }
}

impl Hooks for SoftPromptAdaptation {
    fn embed(&self, text: Embedded) -> Embedded {
        let [batch, _, hidden] = text.x.dims();
        let prompt = self.prompt();
        let [tokens, _] = prompt.dims();
        let prompt = prompt.unsqueeze::<3>().expand([batch, tokens, hidden]); // [p,h] -> [b,p,h]
        let visible = Tensor::ones([batch, tokens], &text.mask.device());
        Embedded {
            x: Tensor::cat(vec![prompt, text.x], 1), // [b,p,h] + [b,t,h] -> [b,p+t,h]
            mask: Tensor::cat(vec![visible, text.mask], 1),
            ..text
        }
    }
}
