//! What a plan is given: model, data, budget, seed, and a place to say what it is doing. The test split is not among it.

use crate::described::check_ranges;
use crate::head::default_pooling;
use crate::{
    Described, Edge, FitError, HeadForm, HeadPolicy, Range, SearchKind, SettingDoc, Shared,
};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use task::Split;
use transformer::{Pooling, Pretrained, Shape};

/// Everything a plan may see while it fits.
pub struct Setting<'a> {
    /// The pretrained model; `None` for methods that use none. Owned, so that finetuning can change the weights in place.
    pub base: Option<Pretrained>,
    /// Names of the classes.
    pub classes: &'a [String],
    /// A phrase for each class, where the task has them.
    pub descriptions: Option<&'a [String]>,
    /// Labelled examples to learn from.
    pub train: &'a Split,
    /// Labelled examples to choose by.
    pub validation: &'a Split,
    /// Settings that are the same for every method.
    pub budget: Budget,
    /// Everything random derives from it, see [`sub_seed`](crate::sub_seed).
    pub seed: u64,
    /// Where tensors live.
    pub device: &'a Device,
    /// What trainings on the same splits with the same model share; `None` where this one stands alone.
    pub shared: Option<&'a Shared>,
    /// Receives what happens, when it happens.
    pub events: &'a mut dyn FnMut(Event),
}

impl Setting<'_> {
    /// The pretrained model, moved out.
    ///
    /// # Errors
    /// When none was given.
    pub fn take_model(&mut self, method: &str) -> Result<Pretrained, FitError> {
        self.base
            .take()
            .ok_or_else(|| FitError::NeedsModel(method.to_owned()))
    }
}

/// The head's learning rate where nothing else is said: the default of the method that trains the head alone, and of the head beside
/// anything else.
pub const HEAD_LEARNING_RATE: f64 = 5e-3;

/// General training settings, equal for all methods of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Passes over the training split.
    pub epochs: NonZeroUsize,
    /// Examples per optimiser step.
    pub batch: NonZeroUsize,
    /// Examples per forward and backward; the gradient of a step is accumulated over `batch / micro_batch` of them.
    pub micro_batch: Option<NonZeroUsize>,
    /// Examples per forward when predicting.
    pub eval_batch: NonZeroUsize,
    /// Longest text in tokens, special ones included; longer ones are cut and counted.
    pub max_length: NonZeroUsize,
    /// Share of the steps in which the learning rate rises to its value, before it falls to 0; both linearly.
    pub warmup_share: f64,
    /// Decoupled weight decay of matrices; vectors (biases, norms) have none. Loshchilov & Hutter 2019.
    pub weight_decay: f64,
    /// Largest L2 norm of all gradients together; larger ones are scaled down to it.
    pub clip_norm: f64,
    /// Dropout of encoders wherever their configuration has it, from the first block that holds trainable computation; `None` takes the checkpoint's rates.
    pub dropout: Option<f64>,
    /// Training stops after so many epochs without a better validation accuracy.
    pub patience: Option<NonZeroUsize>,
    /// The head that is trained on top.
    pub head: HeadPolicy,
    /// Peak learning rate of the head beside whatever else trains; `None` takes [`HEAD_LEARNING_RATE`]. A new head wants a larger rate than
    /// pretrained weights, and at one rate for both a search of the method's rate would search the head's. Where the head alone trains, the
    /// method's own rate is the head's, and this one has no effect.
    pub head_learning_rate: Option<f64>,
    /// How hidden states become one vector for the head; `None`: mean for encoders, last token for decoders. The heads of
    /// transformers have their own way, see [`HeadForm::pooling`]. A head is trained on what it reads, so that the modules.json of a sentence-transformers folder,
    /// which is made for vectors as they are, decides nothing here; the record notes what it asks for.
    pub pooling: Option<Pooling>,
    /// How `--tune` searches.
    pub search: SearchKind,
    /// Whether the states below the deepest trained computation are computed once.
    pub cache: bool,
    /// Beyond so many bytes that cache lives in a file.
    pub cache_limit_bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        let n = |n| NonZeroUsize::new(n).expect("not zero");
        Self {
            epochs: n(5),
            batch: n(16),
            micro_batch: None,
            eval_batch: n(32),
            max_length: n(128),
            warmup_share: 0.1,
            weight_decay: 0.01,
            clip_norm: 1.0,
            dropout: None,
            patience: None,
            head: HeadPolicy::Linear,
            head_learning_rate: None,
            pooling: None,
            search: SearchKind::default(),
            cache: true,
            cache_limit_bytes: 2 << 30,
        }
    }
}

impl Described for Budget {
    const SETTINGS: &'static [SettingDoc] = {
        const EXAMPLES: Range = Range::whole(1, 1 << 24);
        &[
            SettingDoc::number("epochs", Range::whole(1, 100_000)),
            SettingDoc::number("batch", EXAMPLES),
            SettingDoc::number("micro_batch", EXAMPLES),
            SettingDoc::number("eval_batch", EXAMPLES),
            SettingDoc::number("max_length", Range::whole(1, 1 << 24)),
            SettingDoc::number("warmup_share", Range::SHARE),
            SettingDoc::number("weight_decay", Range::from(0.0, 1e3)),
            SettingDoc::number("clip_norm", Range::above(0.0, f64::MAX)),
            SettingDoc::number("dropout", Range::SHARE),
            SettingDoc::number("patience", Range::whole(1, 100_000)),
            SettingDoc::number("head_learning_rate", Range::LEARNING_RATE),
        ]
    };
}

impl Budget {
    /// Checks every number against its range, and what excludes each other.
    ///
    /// # Errors
    /// The setting's name, its value and what is expected.
    pub fn check(&self) -> Result<(), String> {
        let Ok(serde_json::Value::Object(settings)) = serde_json::to_value(self) else {
            unreachable!("a budget is an object")
        };
        check_ranges(Self::SETTINGS, &settings)
    }

    /// What the head reads of this model's hidden states.
    pub fn pooling_of(&self, shape: &Shape) -> Pooling {
        let of_head = HeadForm::of(self.head, shape).pooling;
        of_head
            .or(self.pooling)
            .unwrap_or_else(|| default_pooling(shape))
    }
}

/// What a fit is doing. Phases are timed by whoever receives the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Tokens, cached states or features of the training split.
    Prepare,
    /// The same of the validation split: it belongs to validation, not to training.
    PrepareValidation,
    /// The first optimisation step.
    FirstStep,
    /// Every further step.
    Train,
    /// Scoring the validation split and keeping the best parameters.
    Validate,
    /// Fitting and scoring candidates of which the validation split chooses one.
    Search,
}

/// Something that happened during a fit.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A phase began; the one before it ended.
    Began(Phase),
    /// An optimiser step ended.
    StepDone {
        /// Steps so far.
        step: u64,
        /// Passes over the training split so far.
        epoch: f64,
        /// Mean of what the objective minimises; cross-entropy in nats, but for methods that say otherwise.
        loss: f64,
        /// Examples that ran in the step.
        samples: usize,
        /// Tokens in the step, padding excluded.
        tokens: usize,
    },
    /// Training texts ran forward without a gradient, as part of the training: an output layer is fitted to their vectors.
    Encoded {
        /// So many.
        samples: usize,
        /// Their tokens, padding excluded.
        tokens: usize,
    },
    /// A value was measured on the validation split.
    Validated {
        /// Steps so far.
        step: u64,
        /// Passes over the training split so far.
        epoch: f64,
        /// Share of right answers.
        accuracy: f64,
        /// Mean negative log-likelihood in nats.
        loss: f64,
    },
    /// The peak learning rate that the head is trained with.
    HeadLearningRate(f64),
    /// The frozen-prefix cache was filled.
    Cached {
        /// Its size.
        bytes: u64,
        /// Whether it lives in a file.
        spilled: bool,
    },
    /// A choice among several candidates was made on the validation split; several of a fit add up.
    Searched {
        /// Candidates that were trained or fitted for it.
        trials: usize,
        /// Where the chosen one is the first or the last of an open scale: which; better ones may lie beyond.
        edge: Option<Edge>,
    },
    /// Something to be kept in the record.
    Note {
        /// Its name.
        name: String,
        /// Its value.
        value: serde_json::Value,
    },
}
