//! The one training loop: AdamW, linear warm-up and decay, clipping, the best checkpoint by validation accuracy.
//!
//! It reads no clock. It says where it is through events, and the receiver times the phases; validation is a phase of its own.

use crate::cache::{CachePlan, Inputs};
use crate::data::without_end;
use crate::snapshot::Snapshot;
use crate::{
    Adaptation, Adapted, Budget, EncodedSplit, Event, FitError, Logits, Phase, Score, Shared,
    encode_split, sub_seed,
};
use burn::module::{Module, ParamGroup};
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor, TensorData};
use ops::to_floats;
use std::collections::HashSet;
use std::rc::Rc;
use task::Split;
use training::{LoopAdamW, Quantity, clip_by_global_norm, linear_with_warmup};
use transformer::{Depth, DropoutPlan, Pooling, Rotation, Shape, Tokenizer};

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
/// A text that cannot be tokenised, a loss or a gradient that is not a number, a model whose answers never were numbers, a cache that cannot
/// be written.
pub fn train<A: Adaptation>(
    model: Adapted<A>,
    job: Job<'_>,
    events: &mut dyn FnMut(Event),
) -> Result<Adapted<A>, FitError> {
    let data = prepare(&model, &job, events)?;
    let mut model = model;
    let mut run = Run::new(&job, data.train.encoded.len());
    let mut best: Option<(Score, Snapshot)> = None;
    let mut epochs_without_gain = 0;
    for epoch in 0..job.budget.epochs.get() {
        model = run.epoch(model, &job, &data, epoch, events)?;
        events(Event::Began(Phase::Validate));
        let score = validate(&model, &job, &data)?;
        tell(score, run.step, epoch, events);
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
            steps: run.step,
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

/// Both splits as token ids, and what of them could be computed beforehand.
pub(crate) struct Data {
    train: EncodedSplit,
    train_inputs: Inputs,
    validation: EncodedSplit,
    validation_inputs: Inputs,
}

/// What [`Data`] depends on beside the splits and the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DataPlan {
    cache: CachePlan,
    max_length: usize,
    unread: Option<u32>,
}

fn prepare<A: Adaptation>(
    model: &Adapted<A>,
    job: &Job<'_>,
    events: &mut dyn FnMut(Event),
) -> Result<Rc<Data>, FitError> {
    let plan = DataPlan {
        cache: CachePlan {
            depth: cached_depth(model, job),
            pooling: job.pooling,
            batch: job.budget.eval_batch.get(),
            limit_bytes: job.budget.cache_limit_bytes,
        },
        max_length: job.budget.max_length.get().min(job.window),
        unread: job.unread,
    };
    let data = match job.shared {
        Some(shared) => shared.get_or_compute(plan, || compute_data(model, job, plan, events))?,
        None => Rc::new(compute_data(model, job, plan, events)?),
    };
    let truncated = data.train.truncated + data.validation.truncated;
    if truncated > 0 {
        events(Event::Note {
            name: "truncated_texts".to_owned(),
            value: truncated.into(),
        });
    }
    if let Some(bytes) = data.train_inputs.bytes() {
        events(Event::Cached {
            bytes: bytes + data.validation_inputs.bytes().unwrap_or(0),
            spilled: data.train_inputs.spilled() || data.validation_inputs.spilled(),
        });
    }
    Ok(data)
}

/// Up to where the states are computed once: to what enters the head, which is what leaves the last block where it reads every token.
fn cached_depth<A: Adaptation>(model: &Adapted<A>, job: &Job<'_>) -> Depth {
    let shape = model.backbone.shape();
    let longest = job.budget.max_length.get().min(job.window);
    if !job.budget.cache || turns_by_batch(shape, longest) {
        Depth::Embeddings
    } else if job.depth == Depth::Head && !model.head.reads_pooled() {
        Depth::Block(shape.layers)
    } else {
        job.depth
    }
}

/// Whether the angles of a text depend on the others of its batch: those of longrope do, where one is longer than it was pretrained on.
fn turns_by_batch(shape: &Shape, longest: usize) -> bool {
    let beyond = |rotation: &Rotation| rotation.long.as_ref().is_some_and(|l| longest > l.beyond);
    shape.rotations.iter().any(beyond)
}

fn compute_data<A: Adaptation>(
    model: &Adapted<A>,
    job: &Job<'_>,
    plan: DataPlan,
    events: &mut dyn FnMut(Event),
) -> Result<Data, FitError> {
    let encode = |split| {
        let read = encode_split(split, job.tokenizer, plan.max_length)?;
        Ok::<_, FitError>(EncodedSplit {
            encoded: without_end(read.encoded, plan.unread),
            ..read
        })
    };
    let plain = model.backbone.valid();
    let device = job.device.clone().inner();
    let pad_id = job.tokenizer.pad_id();
    events(Event::Began(Phase::Prepare));
    let train = encode(job.train)?;
    let train_inputs = Inputs::fill(&train, &plain, plan.cache, pad_id, &device)?;
    events(Event::Began(Phase::PrepareValidation));
    let validation = encode(job.validation)?;
    let validation_inputs = Inputs::fill(&validation, &plain, plan.cache, pad_id, &device)?;
    Ok(Data {
        train,
        train_inputs,
        validation,
        validation_inputs,
    })
}

/// The state of a training run between steps, the model aside: it moves through the optimiser, so that its weights have one owner and are
/// changed in place.
struct Run {
    optimizer: ModuleOptimizer,
    step: u64,
    total_steps: u64,
    warmup_steps: u64,
}

impl Run {
    fn new(job: &Job<'_>, examples: usize) -> Self {
        let steps_per_epoch = examples.div_ceil(job.budget.batch.get()) as u64;
        let total_steps = steps_per_epoch * job.budget.epochs.get() as u64;
        Self {
            optimizer: optimizer(job.budget.weight_decay, job.learning_rate_factors.clone()),
            step: 0,
            total_steps,
            warmup_steps: (total_steps as f64 * job.budget.warmup_share).round() as u64,
        }
    }

    fn epoch<A: Adaptation>(
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
        let mut seen = 0;
        for rows in batches_of(job, &lengths, epoch) {
            let is_last = seen + rows.len() == lengths.len();
            let loss;
            (model, loss) = self.optimise(model, job, data, &rows, is_last)?;
            seen += rows.len();
            self.step += 1;
            events(Event::StepDone {
                step: self.step,
                epoch: epoch as f64 + seen as f64 / lengths.len() as f64,
                loss,
                samples: rows.len(),
                tokens: rows.iter().map(|&i| lengths[i]).sum(),
            });
            if self.step == 1 {
                events(Event::Began(Phase::Train));
            }
        }
        Ok(model)
    }

    /// One optimiser step over `rows`, the last ones of an epoch or not; returns the model after it and their mean loss before it.
    fn optimise<A: Adaptation>(
        &mut self,
        model: Adapted<A>,
        job: &Job<'_>,
        data: &Data,
        rows: &[usize],
        is_last: bool,
    ) -> Result<(Adapted<A>, f64), FitError> {
        let micro_batch = job
            .budget
            .micro_batch
            .map_or(rows.len(), |n| n.get().min(rows.len()));
        let mut accumulated = GradientsAccumulator::new();
        let mut single = None;
        let mut mean_loss = 0.0;
        for (part, rows_of_part) in rows.chunks(micro_batch).enumerate() {
            let share = rows_of_part.len() as f64 / rows.len() as f64;
            let seed = sub_seed(job.seed, "dropout")
                .wrapping_add(self.step << 16)
                .wrapping_add(part as u64);
            let loss = mean_loss_of(&model, job, data, rows_of_part, seed)?;
            mean_loss += share * f64::from(to_floats(loss.clone().detach().inner())[0]);
            if rows_of_part.len() == rows.len() {
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

/// The mean loss of these examples, [1].
fn mean_loss_of<A: Adaptation>(
    model: &Adapted<A>,
    job: &Job<'_>,
    data: &Data,
    rows: &[usize],
    seed: u64,
) -> Result<Tensor<1>, FitError> {
    let start = data.train_inputs.start(&data.train, rows, job.device)?;
    let logits = model.logits(start, job.pooling, dropout_plan(model, job, seed)); // [b,classes]
    let labels: Vec<i64> = rows.iter().map(|&i| data.train.labels[i] as i64).collect();
    let targets = Tensor::<1, Int>::from_data(TensorData::new(labels, [rows.len()]), job.device);
    Ok(ops::cross_entropy(logits, targets))
}

/// Goes once forwards and backwards over a batch of every shape to come, for a device that compiles its kernels when a shape first asks for them: that
/// belongs to the first step, not to the training behind it. The model stays as it is.
fn compile_every_shape<A: Adaptation>(
    model: &Adapted<A>,
    job: &Job<'_>,
    data: &Data,
) -> Result<(), FitError> {
    let lengths = data.train.lengths();
    let mut met = HashSet::new();
    for epoch in 0..job.budget.epochs.get() {
        for rows in batches_of(job, &lengths, epoch) {
            let micro_batch = job.budget.micro_batch.map_or(rows.len(), |n| n.get());
            for part in rows.chunks(micro_batch) {
                let longest = part.iter().map(|&i| lengths[i]).max();
                if met.insert((part.len(), longest)) {
                    let loss = mean_loss_of(model, job, data, part, 0)?;
                    GradientsParams::from_grads(loss.backward(), model);
                }
            }
        }
    }
    Ok(())
}

/// The rows of an epoch's batches.
fn batches_of(job: &Job<'_>, lengths: &[usize], epoch: usize) -> Vec<Vec<usize>> {
    batches(&job.budget, job.seed, lengths, epoch)
}

/// The rows of an epoch's batches of texts of these lengths.
pub fn batches(budget: &Budget, seed: u64, lengths: &[usize], epoch: usize) -> Vec<Vec<usize>> {
    let seed = sub_seed(seed, "order");
    task::batches_by_length(lengths, budget.batch.get(), seed, epoch as u64)
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
