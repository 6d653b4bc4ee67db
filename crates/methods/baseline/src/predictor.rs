//! The fitted baselines, kept in files of their own beside `adaptbench.json`.

use crate::method::{MAJORITY_INFO, TF_IDF_INFO};
use adapt::{
    Budget, Footprint, LoadAdapterError, Logits, PredictError, Predictor, Reading, SaveError,
    SavedInfo, Setting, has_pairs, malformed, read_file, read_tensor_file, write_info,
};
use linear::{LOG_ZERO, LogisticRegression, Matrix, Tensors, Text, TfIdf};
use serde_json::Value;
use std::path::Path;
use task::Example;

const COUNTS_FILE: &str = "class_counts.json";
const TF_IDF_FILE: &str = "tf_idf.json";
const CLASSIFIER_FILE: &str = "classifier.safetensors";

/// Bound for the counts: a million classes.
const COUNTS_BYTES: u64 = 16 << 20;
/// Bound for the vocabulary: some ten million terms.
const TF_IDF_BYTES: u64 = 512 << 20;

/// What the description beside the files says.
pub(crate) struct Common {
    method: &'static str,
    config: Value,
    classes: Vec<String>,
    budget: Budget,
    pairs: Option<bool>,
}

impl Common {
    pub(crate) fn new(method: &'static str, config: Value, setting: &Setting<'_>) -> Self {
        Self {
            method,
            config,
            classes: setting.classes.to_vec(),
            budget: setting.budget.clone(),
            pairs: Some(has_pairs(setting.train)),
        }
    }

    fn write(&self, dir: &Path) -> Result<(), SaveError> {
        let info = SavedInfo {
            method: self.method.to_owned(),
            config: self.config.clone(),
            classes: self.classes.clone(),
            budget: self.budget.clone(),
            pooling: None,
            base_model: String::new(),
            base_digest: None,
            pairs: self.pairs,
        };
        write_info(&info, dir)
    }

    fn from_info(method: &'static str, info: SavedInfo) -> Self {
        Self {
            method,
            config: info.config,
            classes: info.classes,
            budget: info.budget,
            pairs: info.pairs,
        }
    }
}

/// The class counts of the training split.
pub(crate) struct FittedMajority {
    pub(crate) counts: Vec<usize>,
    pub(crate) common: Common,
}

impl FittedMajority {
    pub(crate) fn load(dir: &Path, info: SavedInfo) -> Result<Self, LoadAdapterError> {
        let common = Common::from_info(MAJORITY_INFO.name, info);
        let counts: Vec<usize> =
            serde_json::from_slice(&read_file(dir, COUNTS_FILE, COUNTS_BYTES)?)
                .map_err(|error| malformed(dir, COUNTS_FILE, error.to_string()))?;
        if counts.len() != common.classes.len() {
            let reason = format!(
                "{} counts, expected one for each of {} classes",
                counts.len(),
                common.classes.len()
            );
            return Err(malformed(dir, COUNTS_FILE, reason));
        }
        let all = counts
            .iter()
            .try_fold(0usize, |all, count| all.checked_add(*count));
        match all {
            Some(1..) => Ok(Self { counts, common }),
            _ => {
                let reason = format!(
                    "the counts are {counts:?}, expected numbers of texts, not all of them 0"
                );
                Err(malformed(dir, COUNTS_FILE, reason))
            }
        }
    }
}

impl Predictor for FittedMajority {
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let all = self.counts.iter().sum::<usize>() as f64;
        let log_share = |&count: &usize| {
            if count == 0 {
                LOG_ZERO
            } else {
                (count as f64 / all).ln()
            }
        };
        let logits: Logits = self
            .counts
            .iter()
            .map(|count| log_share(count) as f32)
            .collect();
        Ok(vec![logits; examples.len()])
    }

    fn pairs(&self) -> Option<bool> {
        self.common.pairs
    }

    fn footprint(&self) -> Footprint {
        let classes = self.counts.len() as u64;
        Footprint {
            total_params: classes,
            stored_bytes: 4 * classes,
            ..Footprint::default()
        }
    }

    fn reading(&self, _examples: &[Example]) -> Result<Option<Reading>, PredictError> {
        Ok(Some(Reading::Whole))
    }

    fn save(&self, dir: &Path) -> Result<(), SaveError> {
        self.common.write(dir)?;
        write(
            dir,
            COUNTS_FILE,
            &serde_json::to_vec(&self.counts).expect("counts serialise"),
        )
    }
}

/// A vocabulary and a classifier of its weights.
pub(crate) struct FittedTfIdf {
    pub(crate) tf_idf: TfIdf,
    pub(crate) classifier: LogisticRegression,
    pub(crate) common: Common,
}

impl FittedTfIdf {
    pub(crate) fn load(dir: &Path, info: SavedInfo) -> Result<Self, LoadAdapterError> {
        let common = Common::from_info(TF_IDF_INFO.name, info);
        let tf_idf: TfIdf = serde_json::from_slice(&read_file(dir, TF_IDF_FILE, TF_IDF_BYTES)?)
            .map_err(|error| malformed(dir, TF_IDF_FILE, error.to_string()))?;
        let classifier = Tensors::from_bytes(&read_tensor_file(dir, CLASSIFIER_FILE)?)
            .and_then(|tensors| LogisticRegression::from_tensors(&tensors, common.classes.len()))
            .map_err(|error| malformed(dir, CLASSIFIER_FILE, error.to_string()))?;
        let (features, terms) = (classifier.columns(), tf_idf.vocabulary().len());
        if features != terms {
            let reason = format!(
                "the classifier has {features} features, expected {terms}, one for each term of {TF_IDF_FILE}"
            );
            return Err(malformed(dir, CLASSIFIER_FILE, reason));
        }
        Ok(Self {
            tf_idf,
            classifier,
            common,
        })
    }

    fn vocabulary_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.tf_idf).expect("a vocabulary serialises")
    }
}

impl Predictor for FittedTfIdf {
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let features = Matrix::Sparse(self.tf_idf.transform(&texts_of(examples)));
        let to_f32 = |row: Vec<f64>| row.into_iter().map(|logit| logit as f32).collect();
        Ok(self
            .classifier
            .logits(&features)
            .into_iter()
            .map(to_f32)
            .collect())
    }

    fn pairs(&self) -> Option<bool> {
        self.common.pairs
    }

    fn footprint(&self) -> Footprint {
        let trainable = self.classifier.parameters() as u64;
        Footprint {
            trainable_params: trainable,
            total_params: trainable + self.tf_idf.idf().len() as u64,
            stored_bytes: 4 * trainable + self.vocabulary_bytes().len() as u64,
            ..Footprint::default()
        }
    }

    fn reading(&self, _examples: &[Example]) -> Result<Option<Reading>, PredictError> {
        Ok(Some(Reading::Whole))
    }

    fn save(&self, dir: &Path) -> Result<(), SaveError> {
        self.common.write(dir)?;
        write(dir, TF_IDF_FILE, &self.vocabulary_bytes())?;
        write(
            dir,
            CLASSIFIER_FILE,
            &self.classifier.to_tensors().to_bytes(),
        )
    }
}

pub(crate) fn texts_of(examples: &[Example]) -> Vec<Text<'_>> {
    examples
        .iter()
        .map(|example| (example.text.as_str(), example.second.as_deref()))
        .collect()
}

fn write(dir: &Path, file: &str, bytes: &[u8]) -> Result<(), SaveError> {
    let path = dir.join(file);
    std::fs::write(&path, bytes).map_err(|source| SaveError {
        path: path.display().to_string(),
        source,
    })
}
