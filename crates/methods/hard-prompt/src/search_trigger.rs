//! The gradient search of a trigger, with the best trigger kept by its score on the validation split. Shin et al. 2020 (AutoPrompt).

use crate::config::HardPrompt;
use crate::layout::Layout;
use crate::prompt::{Prompt, Trace};
use crate::scorer::all_class_scores;
use crate::substitution::{Step, Substitution, Task};
use crate::verbalizer::Verbalizer;
use ::prompt::{AskedModel, Texts, has_pairs};
use adapt::{Event, FitError, Phase, Setting};
use serde_json::json;
use task::Score;
use transformer::Pretrained;

/// The best prompt, and what is recorded of the search.
///
/// # Errors
/// A template or label words that do not fit the model, or no training examples.
pub(crate) fn search_trigger(
    config: &HardPrompt,
    base: &Pretrained,
    model: &AskedModel,
    setting: &mut Setting<'_>,
) -> Result<(Prompt, Trace), FitError> {
    let pairs = has_pairs(setting.train);
    let template = config.templates_for(pairs).swap_remove(0);
    let words = config
        .label_word_sets(setting.classes, setting.descriptions)?
        .swap_remove(0);
    let (trigger, max_length) = (config.trigger_tokens.get(), setting.budget.max_length.get());
    let layout = Layout::new(&template, pairs, trigger, model, max_length)?;
    let lead = &layout.label_lead;
    let verbalizer = Verbalizer::new(&words, setting.classes, lead, model, config.scale)?;
    let texts = layout.texts(&setting.train.examples)?;
    let labels = setting.train.labels();
    let live = AskedModel::differentiable(base);
    let mut search = Substitution::new(Task {
        frozen: model,
        live: &live,
        layout: &layout,
        verbalizer: &verbalizer,
        texts: &texts,
        labels: &labels,
        config,
        seed: setting.seed,
    })?;
    (setting.events)(Event::Began(Phase::PrepareValidation));
    let mut validation = Validation {
        model,
        layout: &layout,
        verbalizer: &verbalizer,
        texts: layout.texts(&setting.validation.examples)?,
        labels: setting.validation.labels(),
        eval_batch: setting.budget.eval_batch.get(),
        runs: 0,
        start: None,
        last: Vec::new(),
        best: search.trigger.clone(),
        best_score: None,
    };
    let steps = run(&mut search, &mut validation, setting.events);
    let trace = trace(&search, &validation, &steps);
    let prompt = Prompt {
        mode: model.preferred_mode(),
        pairs,
        words,
        template,
        trigger_text: model.tokenizer.decode(&validation.best, false),
        trigger: validation.best,
    };
    Ok((prompt, trace))
}

/// All steps; the validation split scores the start, the end, and every `validate_every` steps a trigger that changed.
fn run(
    search: &mut Substitution<'_>,
    validation: &mut Validation<'_>,
    events: &mut dyn FnMut(Event),
) -> Vec<Step> {
    validation.consider(&search.trigger, 0, 0.0, events);
    let (mut steps, mut epoch) = (Vec::new(), 0.0);
    events(Event::Began(Phase::FirstStep));
    while let Some(step) = search.step() {
        epoch = search.epoch();
        events(Event::StepDone {
            step: step.step as u64,
            epoch,
            loss: step.loss_after,
            samples: step.samples,
            tokens: step.tokens,
        });
        if search.validation_is_due() {
            validation.consider(&search.trigger, step.step, epoch, events);
        }
        steps.push(step);
        events(Event::Began(Phase::Train));
    }
    validation.consider(&search.trigger, steps.len(), epoch, events);
    steps
}

fn trace(search: &Substitution<'_>, validation: &Validation<'_>, steps: &[Step]) -> Trace {
    let mut trace = vec![
        ("search", json!("gradient")),
        ("budget", json!(search.budget())),
        ("evaluations", json!(search.evaluations)),
        ("gradients", json!(search.gradients)),
        ("validations", json!(validation.runs)),
        ("steps", json!(steps)),
    ];
    if let Some(start) = validation.start {
        let result = validation.best_score.map_or(0.0, |best| best.accuracy);
        trace.push(("start_validation_accuracy", json!(start)));
        trace.push(("result_validation_accuracy", json!(result)));
    }
    let named = |(name, value): (&str, _)| (name.to_owned(), value);
    trace.into_iter().map(named).collect()
}

/// The validation split, and the best trigger that it has scored.
struct Validation<'a> {
    model: &'a AskedModel,
    layout: &'a Layout,
    verbalizer: &'a Verbalizer,
    texts: Vec<Texts>,
    labels: Vec<usize>,
    eval_batch: usize,
    /// How often it was scored.
    runs: usize,
    /// Accuracy of the first trigger.
    start: Option<f64>,
    /// The trigger scored last.
    last: Vec<u32>,
    best: Vec<u32>,
    best_score: Option<Score>,
}

impl Validation<'_> {
    /// Scores a trigger that has changed and keeps it if it is the best; without a validation split the last one is kept.
    fn consider(
        &mut self,
        trigger: &[u32],
        step: usize,
        epoch: f64,
        events: &mut dyn FnMut(Event),
    ) {
        if self.last == trigger {
            return;
        }
        self.last = trigger.to_vec();
        if self.texts.is_empty() {
            self.best = trigger.to_vec();
            return;
        }
        events(Event::Began(Phase::Validate));
        let rows = self.layout.rows(&self.texts, trigger);
        let scores = all_class_scores(self.model, &rows, self.verbalizer, self.eval_batch);
        let score = Score::of_logits(&scores, &self.labels);
        self.runs += 1;
        self.start.get_or_insert(score.accuracy);
        events(Event::Validated {
            step: step as u64,
            epoch,
            accuracy: score.accuracy,
            loss: score.loss,
        });
        if score.beats(self.best_score) {
            self.best = trigger.to_vec();
            self.best_score = Some(score);
        }
    }
}
