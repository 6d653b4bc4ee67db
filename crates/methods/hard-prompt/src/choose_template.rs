//! The choice among written templates and sets of label words by their score on the validation split. Perez, Kiela & Cho 2021.

use crate::config::{HardPrompt, NAME};
use crate::layout::Layout;
use crate::prompt::{Prompt, Trace};
use crate::scorer::all_class_scores;
use crate::verbalizer::Verbalizer;
use ::prompt::{AskedModel, has_pairs};
use adapt::{Event, FitError, Phase, Setting, sub_seed};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use serde_json::json;
use std::num::NonZeroUsize;
use task::Score;

/// A candidate and what the validation split says of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Scored {
    template: usize,
    words: usize,
    accuracy: f64,
    loss: f64,
}

/// The best prompt, and what is recorded of the choice.
///
/// # Errors
/// A template or label words that do not fit the model, or no validation split to choose by.
pub(crate) fn choose_template(
    config: &HardPrompt,
    model: &AskedModel,
    setting: &mut Setting<'_>,
) -> Result<(Prompt, Trace), FitError> {
    let pairs = has_pairs(setting.train);
    let templates = config.templates_for(pairs);
    let sets = config.label_word_sets(setting.classes, setting.descriptions)?;
    let all = templates.len() * sets.len();
    let budget = config.budget.map_or(all, NonZeroUsize::get);
    if setting.validation.is_empty() {
        return Err(FitError::Other(format!(
            "{NAME}: the choice among templates needs a validation split and found no examples"
        )));
    }
    let tried = candidates(templates.len(), sets.len(), budget, setting.seed);
    (setting.events)(Event::Began(if tried.len() > 1 {
        Phase::Search
    } else {
        Phase::Validate
    }));
    let mut scored: Vec<Scored> = Vec::new();
    for (template, words) in tried {
        let Score { accuracy, loss } =
            score(config, model, setting, &templates[template], &sets[words])?;
        scored.push(Scored {
            template,
            words,
            accuracy,
            loss,
        });
    }
    let best = best(&scored);
    if scored.len() > 1 {
        (setting.events)(Event::Searched {
            trials: scored.len(),
            edge: None,
        });
    }
    (setting.events)(Event::Validated {
        step: 0,
        epoch: 0.0,
        accuracy: best.accuracy,
        loss: best.loss,
    });
    let prompt = Prompt {
        mode: model.preferred_mode(),
        pairs,
        words: sets[best.words].clone(),
        template: templates[best.template].clone(),
        trigger: Vec::new(),
        trigger_text: String::new(),
    };
    let trace = [
        ("search", json!("templates")),
        ("budget", json!(budget)),
        ("evaluations", json!(scored.len())),
        ("candidates", json!(all)),
        ("start_validation_accuracy", json!(scored[0].accuracy)),
        ("result_validation_accuracy", json!(best.accuracy)),
        ("validation_scores", json!(scored)),
    ];
    let trace = trace.map(|(name, value)| (name.to_owned(), value));
    Ok((prompt, Trace::from(trace)))
}

/// Every template with every set of words; where that is more than `budget`, the first and a seeded draw of the others.
fn candidates(templates: usize, sets: usize, budget: usize, seed: u64) -> Vec<(usize, usize)> {
    let mut all: Vec<(usize, usize)> = (0..templates)
        .flat_map(|template| (0..sets).map(move |words| (template, words)))
        .collect();
    if all.len() > budget {
        let mut rng = ChaCha8Rng::seed_from_u64(sub_seed(seed, "templates"));
        all[1..].shuffle(&mut rng);
        all.truncate(budget);
    }
    all
}

/// Accuracy and loss of a template with label words on the validation split.
fn score(
    config: &HardPrompt,
    model: &AskedModel,
    setting: &Setting<'_>,
    template: &str,
    words: &[String],
) -> Result<Score, FitError> {
    let (budget, validation) = (&setting.budget, setting.validation);
    let pairs = has_pairs(setting.train);
    let layout = Layout::new(template, pairs, 0, model, budget.max_length.get())?;
    let lead = &layout.label_lead;
    let verbalizer = Verbalizer::new(words, setting.classes, lead, model, config.scale)?;
    let rows = layout.rows(&layout.texts(&validation.examples)?, &[]);
    let scores = all_class_scores(model, &rows, &verbalizer, budget.eval_batch.get());
    Ok(Score::of_logits(&scores, &validation.labels()))
}

impl Scored {
    fn score(&self) -> Score {
        Score {
            accuracy: self.accuracy,
            loss: self.loss,
        }
    }
}

/// The first of equals.
fn best(scored: &[Scored]) -> &Scored {
    let mut best = &scored[0];
    for candidate in scored {
        if candidate.score().beats(Some(best.score())) {
            best = candidate;
        }
    }
    best
}
