//! In-context learning as the registry holds it.

use crate::config::{InContext, Mode};
use crate::counts::Counts;
use crate::demonstrations::{draw, order};
use crate::model::Model;
use crate::predictor::Fitted;
use crate::prompt::{Demonstration, Member, Prompt};
use crate::validation::{accuracy_and_loss, average, best_template, spread};
use ::prompt::{Template, label_words};
use adapt::{
    ConfigError, Event, FitError, Level, LoadAdapterError, Method, MethodInfo, Phase, Plan,
    Predictor, SavedInfo, Setting, parse_config,
};
use serde_json::{Value, json};
use std::path::Path;
use transformer::Pretrained;

pub(crate) const NAME: &str = "in-context";

/// `in-context`.
pub static IN_CONTEXT: InContextMethod = InContextMethod;

/// In-context learning: nothing is trained.
#[derive(Clone, Copy, Debug)]
pub struct InContextMethod;

impl Method for InContextMethod {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: NAME,
            definition: "Nothing is trained: labelled examples stand in the prompt, and the class whose words are likeliest to follow is the answer.",
            paper: "Brown et al. 2020, Language Models are Few-Shot Learners, arXiv:2005.14165",
            level: Level::Text,
            uses_model: true,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        let config: InContext = parse_config(NAME, config)?;
        config.check(NAME)?;
        Ok(Box::new(config))
    }
}

impl Plan for InContext {
    fn resolved(&self) -> Value {
        serde_json::to_value(self).expect("a configuration serialises")
    }

    fn fit(self: Box<Self>, mut setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError> {
        (setting.events)(Event::Began(Phase::Prepare));
        let model = Model::new(&setting.take_model(NAME)?);
        let prompt = self.compose(&model, &setting)?;
        let mut fitted = Fitted::new(
            model,
            *self,
            prompt,
            setting.classes.to_vec(),
            setting.budget.clone(),
        )?;
        if !setting.validation.is_empty() {
            (setting.events)(Event::Began(Phase::Validate));
            let (accuracy, loss) = fitted.validate(&setting)?;
            (setting.events)(Event::Validated {
                step: 0,
                epoch: 0.0,
                accuracy,
                loss,
            });
        }
        Ok(Box::new(fitted))
    }

    fn load_with(
        self: Box<Self>,
        dir: &Path,
        info: SavedInfo,
        base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        let base = base.ok_or(LoadAdapterError::NeedsModel)?;
        let prompt = Prompt::read(dir, info.classes.len())?;
        let unfit = |reason: String| LoadAdapterError::Malformed {
            path: dir.display().to_string(),
            reason,
        };
        let model = Model::new(base);
        resolve_mode(prompt.mode, &model).map_err(|error| unfit(error.to_string()))?;
        let fitted = Fitted::new(model, *self, prompt, info.classes, info.budget)
            .map_err(|error| unfit(error.to_string()))?;
        Ok(Box::new(fitted))
    }
}

impl InContext {
    /// Everything that stands around a query, from the training split alone.
    fn compose(&self, model: &Model, setting: &Setting<'_>) -> Result<Prompt, FitError> {
        let mode = resolve_mode(self.mode, model)?;
        let shots = self.shots_in(mode);
        let several = self.draws.get() > 1 || self.orders.get() > 1;
        if several && shots == 0 {
            return Err(FitError::NotApplicable(
                "in-context: draws and orders above 1 need demonstrations, and this model gets none unless shots is set".to_owned(),
            ));
        }
        if self.orders.get() > 1 && mode == Mode::Similarity {
            return Err(FitError::NotApplicable(
                "in-context: this model is asked by similarity, which averages over demonstrations; set orders to 1".to_owned(),
            ));
        }
        let pairs = setting.train.iter().any(|example| example.second.is_some());
        let templates = match mode {
            Mode::Similarity => Vec::new(),
            _ => self.templates_for(pairs).to_vec(),
        };
        if mode == Mode::Prompt {
            for source in &templates {
                Template::parse(source, pairs)
                    .and_then(|template| template.require_label_last())
                    .map_err(|reason| FitError::NotApplicable(format!("in-context: {reason}")))?;
            }
        }
        let (pool, members) = self.ensemble(templates.len().max(1), shots, setting);
        Ok(Prompt {
            mode,
            pairs,
            words: label_words(&self.label_words, setting.classes, setting.descriptions).map_err(
                |reason| FitError::NotApplicable(format!("in-context.label_words: {reason}")),
            )?,
            templates,
            shots,
            pool,
            members,
            window: self.window.map_or(model.shape.max_length, |window| {
                window.get().min(model.shape.max_length)
            }),
            extra_tokens: 0.0,
        })
    }

    /// templates × draws × orders, and the labelled examples they show.
    fn ensemble(
        &self,
        templates: usize,
        shots: usize,
        setting: &Setting<'_>,
    ) -> (Vec<Demonstration>, Vec<Member>) {
        let Setting {
            train,
            classes,
            seed,
            ..
        } = setting;
        let draws: Vec<Vec<usize>> = match self.retrieval {
            true => vec![Vec::new()],
            false => (0..self.draws.get())
                .map(|number| draw(train, shots, classes, *seed, number))
                .collect(),
        };
        let mut shown: Vec<usize> = match self.retrieval {
            true => (0..train.len()).collect(),
            false => draws.concat(),
        };
        shown.sort_unstable();
        shown.dedup();
        let place = |index: usize| shown.binary_search(&index).expect("shown");
        let mut members = Vec::new();
        for template in 0..templates {
            for (draw, drawn) in draws.iter().enumerate() {
                for number in 0..self.orders.get() {
                    let demonstrations = order(drawn, *seed, draw, number)
                        .into_iter()
                        .map(place)
                        .collect();
                    members.push(Member {
                        template,
                        draw,
                        order: number,
                        demonstrations,
                    });
                }
            }
        }
        let pool = shown
            .iter()
            .map(|&index| Demonstration::from(&train.examples[index]))
            .collect();
        (pool, members)
    }
}

impl Fitted {
    /// Scores the validation split, keeps the best template where that is asked for, and notes how far the members lie apart.
    fn validate(&mut self, setting: &Setting<'_>) -> Result<(f64, f64), FitError> {
        let mut counts = Counts::default();
        let mut scores = self.member_scores(&setting.validation.examples, &mut counts)?;
        let labels = setting.validation.labels();
        let accuracies: Vec<f64> = scores
            .iter()
            .filter_map(|rows| accuracy_and_loss(rows, &labels))
            .map(|(a, _)| a)
            .collect();
        if accuracies.len() > 1 {
            self.validated
                .insert("member_validation_accuracy".to_owned(), json!(accuracies));
            self.validated.insert(
                "validation_accuracy_range_over".to_owned(),
                spread(&self.prompt.members, &accuracies),
            );
        }
        if self.config.choose_template {
            let best = best_template(&self.prompt.members, &accuracies);
            self.validated
                .insert("chosen_template".to_owned(), json!(best));
            let mut kept = self
                .prompt
                .members
                .iter()
                .map(|member| member.template == best);
            scores.retain(|_| kept.next() == Some(true));
            self.prompt.members.retain(|member| member.template == best);
        }
        self.prompt.extra_tokens = counts
            .extra_tokens(self.prompt.members.len())
            .unwrap_or(0.0);
        let measured = accuracy_and_loss(&average(&scores), &labels);
        Ok(measured.expect("a validation split with examples"))
    }
}

/// `auto` made definite; refuses what the model cannot do.
fn resolve_mode(mode: Mode, model: &Model) -> Result<Mode, FitError> {
    let causal = model.shape.causal;
    let can_prompt = causal && model.head.is_some();
    let can_fill = !causal && model.head.is_some() && model.tokenizer.mask_id().is_some();
    let refuse = |what: &str, needs: &str| {
        Err(FitError::NotApplicable(format!(
            "in-context.mode {what} needs {needs}, which {} is not; use another mode, or auto",
            model.name
        )))
    };
    match mode {
        Mode::Auto if can_prompt => Ok(Mode::Prompt),
        Mode::Auto if can_fill => Ok(Mode::Cloze),
        Mode::Auto | Mode::Similarity => Ok(Mode::Similarity),
        Mode::Prompt if can_prompt => Ok(Mode::Prompt),
        Mode::Cloze if can_fill => Ok(Mode::Cloze),
        Mode::Prompt => refuse("prompt", "a causal language model with its output layer"),
        Mode::Cloze => refuse(
            "cloze",
            "an encoder with a masked-language-model head and a mask token",
        ),
    }
}
