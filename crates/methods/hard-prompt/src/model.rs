//! The pretrained model as it is used here: never trained; differentiable with respect to the trigger's embeddings where asked for.

use crate::layout::Row;
use crate::verbalizer::Verbalizer;
use adapt::PredictError;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use serde::{Deserialize, Serialize};
use transformer::{
    Backbone, Batch, Embedded, Encoded, Hooks, LanguageHead, Pass, Pooling, Pretrained, Shape,
    Side, Tokenizer, collate, pool,
};

/// How the model is asked for a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// A causal language model: label words continue the prompt.
    Prompt,
    /// A masked-language-model head: label words fill a mask.
    Cloze,
    /// Neither: prompt and label words are compared as vectors.
    Similarity,
}

/// What scoring needs of a [`Pretrained`].
pub(crate) struct Model {
    pub(crate) backbone: Backbone,
    pub(crate) head: Option<LanguageHead>,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) shape: Shape,
    pub(crate) name: String,
    pub(crate) device: Device,
    pub(crate) mode: Mode,
    newline: Vec<u32>,
}

impl Model {
    /// On the plain device: nothing is recorded.
    pub(crate) fn frozen(base: &Pretrained) -> Self {
        let head = base.language_head.as_ref().map(Module::valid);
        Self::assemble(base, base.backbone.valid(), head)
    }

    /// On the device with autodiff; the weights need no gradient, so none is computed for them.
    pub(crate) fn differentiable(base: &Pretrained) -> Self {
        let head = base
            .language_head
            .clone()
            .map(|head| head.no_grad().train());
        Self::assemble(base, base.backbone.clone().no_grad().train(), head)
    }

    fn assemble(base: &Pretrained, backbone: Backbone, head: Option<LanguageHead>) -> Self {
        let mode = match (&head, base.shape.causal) {
            (Some(_), true) => Mode::Prompt,
            (Some(_), false) if base.tokenizer.mask_id().is_some() => Mode::Cloze,
            _ => Mode::Similarity,
        };
        Self {
            device: backbone.device(),
            backbone,
            head,
            newline: base.tokenizer.encode_plain("\n"),
            tokenizer: base.tokenizer.clone(),
            shape: base.shape.clone(),
            name: base.name.clone(),
            mode,
        }
    }

    /// Parameters of the backbone, and of the language head where it is used; a tied output matrix is counted once.
    pub(crate) fn params(&self) -> u64 {
        let used = self.head.as_ref().filter(|_| self.mode != Mode::Similarity);
        let head = used.map_or(0, |head| match head.tied {
            true => head.num_params() - head.decoder.val().shape().num_elements(),
            false => head.num_params(),
        });
        (self.backbone.num_params() + head) as u64
    }

    /// Token ids that the checkpoint puts before and behind a text.
    ///
    /// # Errors
    /// If the tokenizer refuses a probe.
    pub(crate) fn frame(&self) -> Result<(Vec<u32>, Vec<u32>), PredictError> {
        let plain = self.tokenizer.encode_plain("a");
        let whole = self
            .tokenizer
            .encode(&[("a", None)], usize::MAX)?
            .swap_remove(0)
            .ids;
        let at = whole
            .windows(plain.len().max(1))
            .position(|window| window == plain);
        let at = at.unwrap_or(0);
        let after = whole.get(at + plain.len()..).unwrap_or_default();
        Ok((whole[..at].to_vec(), after.to_vec()))
    }

    /// A piece that follows something. Some tokenizers put a word boundary before whatever they are given, which is wrong in the middle
    /// of a text: the piece is encoded behind a line break, and the line break's ids are taken off again, where they stay apart.
    pub(crate) fn encode_behind(&self, text: &str) -> Vec<u32> {
        let behind = self.tokenizer.encode_plain(&format!("\n{text}"));
        match behind.strip_prefix(self.newline.as_slice()) {
            Some(ids) if !self.newline.is_empty() => ids.to_vec(),
            _ => self.tokenizer.encode_plain(text),
        }
    }

    fn batch(&self, rows: &[&Row]) -> Batch {
        let encode = |row: &&Row| Encoded {
            ids: row.ids.clone(),
            types: vec![0; row.ids.len()],
            truncated_tokens: 0,
        };
        let encoded: Vec<Encoded> = rows.iter().map(encode).collect();
        let encoded: Vec<&Encoded> = encoded.iter().collect();
        collate(&encoded, self.tokenizer.pad_id(), Side::Right, &self.device)
    }

    /// One vector a prompt: the final state where the label is scored, or the mean of all. `[b, hidden]`.
    pub(crate) fn states(&self, rows: &[&Row], hooks: &dyn Hooks) -> Tensor<2> {
        let e = self.backbone.forward(&self.batch(rows), &Pass::with(hooks));
        match self.mode {
            Mode::Similarity => pool(&e, Pooling::Mean),
            Mode::Prompt | Mode::Cloze => self.at_places(e, rows),
        }
    }

    /// `[b, t, hidden] -> [b, hidden]`
    fn at_places(&self, e: Embedded, rows: &[&Row]) -> Tensor<2> {
        let [b, _, hidden] = e.x.dims();
        let places: Vec<i64> = rows.iter().map(|row| row.place as i64).collect();
        let index = Tensor::<3, Int>::from_data(TensorData::new(places, [b, 1, 1]), &self.device);
        e.x.gather(1, index.expand([b, 1, hidden]))
            .squeeze_dim::<2>(1)
    }

    /// Log-scores of the classes, `[b, classes]`: ln of the mean probability of a class's label tokens (Shin et al. 2020, eq. 1, with the
    /// mean instead of the sum, since classes may have unequally many), or scale · cosine.
    pub(crate) fn class_scores(
        &self,
        rows: &[&Row],
        verbalizer: &Verbalizer,
        hooks: &dyn Hooks,
    ) -> Tensor<2> {
        let states = self.states(rows, hooks);
        match verbalizer {
            Verbalizer::Tokens(sets) => {
                let head = self
                    .head
                    .as_ref()
                    .expect("a model that is asked for words has a language head");
                let logs = activation::log_softmax(head.logits(states), 1); // [b, hidden] -> [b, vocab]
                log_mean_of_sets(logs, sets)
            }
            Verbalizer::Vectors { unit, scale } => {
                let length = states
                    .clone()
                    .powi_scalar(2)
                    .sum_dim(1)
                    .sqrt()
                    .clamp_min(1e-12); // [b, 1]
                let shape = [unit.len(), self.shape.hidden];
                let right =
                    Tensor::<2>::from_data(TensorData::new(unit.concat(), shape), &self.device);
                (states / length).matmul(right.transpose()) * *scale // [b, hidden] x [hidden, classes]
            }
        }
    }

    /// The same on the host, `examples` rows a forward pass, the longest together.
    pub(crate) fn all_scores(
        &self,
        rows: &[Row],
        verbalizer: &Verbalizer,
        examples: usize,
    ) -> Vec<Vec<f32>> {
        let lengths: Vec<usize> = rows.iter().map(|row| row.ids.len()).collect();
        let mut scores = vec![Vec::new(); rows.len()];
        for batch in task::batches_sorted(&lengths, examples) {
            let part: Vec<&Row> = batch.iter().map(|&row| &rows[row]).collect();
            let found = floats(self.class_scores(&part, verbalizer, &transformer::Unhooked));
            for (&row, scored) in batch.iter().zip(found.chunks_exact(verbalizer.classes())) {
                scores[row] = scored.to_vec();
            }
        }
        scores
    }
}

/// `[b, vocab]` log-probabilities to `[b, sets]`: ln (1/|V| Σ_{w in V} p(w)).
fn log_mean_of_sets(logs: Tensor<2>, sets: &[Vec<u32>]) -> Tensor<2> {
    const NEVER: f32 = -1e9; // a place in a shorter set that holds no token
    let [b, _] = logs.dims();
    let device = logs.device();
    let longest = sets.iter().map(Vec::len).max().unwrap_or(1);
    let (mut ids, mut absent) = (Vec::new(), Vec::new());
    for set in sets {
        for place in 0..longest {
            ids.push(i64::from(*set.get(place).unwrap_or(&set[0])));
            absent.push(if place < set.len() {
                -(set.len() as f32).ln()
            } else {
                NEVER
            });
        }
    }
    let ids = Tensor::<1, Int>::from_data(TensorData::from(ids.as_slice()), &device);
    let absent = Tensor::<3>::from_data(TensorData::new(absent, [1, sets.len(), longest]), &device);
    let each = logs.select(1, ids).reshape([b, sets.len(), longest]) + absent; // [b, sets, longest]
    let top = each.clone().detach().max_dim(2); // [b, sets, 1]
    let sum = (each - top.clone()).exp().sum_dim(2);
    (sum.log() + top).squeeze_dim::<2>(2)
}

/// A tensor's values on the host.
pub(crate) fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    let data = tensor.into_data().convert::<f32>();
    data.try_to_vec().expect("f32 after conversion")
}
