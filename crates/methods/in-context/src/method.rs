//! In-context learning as the registry holds it.

use crate::config::{InContext, NAME, Retriever};
use crate::counts::Counts;
use crate::predictor::Fitted;
use crate::prompt::{Member, Prompt, require_mode};
use crate::validation::{average, best_template, spread};
use ::prompt::{
    AskedModel, Demonstration, Mode, PromptedModel, Template, draw, has_pairs, label_words, order,
    unusable,
};
use adapt::{
    ConfigError, DataShape, Event, FitError, Held, Hue, Level, LoadAdapterError, Look, Method,
    MethodInfo, Outline, Phase, Plan, Predictor, SavedInfo, Setting, note_folder, parse_config,
};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use task::Score;
use transformer::Pretrained;

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
            look: Some(Look {
                hue: Hue::Purple,
                outline: Outline::Star,
            }),
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        let config: InContext = parse_config(NAME, config)?;
        config.check()?;
        Ok(Box::new(config))
    }
}

impl Plan for InContext {
    fn resolved(&self) -> Value {
        serde_json::to_value(self).expect("a configuration serialises")
    }

    fn fit(self: Box<Self>, mut setting: Setting<'_>) -> Result<Box<dyn Predictor>, FitError> {
        (setting.events)(Event::Began(Phase::Prepare));
        let model = AskedModel::frozen(&setting.take_model(NAME)?);
        let prompt = self.compose(&model, &setting)?;
        let mut fitted = Fitted::new(PromptedModel {
            model,
            config: *self,
            prompt,
            classes: setting.classes.to_vec(),
            budget: setting.budget.clone(),
        })?;
        if fitted.takes_vectors() {
            let length = fitted.asked.max_length();
            note_folder(&mut setting, &fitted.asked.model.sentence, None, length);
        }
        if !setting.validation.is_empty() {
            let candidates = fitted.candidates();
            (setting.events)(Event::Began(if candidates > 1 {
                Phase::Search
            } else {
                Phase::Validate
            }));
            let Score { accuracy, loss } = fitted.validate(&setting)?;
            (setting.events)(Event::Validated {
                step: 0,
                epoch: 0.0,
                accuracy,
                loss,
            });
            if candidates > 1 {
                (setting.events)(Event::Searched {
                    trials: candidates,
                    edge: None,
                });
            }
        }
        Ok(Box::new(fitted))
    }

    /// Prompts are asked while validating and testing; before that the model runs where the nearest texts are found by its states.
    fn held(&self, data: &DataShape<'_>) -> Option<Held> {
        let runs_model = self.retrieval && self.retriever == Retriever::Hidden;
        let states = if runs_model {
            4 * data.texts[0] * data.shape?.hidden
        } else {
            0
        };
        Some(Held {
            runs_model,
            kept_bytes: states as u64,
        })
    }

    fn load_with(
        self: Box<Self>,
        dir: &Path,
        info: SavedInfo,
        base: Option<&Pretrained>,
    ) -> Result<Box<dyn Predictor>, LoadAdapterError> {
        let fitted = Fitted::new(PromptedModel::load(*self, dir, info, base)?);
        Ok(Box::new(fitted.map_err(unusable(dir))?))
    }
}

impl InContext {
    /// Everything that stands around a query, from the training split alone.
    fn compose(&self, model: &AskedModel, setting: &Setting<'_>) -> Result<Prompt, FitError> {
        let refuse = |reason: String| FitError::NotApplicable(format!("{NAME}: {reason}"));
        let mode = self.mode.given().unwrap_or(model.preferred_mode());
        require_mode(mode, model).map_err(FitError::NotApplicable)?;
        let shots = self.shots_in(mode);
        self.check_ensemble(mode, shots).map_err(refuse)?;
        let pairs = has_pairs(setting.train);
        let templates = self.templates_in(mode, pairs).map_err(refuse)?;
        let words = label_words(&self.label_words, setting.classes, setting.descriptions).map_err(
            |reason| FitError::NotApplicable(format!("in-context.label_words: {reason}")),
        )?;
        let (pool, members) = self.ensemble(templates.len().max(1), shots, setting);
        let longest = model.shape.max_length;
        Ok(Prompt {
            mode,
            pairs,
            words,
            templates,
            shots,
            pool,
            members,
            window: self
                .window
                .map_or(longest, |window| window.get().min(longest)),
            extra_tokens: 0.0,
        })
    }

    /// # Errors
    /// Draws or orders that have no effect in this mode.
    fn check_ensemble(&self, mode: Mode, shots: usize) -> Result<(), String> {
        let several = self.draws.get() > 1 || self.orders.get() > 1;
        let refused = if several && shots == 0 {
            "draws and orders above 1 need demonstrations, and this model gets none unless shots is set"
        } else if self.orders.get() > 1 && mode == Mode::Similarity {
            "this model is asked by similarity, which averages over demonstrations; set orders to 1"
        } else {
            return Ok(());
        };
        Err(refused.to_owned())
    }

    /// # Errors
    /// A template with something behind the label, which a causal model reads too late.
    fn templates_in(&self, mode: Mode, pairs: bool) -> Result<Vec<String>, String> {
        if mode == Mode::Similarity {
            return Ok(Vec::new());
        }
        let templates = self.templates_for(pairs);
        if mode == Mode::Prompt {
            for source in templates {
                Template::parse(source, pairs)?.require_label_last()?;
            }
        }
        Ok(templates.to_vec())
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
    /// How many templates the validation split chooses from.
    fn candidates(&self) -> usize {
        let members = &self.asked.prompt.members;
        let templates: HashSet<usize> = members.iter().map(|member| member.template).collect();
        if self.asked.config.choose_template {
            templates.len()
        } else {
            1
        }
    }

    /// Scores the validation split, keeps the best template where that is asked for, and notes how far the members lie apart.
    fn validate(&mut self, setting: &Setting<'_>) -> Result<Score, FitError> {
        let mut counts = Counts::default();
        let mut scores = self.member_scores(&setting.validation.examples, &mut counts)?;
        let labels = setting.validation.labels();
        let accuracies: Vec<f64> = scores
            .iter()
            .map(|rows| Score::of_logits(rows, &labels).accuracy)
            .collect();
        let members = &mut self.asked.prompt.members;
        let mut note = |name: &str, value: Value| self.validated.insert(name.to_owned(), value);
        if accuracies.len() > 1 {
            note("member_validation_accuracy", json!(accuracies));
            note(
                "validation_accuracy_range_over",
                spread(members, &accuracies),
            );
        }
        if self.asked.config.choose_template {
            let best = best_template(members, &accuracies);
            note("chosen_template", json!(best));
            let mut kept = members.iter().map(|member| member.template == best);
            scores.retain(|_| kept.next() == Some(true));
            members.retain(|member| member.template == best);
        }
        let extra_tokens = counts.extra_tokens(members.len());
        self.asked.prompt.extra_tokens = extra_tokens.unwrap_or(0.0);
        Ok(Score::of_logits(&average(&scores), &labels))
    }
}
