//! What a trial will take, for `run --dry-run`: a child loads model and task as a trial does, predicts each method's memory, times forward
//! passes for a fraction of a second, and answers. Nothing is trained.

use crate::registry::{Methods, find};
use crate::run::child::{self, Prepared};
use crate::run::flops::flop_shape;
use crate::run::job::{self, Job};
use crate::run::memory::{self, Ahead};
use crate::run::probe;
use adapt::{Level, OutputLayer, Plan, Step, TrainingShape, TrainingTexts, encode_split};
use anyhow::bail;
use burn::module::Module;
use measure::flops::{FlopShape, Trainable, forward_flops, step_flops};
use measure::memory_model::Holding;
use measure::time_model::{self, Work};
use record::{PredictedMemory, TrialSpec};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::time::{Duration, Instant};
use task::Split;
use transformer::{Depth, Pass, Pretrained, Side, collate};

/// What `adaptbench estimate` is asked: trials of one model, task and device, the first as a whole job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Question {
    pub(crate) first: Job,
    pub(crate) specs: Vec<TrialSpec>,
}

/// What it answers of one trial.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Estimate {
    pub(crate) memory: Option<PredictedMemory>,
    /// Seconds of the trial, a search excluded.
    pub(crate) seconds: Option<f64>,
    /// Of them those of one training and its validation.
    pub(crate) training_seconds: Option<f64>,
    /// Why the trial would fail.
    pub(crate) fails: Option<String>,
}

/// The child: reads a [`Question`] from stdin, writes an [`Estimate`] for each of its trials as a line of JSON to stdout.
///
/// # Errors
/// A device that is not there, a model or a task that cannot be used.
pub(crate) fn main(methods: Methods) -> anyhow::Result<()> {
    let question: Question = job::receive()?;
    crate::sources::devices::allow();
    let started = Instant::now();
    let (prepared, base) = child::prepare(methods, &question.first)?;
    let load = started.elapsed();
    let held = Holding::now();
    let timed = match &base {
        Some(base) => Some(Timed {
            base,
            rate: forward_rate(base, &prepared)?,
            load,
        }),
        None => None,
    };
    let mut answers = Vec::new();
    for spec in &question.specs {
        let answer = estimate(methods, spec, &prepared, held, timed.as_ref());
        answers.push(answer.unwrap_or_else(|error| Estimate {
            fails: Some(format!("{error:#}")),
            ..Estimate::default()
        }));
    }
    println!("{}", serde_json::to_string(&answers)?);
    Ok(())
}

/// Asks such a child.
///
/// # Errors
/// What the child says is wrong.
pub(crate) fn ask(question: &Question) -> anyhow::Result<Vec<Estimate>> {
    probe::ask_child("estimate", question)
}

/// The model and how fast it runs here.
struct Timed<'a> {
    base: &'a Pretrained,
    /// Operations a second.
    rate: f64,
    load: Duration,
}

fn estimate(
    methods: Methods,
    spec: &TrialSpec,
    prepared: &Prepared,
    held: Option<Holding>,
    timed: Option<&Timed<'_>>,
) -> anyhow::Result<Estimate> {
    let method = find(methods, &spec.method)?;
    let plan = method.plan(spec.config.clone())?;
    let train = &child::draw(&prepared.task, spec);
    let ahead = Ahead {
        plan: &*plan,
        base: timed.map(|timed| timed.base),
        task: &prepared.task,
        train,
        budget: &prepared.budget,
        seed: spec.seed,
        device: &spec.device,
    };
    let memory = match held {
        Some(held) => memory::predict(&ahead, held)?,
        None => None,
    };
    let work = match timed {
        Some(timed) => work(&*plan, method.info().level, timed.base, (prepared, train))?,
        None => None,
    };
    let seconds = |part: fn(&TrialWork) -> Work| {
        let (timed, work) = timed.zip(work.as_ref())?;
        Some(time_model::seconds(&part(work), timed.rate))
    };
    let training_seconds = seconds(|work| work.training);
    let test_seconds = seconds(|work| work.testing);
    let load = timed.map(|timed| timed.load.as_secs_f64());
    Ok(Estimate {
        memory,
        seconds: training_seconds
            .zip(test_seconds)
            .zip(load)
            .map(|((training, testing), load)| training + testing + load),
        training_seconds,
        fails: None,
    })
}

/// Operations of a trial.
struct TrialWork {
    training: Work,
    testing: Work,
}

/// `None` for methods whose passes are not known before: prompts, and what runs no model.
fn work(
    plan: &dyn Plan,
    level: Level,
    base: &Pretrained,
    (prepared, train): (&Prepared, &Split),
) -> anyhow::Result<Option<TrialWork>> {
    let (budget, shape) = (&prepared.budget, flop_shape(&base.shape));
    let facts = match plan.as_trainable() {
        Some(plan) => plan.training_shape(&base.shape, budget)?,
        None => None,
    };
    let longest = facts.as_ref().map_or_else(
        || budget.max_length.get().min(base.shape.max_length),
        |facts| facts.longest_text,
    );
    let lengths = |split: &Split| -> anyhow::Result<Vec<usize>> {
        Ok(encode_split(split, &base.tokenizer, longest)?.lengths())
    };
    let labels = train.labels();
    let [train, validation, test] = [
        lengths(train)?,
        lengths(&prepared.task.validation)?,
        lengths(&prepared.task.test)?,
    ];
    // The test split, and the validation split once more for its probabilities.
    let read = [test, validation.clone()].concat();
    let testing = |extra| Work {
        forward_flops: reading(&shape, 0..shape.layers, &read, extra),
        ..Work::default()
    };
    Ok(match facts {
        Some(facts) => {
            let texts = TrainingTexts {
                budget,
                seed: 0,
                lengths: &train,
                labels: &labels,
            };
            Some(TrialWork {
                training: training_work(&facts, plan, base, &texts, &validation)?,
                testing: testing(prompt_tokens(&facts)),
            })
        }
        None if level == Level::Features => Some(TrialWork {
            training: Work {
                forward_flops: reading(&shape, 0..shape.layers, &train, 0)
                    + reading(&shape, 0..shape.layers, &validation, 0),
                ..Work::default()
            },
            testing: testing(0),
        }),
        None => None,
    })
}

/// Tokens that run through every map in addition; keys and values in front do not.
fn prompt_tokens(facts: &TrainingShape) -> u64 {
    if facts.in_front.replaces_ids {
        facts.in_front.tokens as u64
    } else {
        0
    }
}

/// Operations of these layers over texts of these lengths.
fn reading(shape: &FlopShape, layers: Range<u64>, lengths: &[usize], extra: u64) -> f64 {
    let lengths = lengths.iter().map(|&length| length as u64 + extra);
    lengths
        .map(|length| forward_flops(shape, layers.clone(), length, length))
        .sum()
}

fn training_work(
    facts: &TrainingShape,
    plan: &dyn Plan,
    base: &Pretrained,
    texts: &TrainingTexts<'_>,
    validation: &[usize],
) -> anyhow::Result<Work> {
    if let Some(reason) = facts.objective.refuses(texts) {
        bail!(reason);
    }
    let (budget, train) = (texts.budget, texts.lengths);
    let shape = flop_shape(&base.shape);
    let extra = prompt_tokens(facts);
    let from_layer = match facts.acts_from {
        Depth::Embeddings => 0,
        Depth::Block(block) => block as u64,
        Depth::Head => shape.layers,
    };
    let cached = if budget.cache { from_layer } else { 0 };
    let added = plan.as_trainable().map_or(0, |plan| {
        let inserts =
            !facts.inserted.maps.is_empty() || facts.inserted.after_feed_forward.is_some();
        if inserts {
            // As often as layers use a block.
            let of_blocks = plan.trainable_params(&base.shape);
            of_blocks * shape.layers / base.shape.blocks.max(1) as u64
        } else {
            0
        }
    });
    let top = base.shape.blocks.saturating_sub(1);
    let trains_weights = facts.trains(&format!("blocks.{top}.attention.query.weight"));
    let trainable = Trainable {
        from_layer,
        weights: trains_weights,
        added_per_token: added,
    };
    let epochs = budget.epochs.get() as f64;
    let steps = facts.objective.steps(texts, 0);
    let of_step = |step: &Step| {
        let rows = || step.iter().flat_map(|part| &part.rows);
        let texts = rows().count() as u64;
        let tokens = rows().map(|&row| train[row]).sum::<usize>() as u64 + extra * texts;
        step_flops(&shape, tokens, tokens / texts.max(1), &trainable, cached)
    };
    let one_epoch: f64 = steps.iter().map(of_step).sum();
    let filled = [train, validation].map(|lengths| reading(&shape, 0..cached, lengths, 0));
    let read = |lengths| reading(&shape, cached..shape.layers, lengths, extra);
    let encoded = match facts.objective.output_layer() {
        OutputLayer::ByGradient => 0.0,
        OutputLayer::LogisticRegression { .. } => read(train),
    };
    Ok(Work {
        forward_flops: filled.iter().sum::<f64>() + epochs * (read(validation) + encoded),
        step_flops: epochs * one_epoch,
        trains_weights,
    })
}

/// How long forward passes are timed.
const TIMED: Duration = Duration::from_millis(300);

/// Operations a second of a forward pass over training texts of middling length: the best of those that fit into [`TIMED`], two at least.
fn forward_rate(base: &Pretrained, prepared: &Prepared) -> anyhow::Result<f64> {
    let budget = &prepared.budget;
    let longest = budget.max_length.get().min(base.shape.max_length);
    let split = encode_split(&prepared.train, &base.tokenizer, longest)?;
    let lengths = split.lengths();
    let batches = task::batches_sorted(&lengths, budget.eval_batch.get());
    let rows = batches.get(batches.len() / 2).cloned().unwrap_or_default();
    let texts: Vec<_> = rows.iter().map(|&row| &split.encoded[row]).collect();
    let of_batch: Vec<usize> = rows.iter().map(|&row| lengths[row]).collect();
    let shape = flop_shape(&base.shape);
    let operations = reading(&shape, 0..shape.layers, &of_batch, 0);
    let backbone = base.backbone.valid();
    let device = backbone.device();
    let mut best = f64::INFINITY;
    let begun = Instant::now();
    let mut passes = 0;
    while passes < 2 || begun.elapsed() < TIMED {
        let started = Instant::now();
        let batch = collate(&texts, base.tokenizer.pad_id(), Side::Right, &device);
        let states = backbone.forward(&batch, &Pass::plain());
        let _ = device.sync();
        best = best.min(started.elapsed().as_secs_f64());
        drop(states);
        passes += 1;
    }
    Ok(operations / best)
}

#[cfg(test)]
mod tests;
