//! An adapted model with what was inserted folded into its weights: it answers the same at the cost of the bare model.

use crate::fitted::{Reads, class_logits};
use crate::{Adapted, Footprint, Frozen, Logits, PredictError};
use burn::tensor::Device;
use task::Example;
use transformer::{Pooling, Tokenizer};

/// What a [`Predictor`](crate::Predictor) becomes where its method merges. It only predicts: what is kept of a trained model stays unmerged.
pub struct Merged {
    pub(crate) model: Adapted<Frozen>,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) longest: usize,
    pub(crate) unread: Option<u32>,
    pub(crate) batch: usize,
    pub(crate) pooling: Pooling,
    pub(crate) device: Device,
    pub(crate) footprint: Footprint,
}

impl Merged {
    /// Scores of each example, in the order given.
    ///
    /// # Errors
    /// An example that cannot be tokenised.
    pub fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let reads = Reads {
            tokenizer: &self.tokenizer,
            longest: self.longest,
            unread: self.unread,
            batch: self.batch,
            pooling: self.pooling,
            device: &self.device,
        };
        class_logits(&self.model, &reads, examples)
    }

    /// What it takes to run: nothing beside the bare model and its head.
    pub fn footprint(&self) -> &Footprint {
        &self.footprint
    }
}
