//! A served model as the registry holds it.

use crate::config::{Endpoint, NAME, REQUIRED, Selection};
use crate::predictor::{Fitted, Prompt};
use adapt::{
    ConfigError, DataShape, Described, Event, FitError, Held, Hue, Level, LoadAdapterError, Look,
    Method, MethodInfo, Outline, Phase, Plan, Predictor, SavedInfo, Setting, SettingDoc, has_pairs,
    malformed, parse_config, read_file,
};
use prompt::{Demonstration, PROMPT_FILE, draw, label_words, order, unusable};
use serde_json::Value;
use std::path::{Path, PathBuf};
use transformer::Pretrained;

/// `endpoint`.
pub static ENDPOINT: EndpointMethod = EndpointMethod;

/// Bound for what is saved: labelled texts to find the nearest among are in it.
const PROMPT_BYTES: u64 = 512 << 20;

/// In-context learning on a served model.
#[derive(Clone, Copy, Debug)]
pub struct EndpointMethod;

impl Method for EndpointMethod {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: NAME,
            definition: "A model behind an OpenAI-compatible server is asked for the class in words, with labelled examples in the prompt; nothing is trained, and calls cost money.",
            paper: "Brown et al. 2020, Language Models are Few-Shot Learners, arXiv:2005.14165",
            level: Level::Text,
            uses_model: false,
            look: Some(Look {
                hue: Hue::Black,
                outline: Outline::Hexagon,
            }),
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        let settings: Endpoint = parse_config(NAME, config)?;
        settings.check()?;
        Ok(Box::new(EndpointPlan {
            settings,
            answers: None,
        }))
    }

    fn settings(&self) -> &'static [SettingDoc] {
        Endpoint::SETTINGS
    }

    fn required(&self) -> &'static [&'static str] {
        REQUIRED
    }

    fn not_applicable(&self, _base: &Pretrained) -> Option<String> {
        Some(format!("{NAME} asks a server and no model of this machine"))
    }
}

/// Settings, and where answers are kept.
struct EndpointPlan {
    settings: Endpoint,
    /// `None`: as long as the process lives.
    answers: Option<PathBuf>,
}

impl Plan for EndpointPlan {
    fn resolved(&self) -> Value {
        serde_json::to_value(&self.settings).expect("settings serialise")
    }

    fn keep_answers_in(&mut self, dir: &Path) {
        self.answers = Some(dir.to_owned());
    }

    fn has_prices(&self) -> Option<bool> {
        Some(self.settings.prices().is_some())
    }

    /// Nothing is asked yet: the validation split chooses nothing here, and asking about it would cost as much as the test.
    fn fit(self: Box<Self>, setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError> {
        (setting.events)(Event::Began(Phase::Prepare));
        let words = label_words(
            &self.settings.label_words,
            setting.classes,
            setting.descriptions,
        )
        .map_err(|reason| FitError::NotApplicable(format!("{NAME}.label_words: {reason}")))?;
        let prompt = Prompt {
            pairs: has_pairs(setting.train),
            words,
            pool: pool(&self.settings, &setting),
        };
        let classes = setting.classes.to_vec();
        let Self { settings, answers } = *self;
        let fitted = Fitted::new(settings, answers, prompt, classes, setting.budget)?;
        Ok(Box::new(fitted))
    }

    /// The labelled texts.
    fn held(&self, _data: &DataShape<'_>) -> Option<Held> {
        Some(Held::default())
    }

    fn load_with(
        self: Box<Self>,
        dir: &Path,
        info: SavedInfo,
        _base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        let bytes = read_file(dir, PROMPT_FILE, PROMPT_BYTES)?;
        let prompt: Prompt =
            serde_json::from_slice(&bytes).map_err(|error| malformed(dir, PROMPT_FILE, error))?;
        let classes = info.classes.len();
        if prompt.words.len() != classes {
            let found = prompt.words.len();
            let reason = format!("{found} label words, expected one for each of {classes} classes");
            return Err(malformed(dir, PROMPT_FILE, reason));
        }
        if let Some(other) = prompt.pool.iter().find(|shown| shown.label >= classes) {
            let reason = format!(
                "an example of class {}, expected one of {classes}",
                other.label
            );
            return Err(malformed(dir, PROMPT_FILE, reason));
        }
        let Self { settings, answers } = *self;
        let fitted = Fitted::new(settings, answers, prompt, info.classes, info.budget);
        Ok(Box::new(fitted.map_err(unusable(dir))?))
    }
}

/// The labelled examples that are shown: the draw and the order of `in-context`, or all, among which the nearest are found.
fn pool(settings: &Endpoint, setting: &Setting<'_>) -> Vec<Demonstration> {
    let Setting {
        train,
        classes,
        seed,
        ..
    } = setting;
    let shown = match settings.selection {
        Selection::ZeroShot => Vec::new(),
        Selection::KShot => order(
            &draw(train, settings.shots(), classes, *seed, 0),
            *seed,
            0,
            0,
        ),
        Selection::Nearest => (0..train.len()).collect(),
    };
    let examples = shown.iter().map(|&place| &train.examples[place]);
    examples.map(Demonstration::from).collect()
}
