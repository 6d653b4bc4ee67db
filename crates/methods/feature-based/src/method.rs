//! `feature-based` and `knn` as the registry holds them.

use crate::config::{FeatureBased, Knn, Layer, Scaling};
use crate::features::{Extractor, Features};
use crate::predictor::{Common, FittedClassifier, FittedNeighbours};
use adapt::linear_fit::{choose_c, need_validation, note_choice};
use adapt::{
    ConfigError, Described, Event, FitError, Level, LoadAdapterError, Method, MethodInfo, Phase,
    Plan, Predictor, SavedInfo, Score, Setting, SettingDoc, argmax, default_pooling, parse_config,
};
use linear::{Choice, Dense, Labelled, Matrix, Standardisation};
use serde_json::Value;
use std::path::Path;
use transformer::{Pooling, Pretrained};

/// `feature-based` in the registry.
pub static FEATURE_BASED: FeatureBasedMethod = FeatureBasedMethod;

/// `knn` in the registry.
pub static KNN: KnnMethod = KnnMethod;

/// Logistic regression on frozen features.
#[derive(Clone, Copy, Debug)]
pub struct FeatureBasedMethod;

/// Nearest neighbours among frozen features.
#[derive(Clone, Copy, Debug)]
pub struct KnnMethod;

pub(crate) const FEATURE_BASED_INFO: MethodInfo = MethodInfo {
    name: "feature-based",
    definition: "The frozen model's pooled hidden states under logistic regression fitted to convergence.",
    paper: "Peters, Ruder & Smith 2019, To Tune or Not to Tune?, arXiv:1903.05987; Devlin et al. 2019, section 5.3",
    level: Level::Features,
    uses_model: true,
};

pub(crate) const KNN_INFO: MethodInfo = MethodInfo {
    name: "knn",
    definition: "The classes of the training texts whose frozen features are nearest; nothing is trained.",
    paper: "Cover & Hart 1967, Nearest Neighbor Pattern Classification; Dudani 1976 (votes by distance)",
    level: Level::Features,
    uses_model: true,
};

impl Method for FeatureBasedMethod {
    fn info(&self) -> &'static MethodInfo {
        &FEATURE_BASED_INFO
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<FeatureBased>(
            FEATURE_BASED_INFO.name,
            config,
        )?))
    }

    fn settings(&self) -> &'static [SettingDoc] {
        FeatureBased::SETTINGS
    }
}

impl Method for KnnMethod {
    fn info(&self) -> &'static MethodInfo {
        &KNN_INFO
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<Knn>(KNN_INFO.name, config)?))
    }

    fn settings(&self) -> &'static [SettingDoc] {
        Knn::SETTINGS
    }
}

impl Plan for FeatureBased {
    fn resolved(&self) -> Value {
        serde_json::to_value(self).expect("settings serialise")
    }

    fn fit(self: Box<Self>, mut setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError> {
        let prepared = Prepared::new(
            FEATURE_BASED_INFO.name,
            self.pooling,
            self.layer,
            self.scaling == Scaling::UnitLength,
            &mut setting,
        )?;
        let candidates = self.c.values().len() * prepared.candidates.len();
        need_validation(setting.validation.len(), candidates)?;
        let (labels, validation_labels) = (setting.train.labels(), setting.validation.labels());
        let mut best: Option<(Vec<usize>, Choice)> = None;
        let mut step = 0;
        for (layers, train, validation) in prepared.each_candidate() {
            let (train, validation, standardisation) = self.scaled(train, validation);
            let train = Labelled {
                features: &train,
                labels: &labels,
            };
            let validation = Labelled {
                features: &validation,
                labels: &validation_labels,
            };
            let mut choice = choose_c(
                train,
                validation,
                setting.classes.len(),
                &self.c,
                &mut step,
                setting.events,
            );
            if let Some(standardisation) = standardisation {
                choice.model = standardisation.undo(choice.model);
            }
            let score = |choice: &Choice| score_of(choice.best_trial());
            // The first stays where nothing was validated: there is one candidate then.
            if best
                .as_ref()
                .is_none_or(|(_, best)| score(&choice).beats(Some(score(best))))
            {
                best = Some((layers.to_vec(), choice));
            }
        }
        let (layers, choice) = best.expect("at least one layer");
        (setting.events)(Event::Note {
            name: "layer".to_owned(),
            value: named(&layers),
        });
        note_choice(&choice, setting.events);
        let common = Common::new(
            FEATURE_BASED_INFO.name,
            self.resolved(),
            &setting,
            prepared.extractor,
            layers,
        );
        let unit_length = self.scaling == Scaling::UnitLength;
        Ok(Box::new(FittedClassifier {
            classifier: choice.model.rounded_to_f32(),
            unit_length,
            common,
        }))
    }

    fn load_with(
        self: Box<Self>,
        dir: &Path,
        info: SavedInfo,
        base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        Ok(Box::new(FittedClassifier::load(*self, dir, info, base)?))
    }
}

impl FeatureBased {
    /// Both splits as the classifier sees them, and how to bring it back to the features as they are.
    fn scaled(&self, train: Dense, validation: Dense) -> (Matrix, Matrix, Option<Standardisation>) {
        if self.scaling != Scaling::Standardise {
            return (Matrix::Dense(train), Matrix::Dense(validation), None);
        }
        let standardisation = Standardisation::of(&train);
        let [train, validation] =
            [&train, &validation].map(|split| Matrix::Dense(standardisation.apply(split)));
        (train, validation, Some(standardisation))
    }
}

impl Plan for Knn {
    fn resolved(&self) -> Value {
        serde_json::to_value(self).expect("settings serialise")
    }

    fn fit(self: Box<Self>, mut setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError> {
        let mut prepared =
            Prepared::new(KNN_INFO.name, self.pooling, self.layer, false, &mut setting)?;
        let n = setting.train.len();
        let mut ks: Vec<usize> = self.k.values().iter().map(|&k| k.min(n)).collect();
        ks.dedup();
        need_validation(
            setting.validation.len(),
            ks.len() * prepared.candidates.len(),
        )?;
        let labels = setting.train.labels();
        (setting.events)(Event::Began(Phase::Validate));
        let mut trials = Vec::new();
        let mut candidate_of = Vec::new();
        for (candidate, (layers, train, validation)) in prepared.each_candidate().enumerate() {
            trials.extend(self.score(layers, &train, &labels, &validation, &setting, &ks));
            candidate_of.resize(trials.len(), candidate);
        }
        let best = (1..trials.len()).fold(0, |best, i| {
            if trials[i].score().beats(Some(trials[best].score())) {
                i
            } else {
                best
            }
        });
        let chosen = &trials[best];
        for (step, trial) in trials
            .iter()
            .enumerate()
            .filter(|_| !setting.validation.is_empty())
        {
            let (accuracy, loss) = (trial.validation_accuracy, trial.validation_loss);
            (setting.events)(Event::Validated {
                step: step as u64 + 1,
                epoch: 0.0,
                accuracy,
                loss,
            });
        }
        let mut note = |name: &str, value: Value| {
            (setting.events)(Event::Note {
                name: name.to_owned(),
                value,
            })
        };
        note("layer", chosen.layer.clone());
        note("k", chosen.k.into());
        if !setting.validation.is_empty() {
            note(
                "k_trials",
                serde_json::to_value(&trials).expect("trials serialise"),
            );
        }
        let stored = prepared.train.swap_remove(candidate_of[best]);
        let layers = prepared.candidates.swap_remove(candidate_of[best]);
        let common = Common::new(
            KNN_INFO.name,
            self.resolved(),
            &setting,
            prepared.extractor,
            layers,
        );
        Ok(Box::new(FittedNeighbours::new(
            *self, chosen.k, stored, labels, common,
        )))
    }

    fn load_with(
        self: Box<Self>,
        dir: &Path,
        info: SavedInfo,
        base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        Ok(Box::new(FittedNeighbours::load(*self, dir, info, base)?))
    }
}

/// What the validation split says of a C; 0 and 0 without one.
fn score_of(trial: &linear::Trial) -> Score {
    Score {
        accuracy: trial.validation_accuracy.unwrap_or(0.0),
        loss: trial.validation_loss.unwrap_or(0.0),
    }
}

/// Layers in the record: a number, or a list where several stand side by side.
fn named(layers: &[usize]) -> Value {
    match *layers {
        [layer] => layer.into(),
        _ => layers.into(),
    }
}

/// One number of neighbours at one layer.
#[derive(Clone, Debug, serde::Serialize)]
struct KTrial {
    layer: Value,
    k: usize,
    validation_accuracy: f64,
    validation_loss: f64,
}

impl KTrial {
    fn score(&self) -> Score {
        Score {
            accuracy: self.validation_accuracy,
            loss: self.validation_loss,
        }
    }
}

impl Knn {
    /// Every k from one search for the most neighbours.
    fn score(
        &self,
        layers: &[usize],
        train: &Dense,
        labels: &[usize],
        validation: &Dense,
        setting: &Setting<'_>,
        ks: &[usize],
    ) -> Vec<KTrial> {
        let found = linear::nearest(train, validation, ks[ks.len() - 1], self.metric);
        let wanted = setting.validation.labels();
        let of_k = |&k: &usize| {
            let shares = linear::vote(&found, labels, setting.classes.len(), k, self.votes);
            let score = Score::of_answers(shares.iter().zip(&wanted).map(|(shares, &label)| {
                let log_probabilities = linear::log_probabilities(shares, k, self.smoothing);
                (argmax(shares) == label, -log_probabilities[label])
            }));
            KTrial {
                layer: named(layers),
                k,
                validation_accuracy: score.accuracy,
                validation_loss: score.loss,
            }
        };
        ks.iter().map(of_k).collect()
    }
}

/// Features of both splits for everything that is tried.
struct Prepared {
    extractor: Extractor,
    /// The layer of each candidate, or the layers that stand side by side in it, rising.
    candidates: Vec<Vec<usize>>,
    train: Vec<Features>,
    validation: Vec<Features>,
}

impl Prepared {
    fn new(
        method: &str,
        pooling: Option<Pooling>,
        layer: Layer,
        unit_length: bool,
        setting: &mut Setting<'_>,
    ) -> Result<Self, FitError> {
        let base = setting.take_model(method)?;
        let layers = match layer {
            Layer::Last => vec![base.shape.layers],
            Layer::Auto | Layer::All => (0..=base.shape.layers).collect(),
            Layer::After(blocks) if blocks <= base.shape.layers => vec![blocks],
            Layer::After(blocks) => {
                let most = base.shape.layers;
                let reason = format!(
                    "{method}: layer is {blocks} and the model has {most} blocks; expected 0 to {most}, \"last\", \"auto\" or \"all\""
                );
                return Err(FitError::NotApplicable(reason));
            }
        };
        (setting.events)(Event::Began(Phase::Prepare));
        let pooling = pooling
            .or(setting.budget.pooling)
            .unwrap_or_else(|| default_pooling(&base.shape));
        let extractor = Extractor::new(
            &base,
            pooling,
            setting.budget.max_length,
            setting.budget.eval_batch,
        );
        let truncated = extractor.truncated(&setting.train.examples)?
            + extractor.truncated(&setting.validation.examples)?;
        if truncated > 0 {
            (setting.events)(Event::Note {
                name: "truncated_texts".to_owned(),
                value: truncated.into(),
            });
        }
        let mut train = extractor.features(&setting.train.examples, &layers)?;
        let mut validation = extractor.features(&setting.validation.examples, &layers)?;
        if unit_length {
            train
                .iter_mut()
                .chain(&mut validation)
                .for_each(Features::scale_to_unit_length);
        }
        let (candidates, train, validation) = match layer {
            Layer::All => (
                vec![layers],
                vec![Features::side_by_side(&train)],
                vec![Features::side_by_side(&validation)],
            ),
            _ => (
                layers.into_iter().map(|layer| vec![layer]).collect(),
                train,
                validation,
            ),
        };
        Ok(Self {
            extractor,
            candidates,
            train,
            validation,
        })
    }

    fn each_candidate(&self) -> impl Iterator<Item = (&[usize], Dense, Dense)> + '_ {
        let splits = self.train.iter().zip(&self.validation);
        self.candidates
            .iter()
            .zip(splits)
            .map(|(layers, (train, validation))| (&layers[..], train.dense(), validation.dense()))
    }
}
