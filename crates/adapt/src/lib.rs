//! The seam that an adaptation method implements, the one training loop, and the conformance kit.
//!
//! A method acts at one of four levels: on text, in inserted computation, in parameters, or on features.
//!
//! - [`Method`] is what the registry holds: a name, a definition, a paper, and a way from settings to a [`Plan`].
//! - [`Plan`] turns a [`Setting`] (model, training and validation split, budget, seed; never the test split) into a [`Predictor`].
//! - [`Peft`] is what a gradient-trained method writes instead; every `Peft` is a `Plan` through the one loop in [`train`], and a
//!   [`Method`] as [`Trained`].
//!
//! A method reads no clock: it says what it is doing through [`Event`]s, and whoever holds the clock measures.

mod answers;
mod cache;
mod config;
pub mod conformance;
pub mod count;
mod data;
mod described;
mod error;
mod fitted;
mod folder;
mod head;
pub mod init;
mod inserted;
mod language;
pub mod linear_fit;
mod look;
mod merged;
mod method;
mod model;
mod objective;
mod peft;
mod portable;
mod range;
mod saved;
mod scores;
mod setting;
mod shared;
mod sites;
mod snapshot;
pub mod train;
mod trainable;
mod trained;
mod tune;

pub use answers::{Answer, Usage};
pub use config::{parse_config, with_setting};
pub use data::{EncodedSplit, encode_split};
pub use described::{Described, SettingDoc};
pub use error::{ConfigError, FitError, LoadAdapterError, PredictError, SaveError};
pub use fitted::Fitted;
pub use folder::note_folder;
pub use head::{
    DropoutPlaces, Head, HeadForm, HeadPolicy, Inner, InnerForm, InnerStart, default_pooling,
    unit_length,
};
pub use inserted::{BesideMap, DataShape, Held, Inserted, Narrow, TrainingShape};
pub use language::{LanguageStates, Place, language_states};
pub use look::{Hue, Look, Outline};
pub use merged::Merged;
pub use method::{
    Footprint, Level, Logits, Method, MethodInfo, PairEncoding, Plan, Predictor, Reading, Scale,
    SearchRange,
};
pub use model::Adapted;
pub use objective::{
    CrossEntropy, Objective, OutputLayer, Part, Step, Targets, TrainingTexts, pieces,
};
pub use ops::to_floats;
pub use peft::{Adaptation, Attach, Frozen, InFront, Peft};
pub use portable::{Change, LowRankMap, Portable, ProjectedMap, PromptNetwork, RescaledMap};
pub use range::Range;
pub use saved::{
    SAVED_FILE, SavedInfo, malformed, read_file, read_saved_info, read_tensor_file, write_info,
};
pub use scores::{has_pairs, require_kind};
pub use setting::{Budget, Event, HEAD_LEARNING_RATE, Phase, Setting};
pub use shared::Shared;
pub use sites::{Sites, Target, first_layer};
pub use task::{Score, argmax, log_softmax};
pub use trainable::{Compared, LossAndGradients, Trainable};
pub use trained::Trained;
pub use training::sub_seed;
pub use tune::{
    Edge, LossDifference, MeanScore, SearchCost, SearchKind, SearchOutcome, SearchTrial,
    SeedResult, best_temperature, search_cost, tune,
};
