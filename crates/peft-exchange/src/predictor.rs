//! Class scores of texts, as `transformers` computes them with PEFT's adapter.

use crate::modules::Model;
use crate::prompt::Front;
use crate::{CONFIG_FILE, LABELS_FILE, TENSORS_FILE};
use adapt::{Budget, Footprint, HeadForm, HeadPolicy, Logits, PredictError, Predictor, SaveError};
use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
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
    /// Names of the classes, in the order of the logits.
    classes: Vec<String>,
    /// Texts are cut to so many tokens.
    max_length: usize,
    /// Texts of one forward pass.
    batch: NonZeroUsize,
    source: Source,
}

/// Where a checkpoint was read from, and what it holds.
pub(crate) struct Source {
    pub(crate) dir: PathBuf,
    /// Values of all its tensors.
    pub(crate) values: u64,
}

impl PeftPredictor {
    pub(crate) fn new(
        model: Model,
        front: Front,
        base: &Pretrained,
        classes: Vec<String>,
        source: Source,
    ) -> Self {
        Self {
            max_length: base.shape.max_length.saturating_sub(front.tokens()),
            batch: Budget::default().eval_batch,
            model,
            front,
            tokenizer: base.tokenizer.clone(),
            shape: base.shape.clone(),
            classes,
            source,
        }
    }

    /// Cuts texts to `max_length` tokens, where the positions beside the prompt or prefix allow that many.
    pub fn cut_to(mut self, max_length: NonZeroUsize) -> Self {
        self.max_length = self.max_length.min(max_length.get());
        self
    }

    /// Reads so many texts in one forward pass.
    pub fn in_batches_of(mut self, texts: NonZeroUsize) -> Self {
        self.batch = texts;
        self
    }

    /// Names of the classes: those in labels.txt, which [`write`](crate::write()) puts beside a checkpoint, or numbers.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Longest text in tokens; what is longer is cut.
    pub fn longest_text(&self) -> usize {
        self.max_length
    }

    fn batch_logits(&self, texts: &[&Encoded]) -> Tensor<2> {
        let backbone = &self.model.backbone;
        let device = backbone.device();
        let batch = collate(texts, self.tokenizer.pad_id(), Side::Right, &device);
        let states = backbone.forward(&batch, &Pass::with(&self.front));
        let form = HeadForm::of(HeadPolicy::Transformers, &self.shape);
        let pooling = form.pooling.unwrap_or(Pooling::First);
        // With embeddings in place of ids, `transformers` takes the last position.
        let by_id = pooling == Pooling::LastToken && !matches!(self.front, Front::Prompt(_));
        if by_id {
            let pooled = self.last_that_is_not_padding(states, texts);
            self.model.head.forward(pooled, None)
        } else {
            self.model.head.logits(states, pooling, None)
        }
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

impl Predictor for PeftPredictor {
    /// Scores of each example, in the order given, as PEFT gives them for each text alone.
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let texts: Vec<(&str, Option<&str>)> = examples
            .iter()
            .map(|example| (example.text.as_str(), example.second.as_deref()))
            .collect();
        let encoded = self.tokenizer.encode(&texts, self.max_length)?;
        let lengths: Vec<usize> = encoded.iter().map(|text| text.ids.len()).collect();
        let mut logits = vec![Logits::new(); examples.len()];
        for rows in task::batches_sorted(&lengths, self.batch.get()) {
            let part: Vec<&Encoded> = rows.iter().map(|&row| &encoded[row]).collect();
            let scores = adapt::to_floats(self.batch_logits(&part)); // [b, classes]
            for (scores, &row) in scores.chunks_exact(self.classes.len()).zip(&rows) {
                logits[row] = scores.to_vec();
            }
        }
        Ok(logits)
    }

    /// A checkpoint does not say which of its values were trained: all are counted, and none is known to train through the model.
    fn footprint(&self) -> Footprint {
        let Source { values, .. } = self.source;
        let head = self.model.head.num_params() as u64;
        let added = values.saturating_sub(head);
        Footprint {
            trainable_params: values,
            added_params: added,
            total_params: self.model.backbone.num_params() as u64 + added + head,
            stored_bytes: 4 * values,
            extra_tokens: self.front.tokens() as f64,
            ..Footprint::default()
        }
    }

    /// Copies the checkpoint's files, which nothing here changes.
    fn save(&self, dir: &Path) -> Result<(), SaveError> {
        let named = |path: &Path, source| SaveError {
            path: path.display().to_string(),
            source,
        };
        std::fs::create_dir_all(dir).map_err(|error| named(dir, error))?;
        for name in [CONFIG_FILE, TENSORS_FILE, LABELS_FILE] {
            let (from, to) = (self.source.dir.join(name), dir.join(name));
            if from.is_file() {
                std::fs::copy(&from, &to).map_err(|error| named(&to, error))?;
            }
        }
        Ok(())
    }
}
