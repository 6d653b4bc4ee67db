//! What the registry holds of a method: its description, and the way from settings to a plan to a predictor.

use crate::scores::{require_kind, require_numbers};
use crate::{
    Answer, ConfigError, DataShape, FitError, Held, LanguageStates, LoadAdapterError, Look, Merged,
    Place, Portable, PredictError, SaveError, SavedInfo, Setting, SettingDoc, Trainable, Usage,
    read_saved_info,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use task::Example;
use transformer::{Batch, Depth, Encoded, Pretrained};

/// Unnormalised scores of one example, one a class, in the task's class order.
pub type Logits = Vec<f32>;

/// Where a method acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// No pretrained model at all.
    Baseline,
    /// The prompt's text; nothing is trained.
    Text,
    /// Features of the frozen model.
    Features,
    /// Some or all of the model's own parameters.
    Parameters,
    /// Computation inserted into the frozen model.
    InsertedComputation,
}

impl Level {
    /// The level's name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Text => "text",
            Self::Features => "features",
            Self::Parameters => "parameters",
            Self::InsertedComputation => "inserted computation",
        }
    }
}

/// A method's description: one row of `adaptbench methods`.
#[derive(Clone, Copy, Debug)]
pub struct MethodInfo {
    /// Name on the command line and in every table.
    pub name: &'static str,
    /// One sentence.
    pub definition: &'static str,
    /// Authors, year, title or address.
    pub paper: &'static str,
    /// Where it acts.
    pub level: Level,
    /// Whether a pretrained model is needed.
    pub uses_model: bool,
    /// How it looks in charts, the same in all of them; `None`: as its name gives.
    pub look: Option<Look>,
}

/// How the values of a searched setting are spaced.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// Evenly between the ends.
    Linear,
    /// Evenly between the logarithms of the ends.
    Log,
}

/// One setting that `--tune` searches, with its declared range.
#[derive(Clone, Copy, Debug)]
pub struct SearchRange {
    /// Name of the setting in the method's configuration.
    pub setting: &'static str,
    /// Lowest value tried.
    pub low: f64,
    /// Highest value tried.
    pub high: f64,
    /// Spacing in between.
    pub scale: Scale,
}

impl SearchRange {
    /// From a third of a method's default learning rate to ten times it, for every method alike: the defaults come from papers whose runs
    /// have thousands of steps, and short runs want larger rates more often than smaller ones.
    pub const fn learning_rate(default: f64) -> Self {
        Self {
            setting: "learning_rate",
            low: default / 3.0,
            high: default * 10.0,
            scale: Scale::Log,
        }
    }
}

/// A way of adapting a pretrained model, as the registry holds it. No tensor in sight: a bad configuration is refused before a weight is read.
pub trait Method: Sync {
    /// Name, definition, paper, level.
    fn info(&self) -> &'static MethodInfo;

    /// The plan for a configuration; what is left out takes its default.
    ///
    /// # Errors
    /// An unknown setting, with the nearest known one, or a value outside its range.
    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError>;

    /// What each setting is, in order; the method's README shows it. Empty where the README is written by hand.
    fn settings(&self) -> &'static [SettingDoc] {
        &[]
    }

    /// Settings without a default: a method that has any is run where they are given, and is not one of `all` elsewhere.
    fn required(&self) -> &'static [&'static str] {
        &[]
    }

    /// What `--tune` searches, the learning rate first. Empty where there is nothing to tune by gradient.
    fn search_ranges(&self) -> Vec<SearchRange> {
        Vec::new()
    }

    /// Settings that compute in another way than the defaults do, each as a JSON object: the conformance kit runs under these as well.
    fn variants(&self) -> &'static [&'static str] {
        &[]
    }

    /// Why the method cannot be used with this model, if so.
    fn not_applicable(&self, _base: &Pretrained) -> Option<String> {
        None
    }
}

/// A method with its settings, ready to be fitted.
pub trait Plan {
    /// The settings with every default made explicit; goes into the record.
    fn resolved(&self) -> Value;

    /// Adapts the model to the training split; model selection sees the validation split only.
    ///
    /// # Errors
    /// What went wrong, in the user's terms.
    fn fit(self: Box<Self>, setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError>;

    /// Reads back what [`Predictor::save`] wrote.
    ///
    /// # Errors
    /// A missing or unreadable file, or tensors that do not fit the model.
    fn load(
        self: Box<Self>,
        dir: &Path,
        base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        self.load_with(dir, read_saved_info(dir)?, base)
    }

    /// Reads back what [`Predictor::save`] wrote beside its description, which is `info` here, whatever stands in `dir`: so that texts
    /// can be cut at another length than in training, for example.
    ///
    /// # Errors
    /// As [`Plan::load`].
    fn load_with(
        self: Box<Self>,
        dir: &Path,
        info: SavedInfo,
        base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError>;

    /// Keeps what it pays for in a folder that all trials of a run share; nothing to a method whose predictions cost no money.
    fn keep_answers_in(&mut self, _dir: &Path) {}

    /// Whether it can tell what its predictions cost; `None` where they cost no money.
    fn has_prices(&self) -> Option<bool> {
        None
    }

    /// What the fit holds in memory beside the model, where it trains nothing by gradient and can tell.
    fn held(&self, _data: &DataShape<'_>) -> Option<Held> {
        None
    }

    /// The plan as a gradient-trained one, if it is.
    fn as_trainable(&self) -> Option<&dyn Trainable> {
        None
    }
}

/// An adapted model.
pub trait Predictor {
    /// Scores of each example, in the order given.
    ///
    /// # Errors
    /// An example that cannot be tokenised or computed.
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError>;

    /// Whether it was fitted to pairs of texts or to single ones; `None` where that was not kept.
    fn pairs(&self) -> Option<bool> {
        None
    }

    /// [`class_logits`](Self::class_logits) of texts of the kind that it was fitted to, all of them finite.
    ///
    /// # Errors
    /// As there; or the row of a text of the other kind, or of a score that is NaN or infinite.
    fn scores(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        if let Some(pairs) = self.pairs() {
            require_kind(examples, pairs)?;
        }
        let scores = self.class_logits(examples)?;
        require_numbers(examples, &scores)?;
        Ok(scores)
    }

    /// Answers in place of scores, where the method has no scores for every example; each is asked for once.
    ///
    /// # Errors
    /// As [`class_logits`](Self::class_logits).
    fn answers(&self, _examples: &[Example]) -> Result<Option<Vec<Answer>>, PredictError> {
        Ok(None)
    }

    /// What its answers have taken so far, where they are paid for.
    fn usage(&self) -> Option<Usage> {
        None
    }

    /// What it takes to keep and to run it.
    fn footprint(&self) -> Footprint;

    /// How much of these examples' texts is read, and how many of them are longer; `None` where the method does not say.
    ///
    /// # Errors
    /// An example that cannot be tokenised.
    fn reading(&self, _examples: &[Example]) -> Result<Option<Reading>, PredictError> {
        Ok(None)
    }

    /// Writes what must be kept beside the pretrained weights.
    ///
    /// # Errors
    /// A directory or file that cannot be written.
    fn save(&self, dir: &Path) -> Result<(), SaveError>;

    /// The same with what was inserted folded into the weights; `None` where nothing was inserted, or where it cannot be folded in.
    fn merged(&self) -> Option<Merged> {
        None
    }

    /// States of the tokens at `places` of a batch of any texts, with what was trained in place; `None` where the pretrained model computes what
    /// it did before.
    fn language_states(&self, _batch: &Batch, _places: &[Place]) -> Option<LanguageStates> {
        None
    }

    /// The same in parts from which a checkpoint for another program can be written; `None` where there is no such form.
    fn portable(&self) -> Option<Portable> {
        None
    }

    /// Anything else worth recording, by name.
    fn details(&self) -> BTreeMap<String, Value> {
        BTreeMap::new()
    }
}

/// How much of some texts a predictor reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// All of each.
    Whole,
    /// The first or last tokens of each.
    UpTo {
        /// Most tokens of a text, or of both texts of a pair, special ones included.
        tokens: usize,
        /// How many of the examples are longer.
        cut: usize,
    },
}

impl Reading {
    /// Of texts that were tokenised within `tokens`.
    pub fn of(encoded: &[Encoded], tokens: usize) -> Self {
        let cut = encoded.iter().filter(|text| text.truncated_tokens > 0);
        Self::UpTo {
            tokens,
            cut: cut.count(),
        }
    }
}

/// How the two texts of a pair run through the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PairEncoding {
    /// As one sequence, each text seeing the other.
    #[default]
    Joint,
    /// Each by itself, as embedding models read them.
    Apart,
}

impl PairEncoding {
    /// The name in settings and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Joint => "joint",
            Self::Apart => "apart",
        }
    }
}

/// What it takes to keep and to run an adapted model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Footprint {
    /// Parameters that were trained, the head included.
    pub trainable_params: u64,
    /// Parameters added to the backbone, the head excluded.
    pub added_params: u64,
    /// All parameters used at inference. Values that are drawn again from a seed and never stored are none of them, such as VeRA's frozen
    /// random matrices.
    pub total_params: u64,
    /// Bytes to keep for this task beside the pretrained weights.
    pub stored_bytes: u64,
    /// From where on something trains or is inserted; `None` where the model is not trained through.
    pub acts_from: Option<Depth>,
    /// Whether weights of the backbone itself get gradients.
    pub trains_backbone_weights: bool,
    /// Tokens that every input gets in addition (soft prompts, prefixes, demonstrations), on average; of pairs encoded apart, each text.
    pub extra_tokens: f64,
    /// Keys and values that every text sees in each block in addition and that no map computes (prefixes).
    pub extra_keys: f64,
    /// Multiplications and additions of inserted computation for each token, in pairs: weights of low-rank pairs and bottlenecks, each used once,
    /// and factors. The head is none of them, nor is what is computed once a batch (DoRA's norms, a prompt's network).
    pub added_per_token: u64,
    /// How the texts of a pair run when predicting.
    pub pairs: PairEncoding,
    /// Whether they ran both ways in the fit, to choose between the two.
    pub pairs_tried_both: bool,
}
