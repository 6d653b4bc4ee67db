//! Epochs and steps: forward, backward, clip, step.

use super::{Data, Job, optimizer};
use crate::model::head_dropout;
use crate::{
    Adaptation, Adapted, Event, FitError, Part, Phase, Step, Targets, TrainingTexts, sub_seed,
};
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use ops::to_floats;
use std::collections::HashSet;
use training::{Quantity, clip_by_global_norm, linear_with_warmup};
use transformer::DropoutPlan;

/// The state of a training run between steps, the model aside: it moves through the optimiser, so that its weights have one owner and are
/// changed in place.
pub(super) struct Run {
    optimizer: ModuleOptimizer,
    step: u64,
    total_steps: u64,
    warmup_steps: u64,
}

impl Run {
    pub(super) fn new(job: &Job<'_>, data: &Data) -> Result<Self, FitError> {
        let lengths = data.train.lengths();
        let texts = texts_of(job, data, &lengths);
        if let Some(reason) = job.objective.refuses(&texts) {
            return Err(FitError::NotApplicable(reason));
        }
        let steps_per_epoch = job.objective.steps(&texts, 0).len() as u64;
        let total_steps = steps_per_epoch * job.budget.epochs.get() as u64;
        Ok(Self {
            optimizer: optimizer(job.budget.weight_decay, job.learning_rate_factors.clone()),
            step: 0,
            total_steps,
            warmup_steps: (total_steps as f64 * job.budget.warmup_share).round() as u64,
        })
    }

    /// Steps so far.
    pub(super) fn steps(&self) -> u64 {
        self.step
    }

    pub(super) fn epoch<A: Adaptation>(
        &mut self,
        mut model: Adapted<A>,
        job: &Job<'_>,
        data: &Data,
        epoch: usize,
        events: &mut dyn FnMut(Event),
    ) -> Result<Adapted<A>, FitError> {
        events(Event::Began(if self.step == 0 {
            Phase::FirstStep
        } else {
            Phase::Train
        }));
        let lengths = data.train.lengths();
        if self.step == 0 && ops::compiles_kernels(job.device) {
            compile_every_shape(&model, job, data)?;
        }
        let steps = job.objective.steps(&texts_of(job, data, &lengths), epoch);
        let all: usize = steps.iter().map(terms).sum();
        let mut seen = 0;
        for step in &steps {
            seen += terms(step);
            let loss;
            (model, loss) = self.optimise(model, job, data, step, seen == all)?;
            self.step += 1;
            let rows = || step.iter().flat_map(|part| &part.rows);
            events(Event::StepDone {
                step: self.step,
                epoch: epoch as f64 + seen as f64 / all as f64,
                loss,
                samples: rows().count(),
                tokens: rows().map(|&row| lengths[row]).sum(),
            });
            if self.step == 1 {
                events(Event::Began(Phase::Train));
            }
        }
        Ok(model)
    }

    /// One optimiser step, the last one of an epoch or not; returns the model after it and the mean loss before it.
    fn optimise<A: Adaptation>(
        &mut self,
        model: Adapted<A>,
        job: &Job<'_>,
        data: &Data,
        step: &Step,
        is_last: bool,
    ) -> Result<(Adapted<A>, f64), FitError> {
        let all = terms(step);
        let mut accumulated = GradientsAccumulator::new();
        let mut single = None;
        let mut mean_loss = 0.0;
        for (number, part) in step.iter().enumerate() {
            let share = part.terms() as f64 / all as f64;
            let seed = sub_seed(job.seed, "dropout")
                .wrapping_add(self.step << 16)
                .wrapping_add(number as u64);
            let loss = mean_loss_of(&model, job, data, part, seed)?;
            mean_loss += share * f64::from(to_floats(loss.clone().detach().inner())[0]);
            if part.terms() == all {
                single = Some(GradientsParams::from_grads(loss.backward(), &model));
            } else {
                let grads = GradientsParams::from_grads((loss * share).backward(), &model);
                accumulated.accumulate(&model, grads);
            }
        }
        let factor = linear_with_warmup(self.step, self.total_steps, self.warmup_steps);
        let learning_rate = job.learning_rate * factor;
        Quantity::Loss.check(mean_loss, self.step, learning_rate)?;
        let mut grads = single.unwrap_or_else(|| accumulated.grads());
        let norm = clip_by_global_norm(&mut grads, &model, job.budget.clip_norm, job.device);
        // A norm on a device is waited for once an epoch: one that is no number makes the next step's loss NaN, but for the last step.
        if is_last || !ops::compiles_kernels(job.device) {
            Quantity::GradientNorm.check(norm.read(), self.step, learning_rate)?;
        }
        Ok((self.optimizer.step(learning_rate, model, grads), mean_loss))
    }
}

/// Of how many terms the loss of a step is the mean.
fn terms(step: &Step) -> usize {
    step.iter().map(Part::terms).sum()
}

fn texts_of<'a>(job: &'a Job<'_>, data: &'a Data, lengths: &'a [usize]) -> TrainingTexts<'a> {
    TrainingTexts {
        budget: &job.budget,
        seed: job.seed,
        lengths,
        labels: &data.train.labels,
    }
}

/// The mean loss of a part, [1].
fn mean_loss_of<A: Adaptation>(
    model: &Adapted<A>,
    job: &Job<'_>,
    data: &Data,
    part: &Part,
    seed: u64,
) -> Result<Tensor<1>, FitError> {
    let start = data
        .train_inputs
        .start(&data.train, &part.rows, job.device)?;
    let dropout = dropout_plan(model, job, seed);
    let targets = Targets {
        part,
        labels: part.rows.iter().map(|&i| data.train.labels[i]).collect(),
        device: job.device,
        head: &model.head,
        dropout: head_dropout(dropout.as_ref()),
    };
    let vectors = model.vectors(start, job.pooling, dropout); // [b,h]
    Ok(job.objective.loss(vectors, &targets))
}

/// Goes once forwards and backwards over a part of every shape to come, for a device that compiles its kernels when a shape first asks for them: that
/// belongs to the first step, not to the training behind it. The model stays as it is.
fn compile_every_shape<A: Adaptation>(
    model: &Adapted<A>,
    job: &Job<'_>,
    data: &Data,
) -> Result<(), FitError> {
    let lengths = data.train.lengths();
    let texts = texts_of(job, data, &lengths);
    let mut met = HashSet::new();
    for epoch in 0..job.budget.epochs.get() {
        for part in job.objective.steps(&texts, epoch).iter().flatten() {
            let longest = part.rows.iter().map(|&row| lengths[row]).max();
            if met.insert((part.rows.len(), longest)) {
                let loss = mean_loss_of(model, job, data, part, 0)?;
                GradientsParams::from_grads(loss.backward(), model);
            }
        }
    }
    Ok(())
}

/// Dropout as the checkpoint's configuration has it (encoders) or the budget says, from the first block that holds trainable computation.
fn dropout_plan<A: Adaptation>(
    model: &Adapted<A>,
    job: &Job<'_>,
    seed: u64,
) -> Option<DropoutPlan> {
    let shape = model.backbone.shape();
    let hidden = job.budget.dropout.unwrap_or(shape.hidden_dropout);
    let attention = job.budget.dropout.unwrap_or(shape.attention_dropout);
    (hidden > 0.0 || attention > 0.0).then_some(DropoutPlan {
        hidden,
        attention,
        seed,
        from: job.depth,
    })
}
