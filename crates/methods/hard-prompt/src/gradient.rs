//! The gradient of the loss with respect to the trigger's embeddings, and what it says of every word. Shin et al. 2020, eq. 2.

use crate::config::Loss;
use crate::layout::Row;
use crate::scorer::class_scores;
use crate::verbalizer::Verbalizer;
use ::prompt::AskedModel;
use adapt::to_floats;
use burn::tensor::{Int, Tensor, TensorData, activation};
use transformer::{Embedded, Hooks};

/// Adds an offset to the embeddings of the trigger's tokens: its gradient at zero is that of the embeddings.
pub(crate) struct Offset {
    /// `[p, hidden]`
    pub(crate) offset: Tensor<2>,
    /// Where the trigger begins in each text.
    pub(crate) starts: Vec<usize>,
}

impl Hooks for Offset {
    fn embed(&self, e: Embedded) -> Embedded {
        let [b, t, _] = e.x.dims();
        let [p, _] = self.offset.dims();
        let mut places = vec![0f32; b * t * p];
        for (row, start) in self.starts.iter().enumerate() {
            for i in 0..p {
                places[(row * t + start + i) * p + i] = 1.0;
            }
        }
        let places = Tensor::<3>::from_data(TensorData::new(places, [b, t, p]), &e.x.device());
        let [p, hidden] = self.offset.dims();
        let offset = self.offset.clone().unsqueeze::<3>().expand([b, p, hidden]);
        let x = e.x + places.matmul(offset); // [b, t, p] x [b, p, hidden] -> [b, t, hidden]
        Embedded { x, ..e }
    }
}

/// Mean loss of the rows, `[1]`.
pub(crate) fn loss(
    model: &AskedModel,
    rows: &[&Row],
    labels: &[usize],
    verbalizer: &Verbalizer,
    loss: Loss,
    hooks: &dyn Hooks,
) -> Tensor<1> {
    let scores = class_scores(model, rows, verbalizer, hooks); // [b, classes]
    let scores = match (loss, verbalizer) {
        (Loss::Vocabulary, Verbalizer::Tokens(_)) => scores,
        _ => activation::log_softmax(scores, 1), // a cosine is a probability among the classes only
    };
    let labels: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
    let labels =
        Tensor::<2, Int>::from_data(TensorData::new(labels, [rows.len(), 1]), &model.device);
    -scores.gather(1, labels).mean()
}

/// ∇ of the mean loss with respect to the embeddings of the trigger's `p` tokens, `[p, embedding]`. `model` is differentiable.
pub(crate) fn trigger_gradient(
    model: &AskedModel,
    rows: &[&Row],
    labels: &[usize],
    verbalizer: &Verbalizer,
    kind: Loss,
    p: usize,
) -> Tensor<2> {
    let hook = Offset {
        offset: Tensor::zeros([p, model.shape.embedding], &model.device).require_grad(),
        starts: rows.iter().map(|row| row.trigger_at).collect(),
    };
    let gradients = loss(model, rows, labels, verbalizer, kind, &hook).backward();
    hook.offset
        .grad(&gradients)
        .expect("the trigger stands in every prompt")
}

/// −e_wᵀ∇ for every word w: how much the loss falls to first order with w there, up to what is the same for all.
/// `words`: `[vocab, embedding]`, `gradient`: `[p, embedding]`.
pub(crate) fn first_order(words: Tensor<2>, gradient: Tensor<2>, position: usize) -> Vec<f32> {
    let at = gradient.narrow(0, position, 1); // [1, embedding]
    to_floats(at.matmul(words.transpose()).neg()) // [1, embedding] x [embedding, vocab]
}
