//! Hard prompts as the registry holds them.

use crate::config::HardPrompt;
use crate::label_words;
use crate::layout::{Layout, Row};
use crate::model::Model;
use crate::predictor::Fitted;
use crate::prompt::Prompt;
use crate::search::{Substitution, Task};
use crate::select::{self, Scored, accuracy_and_loss, better};
use crate::verbalizer::Verbalizer;
use adapt::{
    ConfigError, Event, FitError, Level, LoadAdapterError, Method, MethodInfo, Phase, Plan,
    Predictor, SavedInfo, Setting, parse_config,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use transformer::Pretrained;

pub(crate) const NAME: &str = "hard-prompt";

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
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        let config: HardPrompt = parse_config(NAME, config)?;
        config.check(NAME)?;
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
        let model = Model::frozen(&base);
        let (prompt, trace) = match self.by_gradient() {
            true => self.search_trigger(&base, &model, &mut setting)?,
            false => self.choose_template(&model, &mut setting)?,
        };
        let mut fitted = Fitted::new(
            model,
            *self,
            prompt,
            setting.classes.to_vec(),
            setting.budget.clone(),
        )?;
        fitted.trace = trace;
        Ok(Box::new(fitted))
    }

    fn load_with(
        self: Box<Self>,
        dir: &Path,
        info: SavedInfo,
        base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        let base = base.ok_or(LoadAdapterError::NeedsModel)?;
        let prompt = Prompt::read(dir, info.classes.len(), base.tokenizer.vocab())?;
        let malformed = |reason: String| LoadAdapterError::Malformed {
            path: dir.display().to_string(),
            reason,
        };
        let model = Model::frozen(base);
        if model.mode != prompt.mode {
            return Err(malformed(format!(
                "searched with a model asked by {:?}, and {} is asked by {:?}",
                prompt.mode, model.name, model.mode
            )));
        }
        let fitted = Fitted::new(model, *self, prompt, info.classes, info.budget);
        Ok(Box::new(
            fitted.map_err(|error| malformed(error.to_string()))?,
        ))
    }
}

type Found = (Prompt, BTreeMap<String, Value>);

impl HardPrompt {
    fn choose_template(&self, model: &Model, setting: &mut Setting<'_>) -> Result<Found, FitError> {
        let pairs = setting.train.iter().any(|example| example.second.is_some());
        let templates = self.templates_for(pairs);
        let sets = label_words::sets(self, setting.classes, setting.descriptions)?;
        let all = templates.len() * sets.len();
        let budget = self.budget.map_or(all, std::num::NonZeroUsize::get);
        let labels = setting.validation.labels();
        if labels.is_empty() {
            return Err(FitError::Other("hard-prompt: the choice among templates needs a validation split and found no examples".to_owned()));
        }
        (setting.events)(Event::Began(Phase::Validate));
        let mut scored: Vec<Scored> = Vec::new();
        for (template, words) in
            select::candidates(templates.len(), sets.len(), budget, setting.seed)
        {
            let layout = Layout::new(
                &templates[template],
                pairs,
                0,
                model,
                setting.budget.max_length.get(),
            )?;
            let verbalizer = Verbalizer::new(
                &sets[words],
                setting.classes,
                &layout.label_lead,
                model,
                self.scale,
            )?;
            let texts = layout.texts(model, &setting.validation.examples)?;
            let rows: Vec<Row> = texts.iter().map(|texts| layout.row(texts, &[])).collect();
            let scores = model.all_scores(&rows, &verbalizer, setting.budget.eval_batch.get());
            let (accuracy, loss) = accuracy_and_loss(&scores, &labels);
            scored.push(Scored {
                template,
                words,
                accuracy,
                loss,
            });
        }
        let mut best = &scored[0];
        for candidate in &scored {
            if better(
                (candidate.accuracy, candidate.loss),
                (best.accuracy, best.loss),
            ) {
                best = candidate;
            }
        }
        (setting.events)(Event::Validated {
            step: 0,
            epoch: 0.0,
            accuracy: best.accuracy,
            loss: best.loss,
        });
        let prompt = Prompt {
            mode: model.mode,
            pairs,
            words: sets[best.words].clone(),
            template: templates[best.template].clone(),
            trigger: Vec::new(),
            trigger_text: String::new(),
        };
        let trace = json!({
            "search": "templates", "budget": budget, "evaluations": scored.len(), "candidates": all,
            "start_validation_accuracy": scored[0].accuracy, "result_validation_accuracy": best.accuracy,
            "validation_scores": scored,
        });
        Ok((prompt, named(trace)))
    }

    fn search_trigger(
        &self,
        base: &Pretrained,
        model: &Model,
        setting: &mut Setting<'_>,
    ) -> Result<Found, FitError> {
        let pairs = setting.train.iter().any(|example| example.second.is_some());
        let template = self.templates_for(pairs).swap_remove(0);
        let words = label_words::sets(self, setting.classes, setting.descriptions)?.swap_remove(0);
        let layout = Layout::new(
            &template,
            pairs,
            self.trigger_tokens.get(),
            model,
            setting.budget.max_length.get(),
        )?;
        let verbalizer = Verbalizer::new(
            &words,
            setting.classes,
            &layout.label_lead,
            model,
            self.scale,
        )?;
        let texts = layout.texts(model, &setting.train.examples)?;
        let held_out = layout.texts(model, &setting.validation.examples)?;
        let validation_labels = setting.validation.labels();
        let validate = |trigger: &[u32]| {
            let rows: Vec<Row> = held_out
                .iter()
                .map(|texts| layout.row(texts, trigger))
                .collect();
            accuracy_and_loss(
                &model.all_scores(&rows, &verbalizer, setting.budget.eval_batch.get()),
                &validation_labels,
            )
        };
        let live = Model::differentiable(base);
        let labels = setting.train.labels();
        let mut search = Substitution::new(Task {
            frozen: model,
            live: &live,
            layout: &layout,
            verbalizer: &verbalizer,
            texts: &texts,
            labels: &labels,
            config: self,
            seed: setting.seed,
        })?;

        let mut best = (search.trigger.clone(), (0.0, f64::INFINITY));
        let mut validations = 0;
        let mut check =
            |trigger: &[u32], step: usize, epoch: f64, events: &mut dyn FnMut(Event)| {
                if held_out.is_empty() {
                    best.0 = trigger.to_vec(); // nothing to choose by: the last
                    return None;
                }
                events(Event::Began(Phase::Validate));
                let (accuracy, loss) = validate(trigger);
                validations += 1;
                events(Event::Validated {
                    step: step as u64,
                    epoch,
                    accuracy,
                    loss,
                });
                if better((accuracy, loss), best.1) {
                    best = (trigger.to_vec(), (accuracy, loss));
                }
                Some(accuracy)
            };
        let start = check(&search.trigger, 0, 0.0, setting.events);
        let mut validated = search.trigger.clone();
        let (mut steps, mut seen, mut epoch) = (Vec::new(), 0, 0.0);
        (setting.events)(Event::Began(Phase::FirstStep));
        while let Some(step) = search.step() {
            seen += (self.batch.get() * 2).min(texts.len());
            epoch = seen as f64 / texts.len() as f64;
            (setting.events)(Event::StepDone {
                step: step.step as u64,
                epoch,
                loss: step.loss_after,
                samples: step.samples,
                tokens: step.tokens,
            });
            if step.step % self.validate_every.get() == 0 && search.trigger != validated {
                check(&search.trigger, step.step, epoch, setting.events);
                validated.clone_from(&search.trigger);
            }
            steps.push(step);
            (setting.events)(Event::Began(Phase::Train));
        }
        if search.trigger != validated {
            check(&search.trigger, steps.len(), epoch, setting.events);
        }
        let mut trace = named(json!({
            "search": "gradient", "budget": search.budget(), "evaluations": search.evaluations,
            "gradients": search.gradients, "validations": validations, "steps": steps,
        }));
        if let Some(start) = start {
            trace.insert("start_validation_accuracy".to_owned(), json!(start));
            trace.insert("result_validation_accuracy".to_owned(), json!(best.1.0));
        }
        let prompt = Prompt {
            mode: model.mode,
            pairs,
            words,
            template,
            trigger_text: model.tokenizer.decode(&best.0, false),
            trigger: best.0,
        };
        Ok((prompt, trace))
    }
}

fn named(values: Value) -> BTreeMap<String, Value> {
    match values {
        Value::Object(map) => map.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}
