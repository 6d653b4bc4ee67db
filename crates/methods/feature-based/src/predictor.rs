//! The fitted classifiers of frozen features, kept in `features.safetensors` beside `adaptbench.json`.

use crate::config::{FeatureBased, Knn, Scaling};
use crate::features::{Extractor, Features};
use adapt::{
    Budget, Footprint, LoadAdapterError, Logits, PredictError, Predictor, Reading, SaveError,
    SavedInfo, Setting, default_pooling, has_pairs, write_info,
};
use linear::{Dense, LogisticRegression, Malformed, Matrix, Tensors};
use serde_json::Value;
use std::path::Path;
use task::Example;
use transformer::{Depth, Pretrained};

const FILE: &str = "features.safetensors";

/// The model and what the description beside the tensors says.
pub(crate) struct Common {
    method: &'static str,
    config: Value,
    classes: Vec<String>,
    budget: Budget,
    pairs: Option<bool>,
    extractor: Extractor,
    /// The numbers of blocks whose states are the features, side by side; rising.
    layers: Vec<usize>,
}

impl Common {
    pub(crate) fn new(
        method: &'static str,
        config: Value,
        setting: &Setting<'_>,
        extractor: Extractor,
        layers: Vec<usize>,
    ) -> Self {
        Self {
            method,
            config,
            classes: setting.classes.to_vec(),
            budget: setting.budget.clone(),
            pairs: Some(has_pairs(setting.train)),
            extractor,
            layers,
        }
    }

    /// The features, after `scale` was applied to each layer's.
    fn features(
        &self,
        examples: &[Example],
        scale: impl Fn(&mut Features),
    ) -> Result<Features, PredictError> {
        let mut layers = self.extractor.features(examples, &self.layers)?;
        layers.iter_mut().for_each(scale);
        Ok(match layers.len() {
            1 => layers.remove(0),
            _ => Features::side_by_side(&layers),
        })
    }

    /// Parameters that run for the features.
    fn params(&self) -> u64 {
        let last = self.layers.last().copied().unwrap_or(0);
        self.extractor.params_below(last)
    }

    fn write(&self, tensors: Tensors, dir: &Path) -> Result<(), SaveError> {
        let info = SavedInfo {
            method: self.method.to_owned(),
            config: self.config.clone(),
            classes: self.classes.clone(),
            budget: self.budget.clone(),
            pooling: Some(self.extractor.pooling()),
            base_model: self.extractor.model_name().to_owned(),
            base_digest: Some(self.extractor.model_digest().to_owned()),
            pairs: self.pairs,
        };
        write_info(&info, dir)?;
        let path = dir.join(FILE);
        std::fs::write(&path, tensors.indices("layer", &self.layers).to_bytes()).map_err(|source| {
            SaveError {
                path: path.display().to_string(),
                source,
            }
        })
    }

    fn read(
        method: &'static str,
        config: Value,
        dir: &Path,
        info: SavedInfo,
        base: Option<&Pretrained>,
    ) -> Result<(Self, Tensors), LoadAdapterError> {
        let base = base.ok_or(LoadAdapterError::NeedsModel)?;
        let bytes = adapt::read_file(dir, FILE, adapt::TENSORS_BYTES)?;
        let tensors = Tensors::from_bytes(&bytes).map_err(|error| malformed(dir, error))?;
        let layers = tensors
            .get_indices("layer")
            .map_err(|error| malformed(dir, error))?;
        let most = base.shape.layers;
        if layers.is_empty()
            || !layers.is_sorted_by(|a, b| a < b)
            || layers.iter().any(|&layer| layer > most)
        {
            let reason = format!(
                "tensor \"layer\" is {layers:?}, expected rising numbers up to {most}; was it trained on another model?"
            );
            return Err(malformed(dir, Malformed(reason)));
        }
        let pooling = info.pooling.unwrap_or_else(|| default_pooling(&base.shape));
        let extractor = Extractor::new(
            base,
            pooling,
            info.budget.max_length,
            info.budget.eval_batch,
        );
        Ok((
            Self {
                method,
                config,
                classes: info.classes,
                budget: info.budget,
                pairs: info.pairs,
                extractor,
                layers,
            },
            tensors,
        ))
    }

    fn check_width(&self, found: usize, dir: &Path) -> Result<(), LoadAdapterError> {
        let expected = self.layers.len() * self.extractor.width();
        if found == expected {
            return Ok(());
        }
        let reason = format!(
            "its classifier has {found} features, the model gives {expected}; was it trained on another model?"
        );
        Err(malformed(dir, Malformed(reason)))
    }
}

fn malformed(dir: &Path, error: Malformed) -> LoadAdapterError {
    LoadAdapterError::Malformed {
        path: dir.join(FILE).display().to_string(),
        reason: error.0,
    }
}

/// Logistic regression on features.
pub(crate) struct FittedClassifier {
    pub(crate) classifier: LogisticRegression,
    pub(crate) unit_length: bool,
    pub(crate) common: Common,
}

impl FittedClassifier {
    pub(crate) fn load(
        config: FeatureBased,
        dir: &Path,
        info: SavedInfo,
        base: Option<&Pretrained>,
    ) -> Result<Self, LoadAdapterError> {
        let resolved = serde_json::to_value(&config).expect("settings serialise");
        let (common, tensors) = Common::read(
            crate::method::FEATURE_BASED_INFO.name,
            resolved,
            dir,
            info,
            base,
        )?;
        let classifier = LogisticRegression::from_tensors(&tensors, common.classes.len())
            .map_err(|error| malformed(dir, error))?;
        common.check_width(classifier.columns(), dir)?;
        Ok(Self {
            classifier,
            unit_length: config.scaling == Scaling::UnitLength,
            common,
        })
    }
}

impl Predictor for FittedClassifier {
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let features = self.common.features(examples, |layer| {
            if self.unit_length {
                layer.scale_to_unit_length();
            }
        })?;
        Ok(to_f32(
            self.classifier.logits(&Matrix::Dense(features.dense())),
        ))
    }

    fn pairs(&self) -> Option<bool> {
        self.common.pairs
    }

    fn footprint(&self) -> Footprint {
        let trainable = self.classifier.parameters() as u64;
        Footprint {
            trainable_params: trainable,
            total_params: self.common.params() + trainable,
            stored_bytes: 4 * trainable,
            acts_from: Some(Depth::Head),
            ..Footprint::default()
        }
    }

    fn reading(&self, examples: &[Example]) -> Result<Option<Reading>, PredictError> {
        self.common.extractor.reading(examples).map(Some)
    }

    fn save(&self, dir: &Path) -> Result<(), SaveError> {
        self.common.write(self.classifier.to_tensors(), dir)
    }
}

/// The training texts' features and classes.
pub(crate) struct FittedNeighbours {
    config: Knn,
    k: usize,
    stored: Features,
    /// `stored`, ready for the search.
    dense: Dense,
    labels: Vec<usize>,
    common: Common,
}

impl FittedNeighbours {
    pub(crate) fn new(
        config: Knn,
        k: usize,
        stored: Features,
        labels: Vec<usize>,
        common: Common,
    ) -> Self {
        Self {
            config,
            k,
            dense: stored.dense(),
            stored,
            labels,
            common,
        }
    }

    pub(crate) fn load(
        config: Knn,
        dir: &Path,
        info: SavedInfo,
        base: Option<&Pretrained>,
    ) -> Result<Self, LoadAdapterError> {
        let resolved = serde_json::to_value(&config).expect("settings serialise");
        let (common, tensors) =
            Common::read(crate::method::KNN_INFO.name, resolved, dir, info, base)?;
        let in_file = |error| malformed(dir, error);
        let (shape, values) = tensors.get_floats("neighbours.features").map_err(in_file)?;
        let labels = tensors.get_indices("neighbours.labels").map_err(in_file)?;
        let k = tensors.get_indices("neighbours.k").map_err(in_file)?;
        let (&[rows, width], &[k]) = (shape, &k[..]) else {
            let reason = format!(
                "\"neighbours.features\" has shape {shape:?} and \"neighbours.k\" is {k:?}, expected two dimensions and one number"
            );
            return Err(in_file(Malformed(reason)));
        };
        common.check_width(width, dir)?;
        let classes = common.classes.len();
        if labels.len() != rows
            || !(1..=rows).contains(&k)
            || labels.iter().any(|&label| label >= classes)
        {
            let reason = format!(
                "{} labels and k = {k} for {rows} stored texts of {classes} classes do not fit together",
                labels.len()
            );
            return Err(in_file(Malformed(reason)));
        }
        Ok(Self::new(
            config,
            k,
            Features { width, values },
            labels,
            common,
        ))
    }
}

impl Predictor for FittedNeighbours {
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let queries = self.common.features(examples, |_| {})?.dense();
        let found = linear::nearest(&self.dense, &queries, self.k, self.config.metric);
        let shares = linear::vote(
            &found,
            &self.labels,
            self.common.classes.len(),
            self.k,
            self.config.votes,
        );
        Ok(to_f32(
            shares
                .iter()
                .map(|shares| linear::log_probabilities(shares, self.k, self.config.smoothing))
                .collect(),
        ))
    }

    fn pairs(&self) -> Option<bool> {
        self.common.pairs
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            total_params: self.common.params(),
            stored_bytes: 4 * (self.stored.values.len() + self.labels.len()) as u64,
            acts_from: Some(Depth::Head),
            ..Footprint::default()
        }
    }

    fn reading(&self, examples: &[Example]) -> Result<Option<Reading>, PredictError> {
        self.common.extractor.reading(examples).map(Some)
    }

    fn save(&self, dir: &Path) -> Result<(), SaveError> {
        let tensors = Tensors::default()
            .floats(
                "neighbours.features",
                &[self.labels.len(), self.stored.width],
                self.stored.values.iter().copied(),
            )
            .indices("neighbours.labels", &self.labels)
            .indices("neighbours.k", &[self.k]);
        self.common.write(tensors, dir)
    }
}

fn to_f32(logits: Vec<Vec<f64>>) -> Vec<Logits> {
    logits
        .into_iter()
        .map(|row| row.into_iter().map(|logit| logit as f32).collect())
        .collect()
}
