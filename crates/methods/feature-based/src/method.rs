//! `feature-based` and `knn` as the registry holds them.

use crate::common::Common;
use crate::config::{FeatureBased, Knn, Scaling};
use crate::predictor::{FittedClassifier, FittedNeighbours};
use crate::prepared::{Candidate, Prepared, Wanted, note};
use adapt::linear_fit::{choose_c, need_validation, note_choice};
use adapt::{
    ConfigError, DataShape, Described, Event, FitError, Held, Level, LoadAdapterError, Method,
    MethodInfo, Phase, Plan, Predictor, SavedInfo, Score, Setting, SettingDoc, argmax,
    parse_config,
};
use linear::{Choice, Dense, Labelled, Matrix, Standardisation};
use serde_json::{Value, json};
use std::path::Path;
use transformer::Pretrained;

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
        let prepared = Prepared::new(FEATURE_BASED_INFO.name, self.wanted(), &mut setting)?;
        let candidates = self.c.values().len() * prepared.candidates.len();
        need_validation(setting.validation.len(), candidates)?;
        let (labels, validation_labels) = (setting.train.labels(), setting.validation.labels());
        let mut best: Option<(Candidate, Choice)> = None;
        let mut tried = PairsTried::default();
        let mut step = 0;
        for (candidate, train, validation) in prepared.each_candidate() {
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
            let c = choice.best_trial().c;
            tried.add(candidate, score(&choice), json!({"c": c}));
            // The first stays where nothing was validated: there is one candidate then.
            if best
                .as_ref()
                .is_none_or(|(_, best)| score(&choice).beats(Some(score(best))))
            {
                best = Some((candidate.clone(), choice));
            }
        }
        let (chosen, choice) = best.expect("at least one layer");
        note(&mut setting, "layer", named(&chosen.layers));
        prepared.note_truncated(&chosen, &mut setting);
        tried.note(&prepared, &chosen, &mut setting);
        note_choice(&choice, setting.events);
        let common = Common::new(
            FEATURE_BASED_INFO.name,
            self.resolved(),
            self.scaling,
            &setting,
            prepared,
            chosen,
        );
        Ok(Box::new(FittedClassifier {
            classifier: choice.model.rounded_to_f32(),
            common,
        }))
    }

    fn held(&self, data: &DataShape<'_>) -> Option<Held> {
        self.wanted().held(data)
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
    fn wanted(&self) -> Wanted {
        Wanted {
            pooling: self.pooling,
            layer: self.layer,
            pairs: self.pairs,
            scaling: self.scaling,
        }
    }

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
        let mut prepared = Prepared::new(KNN_INFO.name, self.wanted(), &mut setting)?;
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
        for (number, (candidate, train, validation)) in prepared.each_candidate().enumerate() {
            let layers = &candidate.layers;
            trials.extend(self.score(layers, &train, &labels, &validation, &setting, &ks));
            candidate_of.resize(trials.len(), number);
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
        note(&mut setting, "layer", chosen.layer.clone());
        note(&mut setting, "k", chosen.k.into());
        if !setting.validation.is_empty() {
            let trials = serde_json::to_value(&trials).expect("trials serialise");
            note(&mut setting, "k_trials", trials);
        }
        let mut tried = PairsTried::default();
        for (trial, &number) in trials.iter().zip(&candidate_of) {
            let candidate = &prepared.candidates[number];
            tried.add(candidate, trial.score(), json!({"k": trial.k}));
        }
        let stored = prepared.train.swap_remove(candidate_of[best]);
        let kept = prepared.candidates[candidate_of[best]].clone();
        prepared.note_truncated(&kept, &mut setting);
        tried.note(&prepared, &kept, &mut setting);
        let common = Common::new(
            KNN_INFO.name,
            self.resolved(),
            Scaling::None,
            &setting,
            prepared,
            kept,
        );
        Ok(Box::new(FittedNeighbours::new(
            *self, chosen.k, stored, labels, common,
        )))
    }

    fn held(&self, data: &DataShape<'_>) -> Option<Held> {
        self.wanted().held(data)
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

/// The best of each way to encode pairs, for the record.
#[derive(Default)]
struct PairsTried(Vec<(Candidate, Score, Value)>);

impl PairsTried {
    fn add(&mut self, candidate: &Candidate, score: Score, setting: Value) {
        let same =
            |(other, _, _): &&mut (Candidate, Score, Value)| other.encoding == candidate.encoding;
        match self.0.iter_mut().find(same) {
            Some(best) if score.beats(Some(best.1)) => *best = (candidate.clone(), score, setting),
            Some(_) => {}
            None => self.0.push((candidate.clone(), score, setting)),
        }
    }

    fn note(self, prepared: &Prepared, chosen: &Candidate, setting: &mut Setting<'_>) {
        let Some(encodings) = prepared.encodings else {
            return;
        };
        note(setting, "pairs", chosen.encoding.as_str().into());
        if encodings.len() < 2 {
            return;
        }
        let trials = self.0.into_iter().map(|(candidate, score, found)| {
            let mut trial = json!({
                "pairs": candidate.encoding.as_str(),
                "layer": named(&candidate.layers),
                "validation_accuracy": score.accuracy,
                "validation_loss": score.loss,
            });
            for (name, value) in found.as_object().into_iter().flatten() {
                trial[name] = value.clone();
            }
            trial
        });
        note(setting, "pairs_trials", trials.collect());
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
    fn wanted(&self) -> Wanted {
        Wanted {
            pooling: self.pooling,
            layer: self.layer,
            pairs: self.pairs,
            scaling: Scaling::None,
        }
    }

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
