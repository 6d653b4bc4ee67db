//! What is learnt of which teacher.

use crate::PretrainError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the teacher's outputs lie in the student's directory, unless another folder is given.
const FOLDER: &str = "teacher";

/// What of a teacher is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// The vector of a text.
    Vectors,
    /// The state of every token.
    States,
    /// What a causal model expects at every place.
    Logits,
}

/// Another model to learn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Teaching {
    /// Its directory or GGUF file.
    pub teacher: PathBuf,
    /// Digest of its files: another model in its place does not continue the same pretraining.
    pub digest: String,
    /// What is learnt, and what each loss counts.
    pub signals: BTreeMap<Signal, f64>,
    /// What the language model's own loss counts.
    pub language: f64,
    /// The folder of the teacher's outputs; `None`: `teacher` in the student's directory. It does not decide the result.
    #[serde(skip)]
    pub cache: Option<PathBuf>,
}

impl Teaching {
    /// Learning from the model at `teacher`.
    ///
    /// # Errors
    /// A model whose files cannot be read.
    pub fn new(
        teacher: PathBuf,
        signals: BTreeMap<Signal, f64>,
        language: f64,
    ) -> Result<Teaching, PretrainError> {
        Ok(Teaching {
            digest: transformer::model_digest(&teacher)?,
            teacher,
            signals,
            language,
            cache: None,
        })
    }

    /// Whether it is for causal models.
    pub(crate) fn is_causal(&self) -> bool {
        self.signals.contains_key(&Signal::Logits)
    }

    /// Weight of the loss on texts' vectors.
    pub(super) fn vectors(&self) -> Option<f64> {
        self.signals.get(&Signal::Vectors).copied()
    }

    /// Weight of the loss on tokens' states.
    pub(super) fn states(&self) -> Option<f64> {
        self.signals.get(&Signal::States).copied()
    }

    /// Weight of the divergence from what a causal teacher expects.
    pub(super) fn logits(&self) -> Option<f64> {
        self.signals.get(&Signal::Logits).copied()
    }

    /// Where its outputs are kept.
    pub(super) fn folder(&self, dir: &Path) -> PathBuf {
        self.cache.clone().unwrap_or_else(|| dir.join(FOLDER))
    }

    /// What is learnt, by name.
    pub(super) fn signal_names(&self) -> Vec<&'static str> {
        self.signals.keys().map(|signal| signal.name()).collect()
    }

    /// Refuses weights that cannot work.
    ///
    /// # Errors
    /// No signal, or a weight that is no positive number.
    pub(crate) fn check(&self) -> Result<(), PretrainError> {
        if self.signals.is_empty() {
            return Err(PretrainError::Settings(
                "a teacher of whom nothing is learnt; give --teacher-signal vectors, states or both, or logits for a causal model"
                    .to_owned(),
            ));
        }
        for (signal, weight) in &self.signals {
            if !(*weight > 0.0 && weight.is_finite()) {
                return Err(PretrainError::Settings(format!(
                    "the weight of --teacher-signal {} is {weight}, expected a number above 0",
                    signal.name()
                )));
            }
        }
        if !(self.language > 0.0 && self.language.is_finite()) {
            return Err(PretrainError::Settings(format!(
                "--language-weight is {}, expected a number above 0: without it the language head learns nothing",
                self.language
            )));
        }
        Ok(())
    }

    /// Refuses signals that a student of this kind cannot learn.
    ///
    /// # Errors
    /// Logits for a masked model, vectors or states for a causal one.
    pub(crate) fn check_student(&self, causal: bool, name: &str) -> Result<(), PretrainError> {
        let other = self
            .signals
            .keys()
            .find(|signal| signal.is_causal() != causal);
        let Some(other) = other else { return Ok(()) };
        let (own, kind, instead) = match causal {
            true => ("masked", "causal", "logits"),
            false => ("causal", "masked", "vectors, states or both"),
        };
        Err(PretrainError::Settings(format!(
            "--teacher-signal {} is for {own} models, and {name} is a {kind} one; give {instead}",
            other.name()
        )))
    }

    /// What is learnt, in words.
    pub(super) fn describe(&self) -> String {
        let parts: Vec<String> = self
            .signals
            .iter()
            .map(|(signal, weight)| format!("{} (weight {weight})", signal.name()))
            .collect();
        parts.join(" and ")
    }
}

impl Signal {
    /// Every signal, by name.
    pub const ALL: [Signal; 3] = [Signal::Vectors, Signal::States, Signal::Logits];

    /// Those that a model of this kind can learn.
    pub fn of_students(causal: bool) -> impl Iterator<Item = Signal> {
        Self::ALL
            .into_iter()
            .filter(move |signal| signal.is_causal() == causal)
    }

    /// Whether it is for causal models; the others are for masked ones.
    pub fn is_causal(self) -> bool {
        self == Signal::Logits
    }

    /// As the command line spells it.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Vectors => "vectors",
            Signal::States => "states",
            Signal::Logits => "logits",
        }
    }
}

/// Why there are no word embeddings from a teacher.
pub(crate) fn no_teacher() -> PretrainError {
    PretrainError::Settings(
        "word embeddings from a teacher, and there is none; give --teacher MODEL, or other --embeddings".to_owned(),
    )
}
