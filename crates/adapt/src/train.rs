//! The one training loop: AdamW, linear warm-up and decay, clipping, the best checkpoint by validation accuracy.
//!
//! What is minimised, and of what a step is made, is the [`Objective`]'s. It reads no clock. It says where it is through events, and the receiver times the phases; validation is a phase of its own.

mod data;
mod output_layer;
mod steps;

pub(crate) use data::{Data, DataPlan};

use crate::snapshot::Snapshot;
use crate::{
    Adaptation, Adapted, Budget, Event, FitError, Logits, Objective, OutputLayer, Phase, Score,
    Shared,
};
use burn::module::{Module, ParamGroup};
use burn::optim::ModuleOptimizer;
use burn::tensor::Device;
use ops::to_floats;
use std::rc::Rc;
use steps::Run;
use task::Split;
use training::LoopAdamW;
use transformer::{Depth, Pooling, Tokenizer};

/// Everything the loop needs beside the model.
pub struct Job<'a> {
    /// Labelled examples to learn from.
    pub train: &'a Split,
    /// Labelled examples to choose the checkpoint by.
    pub validation: &'a Split,
    /// Text to ids.
    pub tokenizer: &'a Tokenizer,
    /// General settings.
    pub budget: Budget,
    /// Order and dropout derive from it.
    pub seed: u64,
    /// Where tensors live.
    pub device: &'a Device,
    /// What is minimised.
    pub objective: Rc<dyn Objective>,
    /// What trainings on the same splits with the same model share.
    pub shared: Option<&'a Shared>,
    /// Nothing below trains or is inserted.
    pub depth: Depth,
    /// Longest text that the model can take beside what the method adds.
    pub window: usize,
    /// How hidden states become one vector.
    pub pooling: Pooling,
    /// The token at the end of texts that the head does not read, if it is one.
    pub unread: Option<u32>,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Parameters of the whole model that learn at other rates, as factors; no parameter is in two of these groups.
    pub learning_rate_factors: Vec<(ParamGroup, f64)>,
}

/// Trains the parameters that require a gradient and returns the model of the epoch with the best validation accuracy.
///
/// # Errors
/// A text that cannot be tokenised, texts of which the objective can make no step, a loss or a gradient that is not a number, a model whose answers never were numbers, a cache that cannot
/// be written.
pub fn train<A: Adaptation>(
    model: Adapted<A>,
    job: Job<'_>,
    events: &mut dyn FnMut(Event),
) -> Result<Adapted<A>, FitError> {
    let data = data::prepare(&model, &job, events)?;
    let mut model = model;
    let mut run = Run::new(&job, &data)?;
    let mut best: Option<(Score, Snapshot)> = None;
    let mut epochs_without_gain = 0;
    for epoch in 0..job.budget.epochs.get() {
        model = run.epoch(model, &job, &data, epoch, events)?;
        if let OutputLayer::LogisticRegression { c } = job.objective.output_layer() {
            model = output_layer::fit(model, c, &job, &data, events)?;
        }
        events(Event::Began(Phase::Validate));
        let score = validate(&model, &job, &data)?;
        tell(score, run.steps(), epoch, events);
        if score.beats(best.as_ref().map(|(score, _)| *score)) {
            best = Some((score, Snapshot::take(&model)));
            epochs_without_gain = 0;
        } else {
            epochs_without_gain += 1;
        }
        if job
            .budget
            .patience
            .is_some_and(|patience| epochs_without_gain >= patience.get())
        {
            events(Event::Note {
                name: "stopped_after_epoch".to_owned(),
                value: (epoch + 1).into(),
            });
            break;
        }
    }
    match best {
        Some((_, snapshot)) => Ok(snapshot.restore(model)),
        None => Err(FitError::NoUsableModel {
            steps: run.steps(),
            learning_rate: job.learning_rate,
        }),
    }
}

/// Tells what was measured on the validation split; a score that is no number is no point of a curve, and is noted instead.
fn tell(score: Score, step: u64, epoch: usize, events: &mut dyn FnMut(Event)) {
    if score.is_usable() {
        events(Event::Validated {
            step,
            epoch: (epoch + 1) as f64,
            accuracy: score.accuracy,
            loss: score.loss,
        });
    } else {
        events(Event::Note {
            name: "unusable_after_epoch".to_owned(),
            value: (epoch + 1).into(),
        });
    }
}

/// The loop's optimiser: AdamW with decay of matrices only, and factors on the rates of some parameters.
pub fn optimizer(
    weight_decay: f64,
    learning_rate_factors: impl IntoIterator<Item = (ParamGroup, f64)>,
) -> ModuleOptimizer {
    let adamw = ops::AdamW {
        beta_1: 0.9,
        beta_2: 0.999,
        epsilon: 1e-8,
        weight_decay,
    };
    let optimizer = ModuleOptimizer::from(LoopAdamW {
        adamw,
        rate_factor: 1.0,
    });
    learning_rate_factors
        .into_iter()
        .fold(optimizer, |optimizer, (group, rate_factor)| {
            optimizer.with_group(group, LoopAdamW { adamw, rate_factor }, None)
        })
}

fn validate<A: Adaptation>(
    model: &Adapted<A>,
    job: &Job<'_>,
    data: &Data,
) -> Result<Score, FitError> {
    let plain = model.valid();
    let device = job.device.clone().inner();
    let lengths = data.validation.lengths();
    let mut logits = vec![Logits::new(); lengths.len()];
    for rows in task::batches_sorted(&lengths, job.budget.eval_batch.get()) {
        let start = data
            .validation_inputs
            .start(&data.validation, &rows, &device)?;
        let scores = plain.logits(start, job.pooling, None); // [b,classes]
        let classes = scores.dims()[1];
        for (scores, &row) in to_floats(scores).chunks_exact(classes).zip(&rows) {
            logits[row] = scores.to_vec();
        }
    }
    Ok(Score::of_logits(&logits, &data.validation.labels))
}
