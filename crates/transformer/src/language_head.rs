//! From hidden states to token logits: the output layer of pretraining, causal or masked.

use burn::module::{Module, Param};
use burn::nn::Embedding;
use burn::tensor::{Int, Tensor};

use crate::linear::Linear;
use crate::norm::Norm;
use ops::Activation;

/// `decoder · norm(act(dense(h))) + bias` for masked language models (BERT and its kin) and ModernBERT's decoder, `decoder · h` for
/// other causal ones; capped in Gemma 2.
#[derive(Module, Debug)]
pub struct LanguageHead {
    /// In masked language models.
    pub transform: Option<Transform>,
    /// `[vocab, embedding]`, one row a token. Where [`tied`](LanguageHead::tied), the word embeddings as they were read; then it
    /// needs no gradient, and a backbone whose embeddings train must pass them to [`logits_tied`](LanguageHead::logits_tied).
    pub decoder: Param<Tensor<2>>,
    /// `[vocab]`, in masked language models.
    pub bias: Option<Param<Tensor<1>>>,
    /// The output matrix is the word embedding.
    pub tied: bool,
    /// Logits become `cap · tanh(logits / cap)`.
    #[module(skip)]
    pub logit_cap: Option<f64>,
}

/// What a masked language model does before its decoder.
#[derive(Module, Debug)]
pub struct Transform {
    /// `[hidden, embedding]`.
    pub dense: Linear,
    /// After the activation.
    pub norm: Norm,
    /// Between the two.
    #[module(skip)]
    pub activation: Activation,
}

impl LanguageHead {
    /// `[.., hidden] -> [.., vocab]`, with the weights as they were read. Logits are large: give only the tokens that count.
    pub fn logits<const D: usize>(&self, hidden: Tensor<D>) -> Tensor<D> {
        self.decoder(self.decoder.val())
            .logits(self.transformed(hidden))
    }

    /// The same with the backbone's word embeddings of this moment, so that a tied matrix trains in both of its places.
    pub fn logits_tied<const D: usize>(&self, hidden: Tensor<D>, words: &Embedding) -> Tensor<D> {
        self.decoder(words.weight.val())
            .logits(self.transformed(hidden))
    }

    /// The mean of `-ln p(target)` over places, in nats, without their logits ever standing in memory together: `[m, hidden]`, `[m]` ->
    /// `[1]`. `words`: the backbone's word embeddings of this moment, which are the output matrix where it is tied.
    pub fn loss(&self, hidden: Tensor<2>, targets: Tensor<1, Int>, words: &Embedding) -> Tensor<1> {
        let table = if self.tied {
            words.weight.val()
        } else {
            self.decoder.val()
        };
        self.decoder(table).loss(self.transformed(hidden), targets)
    }

    /// ln p of some words at each place, with the weights as they were read, a constant: `[m, hidden] -> [m, words]`.
    pub fn log_probabilities(&self, hidden: Tensor<2>, words: &[u32]) -> Tensor<2> {
        self.decoder(self.decoder.val())
            .log_probabilities(self.transformed(hidden), words)
    }

    fn transformed<const D: usize>(&self, hidden: Tensor<D>) -> Tensor<D> {
        match &self.transform {
            Some(transform) => transform.apply(hidden),
            None => hidden,
        }
    }

    fn decoder(&self, table: Tensor<2>) -> ops::Decoder {
        ops::Decoder {
            table,
            bias: self.bias.as_ref().map(|bias| bias.val()),
            cap: self.logit_cap,
        }
    }
}

impl Transform {
    fn apply<const D: usize>(&self, hidden: Tensor<D>) -> Tensor<D> {
        let h = ops::activate(self.dense.apply(&hidden), self.activation);
        self.norm.apply(h)
    }
}

/// `act(W h_first + b)`: BERT's, with tanh, pretrained on next-sentence prediction; also ALBERT's, MPNet's and DeBERTa's (with GELU).
/// Hugging Face's classification head reads it.
#[derive(Module, Debug)]
pub struct Pooler {
    /// `[hidden, hidden]`.
    pub dense: Linear,
    /// Of its result.
    #[module(skip)]
    pub activation: Activation,
}

impl Pooler {
    /// `[b, hidden] -> [b, hidden]`; the input is the first token's vector.
    pub fn apply(&self, first: Tensor<2>) -> Tensor<2> {
        ops::activate(self.dense.apply(&first), self.activation)
    }
}
