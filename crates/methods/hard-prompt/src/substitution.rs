//! Gradient-guided substitution of the trigger's tokens. Shin et al. 2020 (AutoPrompt), §2.3, after Wallace et al. 2019.

use crate::config::{HardPrompt, NAME};
use crate::gradient::{first_order, loss, trigger_gradient};
use crate::layout::{Layout, Row};
use crate::verbalizer::Verbalizer;
use ::prompt::{AskedModel, Pieces, Texts};
use adapt::{FitError, sub_seed, to_floats};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use transformer::{TokenizeError, Tokenizer, Unhooked};

/// What the search reads.
pub(crate) struct Task<'a> {
    /// On the plain device.
    pub(crate) frozen: &'a AskedModel,
    /// The same with autodiff.
    pub(crate) live: &'a AskedModel,
    pub(crate) layout: &'a Layout,
    pub(crate) verbalizer: &'a Verbalizer,
    /// Of the training split.
    pub(crate) texts: &'a [Texts],
    pub(crate) labels: &'a [usize],
    pub(crate) config: &'a HardPrompt,
    pub(crate) seed: u64,
}

/// One step, as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Step {
    pub(crate) step: usize,
    pub(crate) position: usize,
    /// Mean loss of the evaluation batch with the trigger as it was.
    pub(crate) loss_before: f64,
    /// With the best of the trigger as it was and its candidates.
    pub(crate) loss_after: f64,
    /// The new token, where one was better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exchanged_for: Option<u32>,
    /// Evaluations of a trigger on a batch in this step.
    pub(crate) evaluations: usize,
    #[serde(skip)]
    pub(crate) samples: usize,
    #[serde(skip)]
    pub(crate) tokens: usize,
}

/// The first trigger: masks, as Shin et al. begin; `the` for models without a mask.
///
/// # Errors
/// If the tokenizer refuses the word.
pub(crate) fn first_trigger(model: &AskedModel, tokens: usize) -> Result<Vec<u32>, TokenizeError> {
    let tokenizer = &model.tokenizer;
    let token = match tokenizer.mask_id() {
        Some(mask) => mask,
        None => {
            let the = Pieces::new(tokenizer)?.following(" the")?;
            the.first().copied().unwrap_or(tokenizer.pad_id())
        }
    };
    Ok(vec![token; tokens])
}

/// Tokens that may stand in a trigger: no special ones, none without a spelling, none that stand for a class.
pub(crate) fn vocabulary(tokenizer: &Tokenizer, label_tokens: &[u32]) -> Vec<u32> {
    let special = [
        tokenizer.mask_id(),
        tokenizer.bos_id(),
        tokenizer.eos_id(),
        tokenizer.cls_id(),
        tokenizer.sep_id(),
        tokenizer.unk_id(),
        Some(tokenizer.pad_id()),
    ];
    let usable = |&id: &u32| {
        let spelt = tokenizer
            .token(id)
            .is_some_and(|token| !token.starts_with("[unused"));
        spelt
            && !special.contains(&Some(id))
            && !label_tokens.contains(&id)
            && !tokenizer.decode(&[id], true).trim().is_empty()
    };
    (0..tokenizer.vocab() as u32).filter(usable).collect()
}

/// The search from one step to the next.
pub(crate) struct Substitution<'a> {
    task: Task<'a>,
    vocabulary: Vec<u32>,
    rng: ChaCha8Rng,
    pub(crate) trigger: Vec<u32>,
    pub(crate) evaluations: usize,
    pub(crate) gradients: usize,
    steps: usize,
}

impl<'a> Substitution<'a> {
    /// # Errors
    /// A training split without examples, or a tokenizer that refuses the first trigger.
    pub(crate) fn new(task: Task<'a>) -> Result<Self, FitError> {
        if task.texts.is_empty() {
            return Err(FitError::Other(format!(
                "{NAME}: the gradient search needs labelled training examples and found none"
            )));
        }
        Ok(Self {
            vocabulary: vocabulary(&task.frozen.tokenizer, &task.verbalizer.tokens()),
            rng: ChaCha8Rng::seed_from_u64(sub_seed(task.seed, "trigger")),
            trigger: first_trigger(task.frozen, task.config.trigger_tokens.get())?,
            evaluations: 0,
            gradients: 0,
            steps: 0,
            task,
        })
    }

    /// Most evaluations of a trigger on a batch.
    pub(crate) fn budget(&self) -> usize {
        let config = self.task.config;
        let all = config.steps.get() * (config.candidates.get() + 1);
        config.budget.map_or(all, |budget| budget.get().min(all))
    }

    /// Passes over the training split so far, by the examples that steps have drawn.
    pub(crate) fn epoch(&self) -> f64 {
        let examples = self.task.texts.len();
        let drawn = (self.task.config.batch.get() * 2).min(examples);
        (self.steps * drawn) as f64 / examples as f64
    }

    /// Whether the validation split scores the trigger after this step.
    pub(crate) fn validation_is_due(&self) -> bool {
        self.steps
            .is_multiple_of(self.task.config.validate_every.get())
    }

    /// One step; `None` when steps or budget are used up.
    pub(crate) fn step(&mut self) -> Option<Step> {
        let config = self.task.config;
        let left = self.budget() - self.evaluations;
        if self.steps == config.steps.get() || left < 2 {
            return None;
        }
        let (gradient_rows, evaluation_rows) = self.draw();
        let position = self.rng.random_range(0..self.trigger.len());
        let candidates = self.candidates(
            &gradient_rows,
            position,
            config.candidates.get().min(left - 1),
        );
        let before = self.evaluate(&evaluation_rows, &self.trigger);
        let mut best = (before, None);
        for &token in &candidates {
            let mut trigger = self.trigger.clone();
            trigger[position] = token;
            let loss = self.evaluate(&evaluation_rows, &trigger);
            if loss < best.0 {
                best = (loss, Some(token));
            }
        }
        if let Some(token) = best.1 {
            self.trigger[position] = token;
        }
        let evaluations = candidates.len() + 1;
        self.evaluations += evaluations;
        self.steps += 1;
        let tokens = |rows: &[usize]| {
            self.rows(rows, &self.trigger)
                .iter()
                .map(|row| row.ids.len())
                .sum::<usize>()
        };
        Some(Step {
            step: self.steps,
            position,
            loss_before: before,
            loss_after: best.0,
            exchanged_for: best.1,
            evaluations,
            samples: gradient_rows.len() + evaluation_rows.len() * evaluations,
            tokens: tokens(&gradient_rows) + tokens(&evaluation_rows) * evaluations,
        })
    }

    /// Indices for the gradient, and others for the evaluation where there are enough.
    pub(crate) fn draw(&mut self) -> (Vec<usize>, Vec<usize>) {
        let mut all: Vec<usize> = (0..self.task.texts.len()).collect();
        all.shuffle(&mut self.rng);
        if all.len() == 1 {
            return (all.clone(), all);
        }
        let size = self.task.config.batch.get().min(all.len() / 2);
        let evaluation = all[size..]
            .iter()
            .copied()
            .take(self.task.config.batch.get())
            .collect();
        all.truncate(size);
        (all, evaluation)
    }

    fn rows(&self, indices: &[usize], trigger: &[u32]) -> Vec<Row> {
        let row = |&index: &usize| self.task.layout.row(&self.task.texts[index], trigger);
        indices.iter().map(row).collect()
    }

    fn labels(&self, indices: &[usize]) -> Vec<usize> {
        indices
            .iter()
            .map(|&index| self.task.labels[index])
            .collect()
    }

    /// The `k` words that promise most at `position`, the one that stands there not among them.
    pub(crate) fn candidates(&mut self, indices: &[usize], position: usize, k: usize) -> Vec<u32> {
        let Task {
            live,
            verbalizer,
            config,
            ..
        } = self.task;
        let rows = self.rows(indices, &self.trigger);
        let rows: Vec<&Row> = rows.iter().collect();
        let gradient = trigger_gradient(
            live,
            &rows,
            &self.labels(indices),
            verbalizer,
            config.loss,
            self.trigger.len(),
        );
        self.gradients += 1;
        let words = self.task.frozen.backbone.embeddings.word.weight.val();
        let scores = first_order(words, gradient, position);
        let present = self.trigger[position];
        let mut ranked: Vec<u32> = self
            .vocabulary
            .iter()
            .copied()
            .filter(|&token| token != present)
            .collect();
        ranked.sort_by(|&a, &b| {
            scores[b as usize]
                .total_cmp(&scores[a as usize])
                .then(a.cmp(&b))
        });
        ranked.truncate(k);
        ranked
    }

    /// Mean loss of a trigger on some training examples.
    pub(crate) fn evaluate(&self, indices: &[usize], trigger: &[u32]) -> f64 {
        let Task {
            frozen,
            verbalizer,
            config,
            ..
        } = self.task;
        let rows = self.rows(indices, trigger);
        let rows: Vec<&Row> = rows.iter().collect();
        f64::from(
            to_floats(loss(
                frozen,
                &rows,
                &self.labels(indices),
                verbalizer,
                config.loss,
                &Unhooked,
            ))[0],
        )
    }
}
