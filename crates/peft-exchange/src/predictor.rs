//! Class scores of texts, as `transformers` computes them with PEFT's adapter.

use crate::modules::Model;
use crate::prompt::Front;
use adapt::{Logits, PredictError};
use burn::tensor::{Tensor, TensorData};
use std::num::NonZeroUsize;
use task::Example;
use transformer::{
    Embedded, Encoded, Pass, Pooling, Pretrained, Shape, Side, Tokenizer, collate, pool,
};

/// A pretrained model with a PEFT checkpoint.
pub struct PeftPredictor {
    model: Model,
    front: Front,
    tokenizer: Tokenizer,
    shape: Shape,
}

impl PeftPredictor {
    pub(crate) fn new(model: Model, front: Front, base: &Pretrained) -> Self {
        Self {
            model,
            front,
            tokenizer: base.tokenizer.clone(),
            shape: base.shape.clone(),
        }
    }

    /// Number of classes; a checkpoint does not name them.
    pub fn classes(&self) -> usize {
        self.model.head.classes()
    }

    /// Longest text in tokens that the positions allow beside the prompt or prefix.
    pub fn longest_text(&self) -> usize {
        self.shape.max_length.saturating_sub(self.front.tokens())
    }

    /// Scores of each example, in the order given, as PEFT gives them for each text alone. Texts are cut to `max_length`
    /// tokens and run `batch` at a time.
    ///
    /// # Errors
    /// A text that cannot be tokenised, or no room for one.
    pub fn class_logits(
        &self,
        examples: &[Example],
        max_length: usize,
        batch: NonZeroUsize,
    ) -> Result<Vec<Logits>, PredictError> {
        let texts: Vec<(&str, Option<&str>)> = examples
            .iter()
            .map(|example| (example.text.as_str(), example.second.as_deref()))
            .collect();
        let window = max_length.min(self.longest_text());
        let encoded = self.tokenizer.encode(&texts, window)?;
        let lengths: Vec<usize> = encoded.iter().map(|text| text.ids.len()).collect();
        let mut logits = vec![Logits::new(); examples.len()];
        for rows in task::batches_sorted(&lengths, batch.get()) {
            let part: Vec<&Encoded> = rows.iter().map(|&row| &encoded[row]).collect();
            let scores = adapt::to_floats(self.batch_logits(&part)); // [b, classes]
            for (scores, &row) in scores.chunks_exact(self.classes()).zip(&rows) {
                logits[row] = scores.to_vec();
            }
        }
        Ok(logits)
    }

    fn batch_logits(&self, texts: &[&Encoded]) -> Tensor<2> {
        let backbone = &self.model.backbone;
        let device = backbone.device();
        let batch = collate(texts, self.tokenizer.pad_id(), Side::Right, &device);
        let states = backbone.forward(&batch, &Pass::with(&self.front));
        let pooled = match (&self.front, self.shape.causal) {
            (_, false) => pool(&states, Pooling::First),
            // With embeddings in place of ids, `transformers` takes the last position.
            (Front::Prompt(_), true) => pool(&states, Pooling::LastToken),
            (_, true) => self.last_that_is_not_padding(states, texts),
        };
        self.model.head.forward(pooled, None)
    }

    /// `transformers` looks at ids, not at the mask: the rightmost token that is not `pad_token_id`, even where that is also
    /// the end-of-text token; the first if there is none, the last where the model has no `pad_token_id`.
    fn last_that_is_not_padding(&self, states: Embedded, texts: &[&Encoded]) -> Tensor<2> {
        let [b, t, _] = states.x.dims();
        let mut marks = vec![0f32; b * t];
        for (row, text) in texts.iter().enumerate() {
            let is_text = |id: &u32| Some(*id) != self.shape.pad_id;
            let last = text.ids.iter().rposition(is_text).unwrap_or(0);
            marks[row * t + last] = 1.0;
        }
        let mask = Tensor::from_data(TensorData::new(marks, [b, t]), &states.x.device());
        pool(&Embedded { mask, ..states }, Pooling::Mean) // the mean of one
    }
}
