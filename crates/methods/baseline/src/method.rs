//! The baselines as the registry holds them.

use crate::config::{Majority, TfIdf};
use crate::predictor::{Common, FittedMajority, FittedTfIdf, texts_of};
use adapt::linear_fit::{choose_c, fit_chosen, need_validation, note_choice};
use adapt::{
    ConfigError, DataShape, Described, Event, FitError, Held, Hue, Level, LoadAdapterError, Look,
    Method, MethodInfo, Outline, Phase, Plan, Predictor, SavedInfo, Setting, SettingDoc,
    parse_config,
};
use linear::{Labelled, Matrix};
use serde_json::Value;
use std::path::Path;
use transformer::Pretrained;

/// `majority` in the registry.
pub static MAJORITY: MajorityMethod = MajorityMethod;

/// `tf-idf` in the registry.
pub static TF_IDF: TfIdfMethod = TfIdfMethod;

/// The shares of the classes among the training labels, whatever the text.
#[derive(Clone, Copy, Debug)]
pub struct MajorityMethod;

/// TF-IDF with logistic regression.
#[derive(Clone, Copy, Debug)]
pub struct TfIdfMethod;

pub(crate) const MAJORITY_INFO: MethodInfo = MethodInfo {
    name: "majority",
    definition: "Every text gets the shares of the classes among the training labels; the most frequent class is predicted.",
    paper: "the rule ZeroR; Holte 1993, Very Simple Classification Rules Perform Well on Most Commonly Used Datasets",
    level: Level::Baseline,
    uses_model: false,
    look: Some(Look {
        hue: Hue::Black,
        outline: Outline::Cross,
    }),
};

pub(crate) const TF_IDF_INFO: MethodInfo = MethodInfo {
    name: "tf-idf",
    definition: "Weighted counts of words and word pairs under logistic regression; no pretrained model.",
    paper: "Spärck Jones 1972, A Statistical Interpretation of Term Specificity; Wang & Manning 2012, Baselines and Bigrams",
    level: Level::Baseline,
    uses_model: false,
    look: Some(Look {
        hue: Hue::Black,
        outline: Outline::Diamond,
    }),
};

impl Method for MajorityMethod {
    fn info(&self) -> &'static MethodInfo {
        &MAJORITY_INFO
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<Majority>(
            MAJORITY_INFO.name,
            config,
        )?))
    }
}

impl Method for TfIdfMethod {
    fn info(&self) -> &'static MethodInfo {
        &TF_IDF_INFO
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<TfIdf>(TF_IDF_INFO.name, config)?))
    }

    fn settings(&self) -> &'static [SettingDoc] {
        TfIdf::SETTINGS
    }
}

impl Plan for Majority {
    fn resolved(&self) -> Value {
        serde_json::to_value(self).expect("settings serialise")
    }

    fn fit(self: Box<Self>, setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError> {
        (setting.events)(Event::Began(Phase::Train));
        let counts = setting.train.class_counts(setting.classes.len());
        Ok(Box::new(FittedMajority {
            counts,
            common: Common::new(MAJORITY_INFO.name, self.resolved(), &setting),
        }))
    }

    /// A count a class.
    fn held(&self, _data: &DataShape<'_>) -> Option<Held> {
        Some(Held::default())
    }

    fn load_with(
        self: Box<Self>,
        dir: &Path,
        info: SavedInfo,
        _base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        Ok(Box::new(FittedMajority::load(dir, info)?))
    }
}

impl Plan for TfIdf {
    fn resolved(&self) -> Value {
        serde_json::to_value(self).expect("settings serialise")
    }

    fn fit(self: Box<Self>, setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError> {
        let common = Common::new(TF_IDF_INFO.name, self.resolved(), &setting);
        (setting.events)(Event::Began(Phase::Prepare));
        let (tf_idf, train) =
            linear::TfIdf::fit(&texts_of(&setting.train.examples), self.vectorizer());
        if tf_idf.vocabulary().len() == 0 {
            let reason = "no text of the training split holds a word of two letters or digits that min_df keeps; tf-idf has no features";
            return Err(FitError::NotApplicable(reason.to_owned()));
        }
        (setting.events)(Event::Began(Phase::PrepareValidation));
        let validation = tf_idf.transform(&texts_of(&setting.validation.examples));
        let (train, validation) = (Matrix::Sparse(train), Matrix::Sparse(validation));
        let candidates = self.c.values().len();
        need_validation(setting.validation.len(), candidates)?;
        let (labels, classes) = (setting.train.labels(), setting.classes.len());
        let train = Labelled {
            features: &train,
            labels: &labels,
        };
        let choice = choose_c(
            train,
            Labelled {
                features: &validation,
                labels: &setting.validation.labels(),
            },
            classes,
            &self.c,
            candidates,
            &mut 0,
            setting.events,
        );
        let classifier = fit_chosen(&choice, train, classes, candidates, setting.events);
        note_choice(&choice, setting.events);
        Ok(Box::new(FittedTfIdf {
            tf_idf,
            classifier: classifier.rounded_to_f32(),
            common,
        }))
    }

    fn load_with(
        self: Box<Self>,
        dir: &Path,
        info: SavedInfo,
        _base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        Ok(Box::new(FittedTfIdf::load(dir, info)?))
    }
}
