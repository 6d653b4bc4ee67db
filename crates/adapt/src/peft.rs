//! What a gradient-trained method writes: what it inserts, what it trains, and where.

use crate::init::InitRng;
use crate::{
    Budget, Change, CrossEntropy, FitError, HeadPolicy, Inserted, Level, MethodInfo, Objective,
    SearchRange,
};
use burn::module::{Module, ModuleDisplay, ParamGroup};
use burn::tensor::Device;
use serde::Serialize;
use std::rc::Rc;
use transformer::{Backbone, Depth, Hooks, SentenceFolder, Shape, Tokenizer};

/// A module that acts at a backbone's sites.
pub trait Adaptation: Module + ModuleDisplay + Hooks + 'static {}
impl<T: Module + ModuleDisplay + Hooks + 'static> Adaptation for T {}

/// The adaptation that inserts nothing.
#[derive(Module, Debug)]
pub struct Frozen {
    #[module(skip)]
    nothing: (),
}

impl Frozen {
    /// The adaptation of methods that train the backbone's own parameters, or the head alone.
    pub fn new() -> Self {
        Self { nothing: () }
    }
}

impl Default for Frozen {
    fn default() -> Self {
        Self::new()
    }
}

impl Hooks for Frozen {}

/// What a method is given to build its inserted computation from.
pub struct Attach<'a> {
    /// Sizes of the model.
    pub shape: &'a Shape,
    /// The pretrained weights, for initialisations that read them.
    pub backbone: &'a Backbone,
    /// The tokenizer, for initialisations from words.
    pub tokenizer: &'a Tokenizer,
    /// Names of the classes.
    pub classes: &'a [String],
    /// Initial values come from here.
    pub rng: InitRng,
    /// Where tensors live.
    pub device: &'a Device,
}

/// What a method puts in front of every text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFront {
    /// Tokens that every text gets in addition. Each takes one position of the model's window away from the text.
    pub tokens: usize,
    /// Whether they go into the model as vectors in place of token ids; transformers then does not see which tokens are padding.
    pub replaces_ids: bool,
}

impl InFront {
    /// Tokens that a text needs at least: one, and one special token.
    const SHORTEST_TEXT: usize = 2;

    /// Longest text that the model's window takes beside what stands in front.
    ///
    /// # Errors
    /// A window that has no room for a text.
    pub(crate) fn window(self, method: &str, shape: &Shape) -> Result<usize, FitError> {
        let left = shape.max_length.checked_sub(self.tokens);
        left.filter(|&left| left >= Self::SHORTEST_TEXT)
            .ok_or_else(|| {
                FitError::NotApplicable(format!(
                    "{method} puts {} tokens in front of every text, and the model's window of {} tokens leaves no room for a text; \
                     expected at most {}",
                    self.tokens,
                    shape.max_length,
                    shape.max_length.saturating_sub(Self::SHORTEST_TEXT)
                ))
            })
    }
}

/// A method trained by gradient: what it inserts, and which of the backbone's own parameters it trains. Its configuration implements this;
/// the registry holds it as [`Trained`](crate::Trained).
pub trait Peft: Clone + Serialize + 'static {
    /// Name, definition, paper, level.
    const INFO: MethodInfo;

    /// Settings that compute in another way than the defaults do, each as a JSON object: the conformance kit runs under these as well.
    const VARIANTS: &'static [&'static str] = &[];

    /// What `--tune` searches beside the learning rate.
    const FURTHER_RANGES: &'static [SearchRange] = &[];

    /// The heads that it can train.
    const HEADS: &'static [HeadPolicy] = &[HeadPolicy::Linear, HeadPolicy::Transformers];

    /// The inserted computation; [`Frozen`] where there is none.
    type Adaptation: Adaptation;

    /// Peak learning rate of everything that trains but the head; of the head where nothing else trains.
    fn learning_rate(&self) -> f64;

    /// What is minimised, and of what a step is made.
    fn objective(&self) -> Rc<dyn Objective> {
        Rc::new(CrossEntropy)
    }

    /// These settings, and `budget`, with what they leave to the model's folder of sentence-transformers made explicit. Where the folder's
    /// pooling is followed, it stands in `budget` afterwards; by default a head is trained on what the budget says, whatever the folder asks for.
    ///
    /// # Errors
    /// A folder that cannot be followed.
    fn follow(&self, _folder: &SentenceFolder, _budget: &mut Budget) -> Result<Self, FitError> {
        Ok(self.clone())
    }

    /// Whether the head reads vectors brought to length 1.
    fn reads_unit_length(&self) -> bool {
        false
    }

    /// Why the method cannot be used with a model of this shape, if so. Asked of the defaults before a trial is scheduled, and again of the
    /// settings before they are attached.
    fn not_applicable(&self, _shape: &Shape) -> Option<String> {
        None
    }

    /// Builds the inserted computation.
    ///
    /// # Errors
    /// A setting that does not fit this model.
    fn attach(&self, to: &mut Attach<'_>) -> Result<Self::Adaptation, FitError>;

    /// Fits the pretrained weights and what was attached to each other: before training, and after reading back.
    /// PiSSA takes its start out of the weights, DoRA looks at their norms. Changes nothing by default.
    fn settle(
        &self,
        adaptation: Self::Adaptation,
        backbone: Backbone,
    ) -> (Self::Adaptation, Backbone) {
        (adaptation, backbone)
    }

    /// The backbone's parameters that train as well, by module path (`blocks.3.attention.query.bias`).
    fn train_in_backbone(&self, _shape: &Shape) -> Option<ParamGroup> {
        None
    }

    /// From where on something trains or is inserted: the lowest place whose output differs from the pretrained model's at any time of the
    /// training. [`Depth::Head`] where the backbone computes what it always did, `Block(k)` where blocks below k do, and
    /// [`Depth::Embeddings`] where the embeddings themselves change, or positions move because something stands in front of the text.
    ///
    /// What lies below is computed once for every example and kept, and has no dropout. Said too high, the method trains on states that its
    /// own changes never reach, which the conformance kit sees as parameters that do not move or losses that differ without the cache; said
    /// too low, it only costs time.
    fn acts_from(&self, shape: &Shape) -> Depth;

    /// Closed form of the number of trained parameters, the head excluded.
    fn trainable_params(&self, shape: &Shape) -> u64;

    /// Closed form of the multiply-adds of inserted computation for each token, see [`Footprint::added_per_token`](crate::Footprint); 0 where
    /// something is trained in place, or stands in front of the text ([`in_front`](Self::in_front)).
    fn added_per_token(&self, _shape: &Shape) -> u64 {
        0
    }

    /// Parameters of the adaptation that learn at other rates, as factors (LoRA+), by module path; no parameter is in two of these groups,
    /// and the head is in none.
    fn learning_rate_factors(&self) -> Vec<(ParamGroup, f64)> {
        Vec::new()
    }

    /// Whether the model computes exactly what it did before the first step. Where it is true, the conformance kit compares the attached
    /// model with the bare one and fails on any difference; nothing else depends on it.
    fn identity_at_start(&self) -> bool {
        true
    }

    /// Whether training begins from random weights instead of the pretrained ones: the comparison that shows what pretraining is worth.
    fn begins_from_scratch(&self) -> bool {
        false
    }

    /// What stands in front of every text.
    fn in_front(&self) -> InFront {
        InFront::default()
    }

    /// What is inserted into every block, from which a trial's memory is told before it runs; `None` where it is not said, and then nothing
    /// is told.
    fn inserted(&self, _shape: &Shape) -> Option<Inserted> {
        (Self::INFO.level != Level::InsertedComputation).then(Inserted::default)
    }

    /// What was trained, in terms that other programs share, from which `export` writes a PEFT checkpoint; `None` where PEFT has no
    /// equivalent, and then `export` refuses the method by name.
    fn change(&self, _adaptation: &Self::Adaptation) -> Option<Change> {
        None
    }

    /// The backbone that the adaptation was trained on with the adaptation folded into its weights, where the method's mathematics allows.
    /// A trial times its predictions beside the unmerged ones. A new method can leave it out.
    fn merge(&self, _adaptation: &Self::Adaptation, _backbone: Backbone) -> Option<Backbone> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        let dir = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/fixtures/oracle/bert"
        );
        let base = transformer::load(std::path::Path::new(dir), &Device::flex());
        base.expect("the fixture loads").shape
    }

    #[test]
    fn more_tokens_in_front_than_the_window_holds_are_refused_and_not_subtracted() {
        let shape = shape();
        let window = |tokens| {
            let in_front = InFront {
                tokens,
                replaces_ids: false,
            };
            in_front
                .window("long-prompt", &shape)
                .map_err(|e| e.to_string())
        };
        assert_eq!(window(0), Ok(shape.max_length));
        assert_eq!(window(shape.max_length - 2), Ok(2));
        for too_many in [shape.max_length - 1, shape.max_length + 3] {
            let error = window(too_many).unwrap_err();
            assert!(error.contains("long-prompt") && error.contains(&too_many.to_string()));
            assert!(error.contains(&format!("at most {}", shape.max_length - 2)));
        }
    }
}
