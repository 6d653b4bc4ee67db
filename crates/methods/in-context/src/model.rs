//! The pretrained model as it is used here: never trained, on the plain device.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use transformer::{
    Backbone, Batch, Embedded, Encoded, LanguageHead, Pass, Pretrained, Shape, Side, Tokenizer,
    Unhooked, collate,
};

/// What scoring needs of a [`Pretrained`].
pub(crate) struct Model {
    pub(crate) backbone: Backbone,
    pub(crate) head: Option<LanguageHead>,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) shape: Shape,
    pub(crate) name: String,
    pub(crate) device: Device,
}

impl Model {
    pub(crate) fn new(base: &Pretrained) -> Self {
        let backbone = base.backbone.valid();
        Self {
            device: backbone.embeddings.word.weight.val().device(),
            head: base.language_head.as_ref().map(Module::valid),
            backbone,
            tokenizer: base.tokenizer.clone(),
            shape: base.shape.clone(),
            name: base.name.clone(),
        }
    }

    /// Parameters of the backbone, and of the language head where it is used; a tied output matrix is counted once.
    pub(crate) fn params(&self, with_head: bool) -> u64 {
        let head = self.head.as_ref().filter(|_| with_head).map_or(0, |head| {
            let tied = if head.tied {
                head.decoder.val().shape().num_elements()
            } else {
                0
            };
            head.num_params() - tied
        });
        (self.backbone.num_params() + head) as u64
    }

    /// Rows of token ids, padded on the right.
    pub(crate) fn batch(&self, rows: &[&[u32]]) -> Batch {
        let encode = |ids: &&[u32]| Encoded {
            ids: ids.to_vec(),
            types: vec![0; ids.len()],
            truncated_tokens: 0,
        };
        let encoded: Vec<Encoded> = rows.iter().map(encode).collect();
        collate(
            &encoded.iter().collect::<Vec<_>>(),
            self.tokenizer.pad_id(),
            Side::Right,
            &self.device,
        )
    }

    /// Final hidden states.
    pub(crate) fn forward(&self, batch: &Batch) -> Embedded {
        self.backbone.forward(batch, &plain_pass())
    }

    /// ln p of `tokens` at each place: `[b, t, hidden] -> [b][t][tokens]`.
    ///
    /// # Panics
    /// Without a language head; whoever scores words has checked that there is one.
    pub(crate) fn token_log_probabilities(
        &self,
        hidden: Tensor<3>,
        tokens: &[u32],
    ) -> Vec<Vec<Vec<f32>>> {
        let head = self.head.as_ref().expect("a model with a language head");
        let [_, t, _] = hidden.dims();
        let logits = activation::log_softmax(head.logits(hidden), 2); // [b, t, hidden] -> [b, t, vocab]
        let ids: Vec<i64> = tokens.iter().map(|&token| i64::from(token)).collect();
        let ids = Tensor::<1, Int>::from_data(TensorData::from(ids.as_slice()), &self.device);
        let picked = floats(logits.select(2, ids)); // [b, t, vocab] -> [b, t, tokens]
        let rows = picked.chunks_exact(t * tokens.len());
        rows.map(|row| {
            row.chunks_exact(tokens.len())
                .map(<[f32]>::to_vec)
                .collect()
        })
        .collect()
    }
}

/// Nothing inserted, nothing dropped, nothing before.
pub(crate) fn plain_pass() -> Pass<'static> {
    Pass {
        hooks: &Unhooked,
        dropout: None,
        past: None,
    }
}

/// A tensor's values on the host.
pub(crate) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .into_data()
        .convert::<f32>()
        .try_to_vec()
        .expect("f32 after conversion")
}

/// Cuts rows into batches, longest first, of at most `budget` padded tokens (one row at least).
pub(crate) fn batches_by_tokens(lengths: &[usize], budget: usize) -> Vec<Vec<usize>> {
    let sorted = task::batches_sorted(lengths, lengths.len().max(1)).concat();
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut longest = 0;
    for row in sorted {
        match batches.last_mut() {
            Some(batch) if (batch.len() + 1) * longest <= budget => batch.push(row),
            _ => {
                longest = lengths[row].max(1);
                batches.push(vec![row]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_every_row_once_and_no_more_tokens_than_allowed() {
        let lengths = [3, 50, 7, 7, 1, 12, 30, 2];
        let batches = batches_by_tokens(&lengths, 32);
        for batch in &batches {
            let padded = batch.len() * batch.iter().map(|&row| lengths[row]).max().unwrap();
            assert!(padded <= 32 || batch.len() == 1, "{batch:?}");
        }
        let mut all = batches.concat();
        all.sort_unstable();
        assert_eq!(all, (0..8).collect::<Vec<_>>());
        assert!(batches.len() < 6, "{batches:?}");
    }
}
