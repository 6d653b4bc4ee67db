//! The fitted classifiers of frozen features, kept in `features.safetensors` beside `adaptbench.json`.

use crate::common::{Common, malformed};
use crate::config::{FeatureBased, Knn, Scaling};
use crate::features::Features;
use adapt::{
    Footprint, LoadAdapterError, Logits, PredictError, Predictor, Reading, SaveError, SavedInfo,
};
use linear::{Dense, LogisticRegression, Malformed, Matrix, Tensors};
use std::path::Path;
use task::Example;
use transformer::Pretrained;

/// Logistic regression on features.
pub(crate) struct FittedClassifier {
    pub(crate) classifier: LogisticRegression,
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
            config.scaling,
            dir,
            info,
            base,
        )?;
        let classifier = LogisticRegression::from_tensors(&tensors, common.classes.len())
            .map_err(|error| malformed(dir, error))?;
        common.check_width(classifier.columns(), dir)?;
        Ok(Self { classifier, common })
    }
}

impl Predictor for FittedClassifier {
    fn class_logits(&self, examples: &[Example]) -> Result<Vec<Logits>, PredictError> {
        let features = self.common.features(examples)?;
        Ok(to_f32(
            self.classifier.logits(&Matrix::Dense(features.dense())),
        ))
    }

    fn pairs(&self) -> Option<bool> {
        self.common.reads_pairs()
    }

    fn footprint(&self) -> Footprint {
        let trainable = self.classifier.parameters() as u64;
        let common = self.common.footprint();
        Footprint {
            trainable_params: trainable,
            total_params: common.total_params + trainable,
            stored_bytes: 4 * trainable,
            ..common
        }
    }

    fn reading(&self, examples: &[Example]) -> Result<Option<Reading>, PredictError> {
        self.common.reading(examples).map(Some)
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
        let (common, tensors) = Common::read(
            crate::method::KNN_INFO.name,
            resolved,
            Scaling::None,
            dir,
            info,
            base,
        )?;
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
        let queries = self.common.features(examples)?.dense();
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
        self.common.reads_pairs()
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            stored_bytes: 4 * (self.stored.values.len() + self.labels.len()) as u64,
            ..self.common.footprint()
        }
    }

    fn reading(&self, examples: &[Example]) -> Result<Option<Reading>, PredictError> {
        self.common.reading(examples).map(Some)
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
