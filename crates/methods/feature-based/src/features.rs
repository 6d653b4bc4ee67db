//! Pooled hidden states of the frozen model, each text run once, without gradients or dropout.

use adapt::{FitError, PredictError, Reading};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use linear::Dense;
use std::num::NonZeroUsize;
use task::Example;
use transformer::{
    Backbone, Embedded, Encoded, Pass, Pooling, Pretrained, Shape, Side, Tokenizer, collate, pool,
};

/// A frozen model that turns texts into features; the same numbers as the program's `features` command.
#[derive(Clone, Debug)]
pub struct Extractor {
    backbone: Backbone,
    shape: Shape,
    tokenizer: Tokenizer,
    name: String,
    /// `Pretrained::files_digest` of the model.
    digest: String,
    pooling: Pooling,
    device: Device,
    /// Tokens of the longest text that is not cut.
    max_length: usize,
    /// Texts of one forward pass.
    batch: NonZeroUsize,
}

impl Extractor {
    /// Pools the states of `base`, texts cut to `max_length` tokens.
    pub fn new(
        base: &Pretrained,
        pooling: Pooling,
        max_length: NonZeroUsize,
        batch: NonZeroUsize,
    ) -> Self {
        let backbone = base.backbone.valid();
        Self {
            device: backbone.device(),
            backbone,
            shape: base.shape.clone(),
            tokenizer: base.tokenizer.clone(),
            name: base.name.clone(),
            digest: base.files_digest.clone(),
            pooling,
            max_length: max_length.get().min(base.shape.max_length),
            batch,
        }
    }

    /// Number of features of a layer.
    pub fn width(&self) -> usize {
        self.shape.hidden
    }

    /// Number of blocks of the model.
    pub fn blocks(&self) -> usize {
        self.shape.layers
    }

    /// How hidden states become one vector.
    pub fn pooling(&self) -> Pooling {
        self.pooling
    }

    pub(crate) fn model_digest(&self) -> &str {
        &self.digest
    }

    pub(crate) fn model_name(&self) -> &str {
        &self.name
    }

    /// Parameters that run for features after `layer` blocks.
    pub(crate) fn params_below(&self, layer: usize) -> u64 {
        let blocks: usize = self.backbone.blocks[..layer]
            .iter()
            .map(Module::num_params)
            .sum();
        let norm = match &self.backbone.final_norm {
            Some(norm) if layer == self.blocks() => norm.num_params(),
            _ => 0,
        };
        (self.backbone.embeddings.num_params() + blocks + norm) as u64
    }

    /// How many texts are longer than the limit and are cut.
    pub(crate) fn truncated(&self, examples: &[Example]) -> Result<usize, FitError> {
        Ok(self
            .encode(examples)?
            .iter()
            .filter(|text| text.truncated_tokens > 0)
            .count())
    }

    /// How much of the texts is read.
    ///
    /// # Errors
    /// A text that cannot be tokenised.
    pub(crate) fn reading(&self, examples: &[Example]) -> Result<Reading, PredictError> {
        Ok(Reading::of(&self.encode(examples)?, self.max_length))
    }

    /// Features of each example after each of these numbers of blocks (rising): one matrix a layer, in one pass over the texts.
    ///
    /// # Errors
    /// A text that cannot be tokenised, or features that are not numbers.
    ///
    /// # Panics
    /// If the layers do not rise or the model has fewer blocks.
    pub fn features(
        &self,
        examples: &[Example],
        layers: &[usize],
    ) -> Result<Vec<Features>, PredictError> {
        assert!(
            layers.is_sorted_by(|a, b| a < b)
                && layers.last().is_none_or(|&last| last <= self.blocks()),
            "{layers:?}"
        );
        let encoded = self.encode(examples)?;
        let lengths: Vec<usize> = encoded.iter().map(|text| text.ids.len()).collect();
        let width = self.width();
        let mut found = vec![
            Features {
                width,
                values: vec![0.0; examples.len() * width]
            };
            layers.len()
        ];
        for rows in task::batches_sorted(&lengths, self.batch.get()) {
            let texts: Vec<&Encoded> = rows.iter().map(|&row| &encoded[row]).collect();
            for (features, pooled) in found.iter_mut().zip(self.pooled(&texts, layers)) {
                let pooled = adapt::to_floats(pooled); // [b,h]
                for (state, &row) in pooled.chunks_exact(width).zip(&rows) {
                    if let Some(value) = state.iter().find(|value| !value.is_finite()) {
                        let row = examples[row].row;
                        return Err(PredictError::Other(format!(
                            "a feature of row {row} is {value}; are the model's weights damaged?"
                        )));
                    }
                    features.values[row * width..][..width].copy_from_slice(state);
                }
            }
        }
        Ok(found)
    }

    fn encode(&self, examples: &[Example]) -> Result<Vec<Encoded>, transformer::TokenizeError> {
        let texts: Vec<_> = examples
            .iter()
            .map(|example| (example.text.as_str(), example.second.as_deref()))
            .collect();
        self.tokenizer.encode(&texts, self.max_length)
    }

    /// `[b, hidden]` for each layer.
    fn pooled(&self, texts: &[&Encoded], layers: &[usize]) -> Vec<Tensor<2>> {
        let pass = Pass::plain();
        let batch = collate(texts, self.tokenizer.pad_id(), Side::Right, &self.device);
        let mut state: Embedded = self.backbone.embed(&batch, &pass);
        let mut done = 0;
        let mut pooled = Vec::with_capacity(layers.len());
        for &layer in layers {
            state = self.backbone.blocks(state, done..layer, &pass);
            done = layer;
            // Only the last block's states go through the final norm, as in `transformers`' hidden_states.
            let finished = if layer == self.blocks() {
                self.backbone.finish(state.clone())
            } else {
                state.clone()
            };
            pooled.push(pool(&finished, self.pooling));
        }
        pooled
    }
}

/// Features of several texts, row by row, in f32 as the model computes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// Values a row.
    pub width: usize,
    /// `rows * width` values.
    pub values: Vec<f32>,
}

impl Features {
    /// Scales each row to length 1; a row of zeros stays.
    pub(crate) fn scale_to_unit_length(&mut self) {
        for row in self.values.chunks_exact_mut(self.width) {
            let length = row
                .iter()
                .map(|&value| f64::from(value) * f64::from(value))
                .sum::<f64>()
                .sqrt();
            if length > 0.0 {
                row.iter_mut()
                    .for_each(|value| *value = (f64::from(*value) / length) as f32);
            }
        }
    }

    /// The rows of several layers behind each other: `[n, h]` each -> `[n, layers * h]`.
    pub(crate) fn side_by_side(layers: &[Self]) -> Self {
        let width = layers.iter().map(|layer| layer.width).sum();
        let rows = layers
            .first()
            .map_or(0, |layer| layer.values.len() / layer.width);
        let values = (0..rows)
            .flat_map(|row| {
                layers
                    .iter()
                    .flat_map(move |layer| &layer.values[row * layer.width..][..layer.width])
            })
            .copied()
            .collect();
        Self { width, values }
    }

    pub(crate) fn dense(&self) -> Dense {
        Dense::from_f32(self.values.len() / self.width, self.width, &self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::Features;

    #[test]
    fn side_by_side_a_row_has_the_values_of_each_layer_in_turn() {
        let layer = |values: [f32; 4]| Features {
            width: 2,
            values: values.to_vec(),
        };
        let joined = Features::side_by_side(&[layer([1., 2., 3., 4.]), layer([5., 6., 7., 8.])]);
        assert_eq!(joined.width, 4);
        assert_eq!(joined.values, [1., 2., 5., 6., 3., 4., 7., 8.]);
    }
}
