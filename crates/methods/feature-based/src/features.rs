//! Pooled hidden states of the frozen model, each text run once, without gradients or dropout.

use crate::config::Scaling;
use adapt::{PairEncoding, PredictError, Reading};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use linear::Dense;
use std::num::NonZeroUsize;
use task::Example;
use transformer::{Backbone, Embedded, Embedder, Encoded, Pass, Pretrained, Shape, Side, collate};

/// u, v, |u - v| and u * v.
pub(crate) const PARTS_OF_A_PAIR: usize = 4;

/// A frozen model that turns texts into features; the same numbers as the program's `features` command.
#[derive(Clone, Debug)]
pub struct Extractor {
    backbone: Backbone,
    shape: Shape,
    embedder: Embedder,
    name: String,
    /// `Pretrained::files_digest` of the model.
    digest: String,
    device: Device,
    /// Texts of one forward pass.
    batch: NonZeroUsize,
}

impl Extractor {
    /// Reads and pools the states of `base` as `embedder` does.
    pub fn new(base: &Pretrained, embedder: Embedder, batch: NonZeroUsize) -> Self {
        let backbone = base.backbone.valid();
        Self {
            device: backbone.device(),
            backbone,
            shape: base.shape.clone(),
            embedder,
            name: base.name.clone(),
            digest: base.files_digest.clone(),
            batch,
        }
    }

    /// Number of features of one text after so many blocks.
    pub fn width(&self, layer: usize) -> usize {
        if layer == self.layers() {
            self.embedder.width()
        } else {
            self.embedder.pooled_width()
        }
    }

    /// Number of layers that a token goes through.
    pub fn layers(&self) -> usize {
        self.shape.layers
    }

    /// How hidden states become one vector.
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }

    pub(crate) fn model_digest(&self) -> &str {
        &self.digest
    }

    pub(crate) fn model_name(&self) -> &str {
        &self.name
    }

    /// Parameters that run for features after `layer` blocks.
    pub(crate) fn params_below(&self, layer: usize) -> u64 {
        let used = (0..layer).map(|below| self.shape.block_of(below) + 1).max();
        let blocks: usize = self.backbone.blocks[..used.unwrap_or(0)]
            .iter()
            .map(Module::num_params)
            .sum();
        let distances = self.backbone.distances.as_ref().filter(|_| layer > 0);
        let blocks = blocks + distances.map_or(0, Module::num_params);
        let behind = if layer == self.layers() {
            let norm = self.backbone.final_norm.as_ref();
            norm.map_or(0, Module::num_params) + self.embedder.params()
        } else {
            0
        };
        (self.backbone.embeddings.num_params() + blocks + behind) as u64
    }

    /// How many examples have a text that is longer than the limit and is cut.
    pub(crate) fn truncated(
        &self,
        examples: &[Example],
        encoding: PairEncoding,
    ) -> Result<usize, PredictError> {
        let encoded = self.embedder.encode(&texts(examples, encoding)?)?;
        let cut = |row: usize| {
            let of_row = encoded.iter().skip(row).step_by(examples.len());
            of_row.clone().any(|text| text.truncated_tokens > 0)
        };
        Ok((0..examples.len()).filter(|&row| cut(row)).count())
    }

    /// How much of the texts is read.
    ///
    /// # Errors
    /// A text that cannot be tokenised.
    pub(crate) fn reading(
        &self,
        examples: &[Example],
        encoding: PairEncoding,
    ) -> Result<Reading, PredictError> {
        Ok(Reading::UpTo {
            tokens: self.embedder.max_length(),
            cut: self.truncated(examples, encoding)?,
        })
    }

    /// Features of each example after each of these numbers of blocks (rising): one matrix a layer, in one pass over the texts. What the
    /// folder puts behind the pooling was made for the last block's states, and is applied to them alone.
    ///
    /// # Errors
    /// A text that cannot be tokenised, features that are not numbers, or a single text that was to be a pair encoded apart.
    ///
    /// # Panics
    /// If the layers do not rise or the model has fewer blocks.
    pub fn features(
        &self,
        examples: &[Example],
        layers: &[usize],
        encoding: PairEncoding,
        scaling: Scaling,
    ) -> Result<Vec<Features>, PredictError> {
        assert!(
            layers.is_sorted_by(|a, b| a < b)
                && layers.last().is_none_or(|&last| last <= self.layers()),
            "{layers:?}"
        );
        let encoded = self.embedder.encode(&texts(examples, encoding)?)?;
        let row_of = |text: usize| examples[text % examples.len()].row;
        let mut found = self.run(&encoded, layers, row_of)?;
        if scaling == Scaling::UnitLength {
            found.iter_mut().for_each(Features::scale_to_unit_length);
        }
        Ok(match encoding {
            PairEncoding::Joint => found,
            PairEncoding::Apart => found.iter().map(Features::of_pairs).collect(),
        })
    }

    /// The vectors of texts after each of these numbers of blocks.
    fn run(
        &self,
        encoded: &[Encoded],
        layers: &[usize],
        row_of: impl Fn(usize) -> u64,
    ) -> Result<Vec<Features>, PredictError> {
        let lengths: Vec<usize> = encoded.iter().map(|text| text.ids.len()).collect();
        let empty = |&layer: &usize| {
            let width = self.width(layer);
            let values = vec![0.0; encoded.len() * width];
            Features { width, values }
        };
        let mut found: Vec<Features> = layers.iter().map(empty).collect();
        for rows in task::batches_sorted(&lengths, self.batch.get()) {
            let texts: Vec<&Encoded> = rows.iter().map(|&row| &encoded[row]).collect();
            for (features, pooled) in found.iter_mut().zip(self.vectors(&texts, layers)) {
                let pooled = adapt::to_floats(pooled); // [b,width]
                let width = features.width;
                for (state, &row) in pooled.chunks_exact(width).zip(&rows) {
                    if let Some(value) = state.iter().find(|value| !value.is_finite()) {
                        let row = row_of(row);
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

    /// `[b, width]` for each layer.
    fn vectors(&self, texts: &[&Encoded], layers: &[usize]) -> Vec<Tensor<2>> {
        let pass = Pass::plain();
        let batch = collate(texts, self.embedder.pad_id(), Side::Right, &self.device);
        let mut state: Embedded = self.backbone.embed(&batch, &pass);
        let mut done = 0;
        let mut vectors = Vec::with_capacity(layers.len());
        for &layer in layers {
            state = self.backbone.blocks(state, done..layer, &pass);
            done = layer;
            // Only the last block's states go through the final norm, as in `transformers`' hidden_states.
            vectors.push(if layer == self.layers() {
                let finished = self.backbone.finish(state.clone());
                self.embedder.embed(&finished)
            } else {
                self.embedder.pool(&state)
            });
        }
        vectors
    }
}

/// What is tokenised: each example as it is, or all first texts and then all second ones.
fn texts(
    examples: &[Example],
    encoding: PairEncoding,
) -> Result<Vec<(&str, Option<&str>)>, PredictError> {
    if encoding == PairEncoding::Joint {
        let examples = examples.iter();
        return Ok(examples
            .map(|example| (example.text.as_str(), example.second.as_deref()))
            .collect());
    }
    let first = examples
        .iter()
        .map(|example| Ok((example.text.as_str(), None)));
    let second = examples.iter().map(|example| match &example.second {
        Some(text) => Ok((text.as_str(), None)),
        None => Err(PredictError::Other(format!(
            "row {} is a single text, expected a pair: the classifier was fitted on the two texts of pairs",
            example.row
        ))),
    });
    first.chain(second).collect()
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

    /// Vectors of all first texts and then all second ones to the features of pairs, u, v, |u - v|, u * v: `[2n, h]` -> `[n, 4h]`. Conneau
    /// et al. 2017 (InferSent) put them so before the classifier, Reimers & Gurevych 2019 (Sentence-BERT) without the product.
    fn of_pairs(&self) -> Self {
        let (first, second) = self.values.split_at(self.values.len() / 2);
        let rows = first
            .chunks_exact(self.width)
            .zip(second.chunks_exact(self.width));
        let mut values = Vec::with_capacity(2 * self.values.len());
        for (u, v) in rows {
            values.extend_from_slice(u);
            values.extend_from_slice(v);
            values.extend(u.iter().zip(v).map(|(u, v)| (u - v).abs()));
            values.extend(u.iter().zip(v).map(|(u, v)| u * v));
        }
        Self {
            width: PARTS_OF_A_PAIR * self.width,
            values,
        }
    }

    pub(crate) fn dense(&self) -> Dense {
        Dense::from_f32(self.values.len() / self.width, self.width, &self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::Features;

    #[test]
    fn a_pair_is_both_vectors_the_distance_and_the_product_of_each_component() {
        let texts = Features {
            width: 2,
            values: vec![1., 2., 3., 4., 5., -6., 7., 8.],
        };
        let pairs = texts.of_pairs();
        assert_eq!(pairs.width, 8);
        let first = [1., 2., 5., -6., 4., 8., 5., -12.];
        let second = [3., 4., 7., 8., 4., 4., 21., 32.];
        assert_eq!(pairs.values, [first, second].concat());
    }

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
