//! What a method inserts, in terms that every method shares: enough to tell beforehand what a training will hold in memory.

use crate::{Budget, InFront, Objective};
use burn::module::{ParamGroup, ParamId};
use std::rc::Rc;
use transformer::{Depth, Proj, Shape};

/// What a method computes beside a linear map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BesideMap {
    /// Two trained matrices of this rank, as [`ops::linear_low_rank`] multiplies them.
    LowRank {
        /// Columns of the first.
        rank: usize,
        /// Whether the outputs are brought to trained magnitudes.
        magnitude: bool,
    },
    /// A trained vector on the map's output.
    ScaledOutput,
    /// A trained vector on the map's input.
    ScaledInput,
    /// Two random matrices that all maps share, with a trained vector after each.
    ScaledRandom {
        /// Columns of the first.
        rank: usize,
    },
}

/// A small trained network at a hidden state: down, activation, up, and a sum with what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Narrow {
    /// Width in between.
    pub width: usize,
    /// Whether it reads what the sub-layer read, rather than what it gave.
    pub reads_block_input: bool,
    /// Whether its result is multiplied by a number.
    pub is_scaled: bool,
}

/// What a method inserts, the same in every block from `from_block` on. What stands in front of the text is told by
/// [`Peft::in_front`](crate::Peft::in_front).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    /// First block with something in it.
    pub from_block: usize,
    /// Beside linear maps.
    pub maps: Vec<(Proj, BesideMap)>,
    /// At the attention's output.
    pub after_attention: Option<Narrow>,
    /// At the feed-forward's output.
    pub after_feed_forward: Option<Narrow>,
    /// Parameters of a network that computes what stands in front of the text.
    pub network_params: u64,
}

/// What of a gradient-trained method decides the memory and the time of its training.
#[derive(Clone, Debug)]
pub struct TrainingShape {
    /// From where on something trains or is inserted.
    pub acts_from: Depth,
    /// What stands in front of every text.
    pub in_front: InFront,
    /// What is inserted.
    pub inserted: Inserted,
    /// Longest text that is read, in tokens.
    pub longest_text: usize,
    /// What is minimised, which says what runs together in a step.
    pub objective: Rc<dyn Objective>,
    pub(crate) backbone: Option<ParamGroup>,
}

impl TrainingShape {
    /// Whether the backbone's parameter of this path trains.
    pub fn trains(&self, path: &str) -> bool {
        let group = self.backbone.as_ref();
        group.is_some_and(|group| group.matches(&ParamId::new(), Some(path)))
    }
}

/// What a fit without gradients holds beside the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Whether the model runs over the training and validation texts, [`Budget::eval_batch`] at a time.
    pub runs_model: bool,
    /// Bytes kept of what was computed from the texts.
    pub kept_bytes: u64,
}

/// What of the data decides it.
#[derive(Clone, Copy, Debug)]
pub struct DataShape<'a> {
    /// The model, where one is used.
    pub shape: Option<&'a Shape>,
    /// General settings.
    pub budget: &'a Budget,
    /// Training texts, and validation texts.
    pub texts: [usize; 2],
    /// Bytes of the training texts, and of the validation texts.
    pub text_bytes: [usize; 2],
    /// Classes.
    pub classes: usize,
    /// Whether examples are pairs of texts.
    pub pairs: bool,
}
