//! From hidden states to token logits: the output layer of pretraining, causal or masked.

use burn::module::{Module, Param};
use burn::nn::Embedding;
use burn::tensor::Tensor;

use crate::linear::Linear;
use crate::norm::Norm;
use crate::ops::{self, Activation};

/// `decoder · norm(act(dense(h))) + bias` for masked language models (BERT and its kin), `decoder · h` for causal ones.
#[derive(Module, Debug)]
pub struct LanguageHead {
    /// In masked language models.
    pub transform: Option<Transform>,
    /// `[vocab, hidden]`, one row a token. Where [`tied`](LanguageHead::tied), the word embeddings as they were read; then it
    /// needs no gradient, and a backbone whose embeddings train must pass them to [`logits_tied`](LanguageHead::logits_tied).
    pub decoder: Param<Tensor<2>>,
    /// `[vocab]`, in masked language models.
    pub bias: Option<Param<Tensor<1>>>,
    /// The output matrix is the word embedding.
    pub tied: bool,
}

/// What a masked language model does before its decoder.
#[derive(Module, Debug)]
pub struct Transform {
    /// `[hidden, hidden]`.
    pub dense: Linear,
    /// After the activation.
    pub norm: Norm,
    /// Between the two.
    #[module(skip)]
    pub activation: Activation,
}

impl LanguageHead {
    /// `[b, t, hidden] -> [b, t, vocab]`, with the weights as they were read.
    pub fn logits(&self, hidden: Tensor<3>) -> Tensor<3> {
        self.decode(hidden, self.decoder.val())
    }

    /// The same with the backbone's word embeddings of this moment, so that a tied matrix trains in both of its places.
    pub fn logits_tied(&self, hidden: Tensor<3>, words: &Embedding) -> Tensor<3> {
        self.decode(hidden, words.weight.val())
    }

    fn decode(&self, hidden: Tensor<3>, decoder: Tensor<2>) -> Tensor<3> {
        let h = match &self.transform {
            Some(transform) => transform.apply(hidden),
            None => hidden,
        };
        let bias = self.bias.as_ref().map(|bias| bias.val());
        ops::linear(h, decoder.transpose(), bias) // [b, t, hidden] x [hidden, vocab]
    }
}

impl Transform {
    fn apply(&self, hidden: Tensor<3>) -> Tensor<3> {
        let h = ops::activate(self.dense.apply(&hidden), self.activation);
        self.norm.apply(h)
    }
}

/// BERT's pooler: `tanh(W h_first + b)`, pretrained on next-sentence prediction and read by Hugging Face's classification head.
#[derive(Module, Debug)]
pub struct Pooler {
    /// `[hidden, hidden]`.
    pub dense: Linear,
}

impl Pooler {
    /// `[b, hidden] -> [b, hidden]`; the input is the first token's vector.
    pub fn apply(&self, first: Tensor<2>) -> Tensor<2> {
        let h = self.dense.apply(&first.unsqueeze_dim::<3>(1)); // [b, hidden] -> [b, 1, hidden]
        h.squeeze_dim::<2>(1).tanh()
    }
}
