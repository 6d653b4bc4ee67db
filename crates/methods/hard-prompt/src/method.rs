//! Hard prompts as the registry holds them.

use crate::choose_template::choose_template;
use crate::config::{HardPrompt, NAME};
use crate::predictor::Fitted;
use crate::prompt::Trace;
use crate::search_trigger::search_trigger;
use ::prompt::{AskedModel, Mode, PromptedModel, unusable};
use adapt::{
    ConfigError, Event, FitError, Hue, Level, LoadAdapterError, Look, Method, MethodInfo, Outline,
    Phase, Plan, Predictor, SavedInfo, Setting, note_folder, parse_config,
};
use serde_json::Value;
use std::path::Path;
use transformer::{Pooling, Pretrained};

/// `hard-prompt`.
pub static HARD_PROMPT: HardPromptMethod = HardPromptMethod;

/// Discrete search of the prompt's words with the model frozen.
#[derive(Clone, Copy, Debug)]
pub struct HardPromptMethod;

impl Method for HardPromptMethod {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: NAME,
            definition: "The model is frozen and asked for the class in words; the words of the prompt are searched, guided by the gradient or among written templates.",
            paper: "Shin et al. 2020, AutoPrompt: Eliciting Knowledge from Language Models with Automatically Generated Prompts, arXiv:2010.15980",
            level: Level::Text,
            uses_model: true,
            look: Some(Look {
                hue: Hue::Purple,
                outline: Outline::Down,
            }),
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        let config: HardPrompt = parse_config(NAME, config)?;
        config.check()?;
        Ok(Box::new(config))
    }
}

impl Plan for HardPrompt {
    fn resolved(&self) -> Value {
        serde_json::to_value(self).expect("a configuration serialises")
    }

    fn fit(self: Box<Self>, mut setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError> {
        (setting.events)(Event::Began(Phase::Prepare));
        let base = setting.take_model(NAME)?;
        let model = AskedModel::frozen(&base);
        let (prompt, trace) = match self.by_gradient() {
            true => search_trigger(&self, &base, &model, &mut setting)?,
            false => choose_template(&self, &model, &mut setting)?,
        };
        let asked = PromptedModel {
            model,
            config: *self,
            prompt,
            classes: setting.classes.to_vec(),
            budget: setting.budget.clone(),
        };
        if asked.mode() == Mode::Similarity {
            // The trigger is searched for the mean of the states, whatever modules.json makes of them.
            let (folder, length) = (&asked.model.sentence, asked.max_length());
            note_folder(&mut setting, folder, Some(Pooling::Mean), length);
        }
        Ok(Box::new(Fitted::new(asked, trace)?))
    }

    fn load_with(
        self: Box<Self>,
        dir: &Path,
        info: SavedInfo,
        base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        let asked = PromptedModel::load(*self, dir, info, base)?;
        let fitted = Fitted::new(asked, Trace::new());
        Ok(Box::new(fitted.map_err(unusable(dir))?))
    }
}
