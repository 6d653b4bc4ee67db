//! Both splits as token ids, and the states below the deepest trained computation.

use super::Job;
use crate::cache::{CachePlan, Inputs};
use crate::data::without_end;
use crate::{Adaptation, Adapted, EncodedSplit, Event, FitError, Phase, encode_split};
use burn::module::Module;
use std::rc::Rc;
use transformer::{Depth, Rotation, Shape};

/// Both splits as token ids, and what of them could be computed beforehand.
pub(crate) struct Data {
    pub(super) train: EncodedSplit,
    pub(super) train_inputs: Inputs,
    pub(super) validation: EncodedSplit,
    pub(super) validation_inputs: Inputs,
}

/// What [`Data`] depends on beside the splits and the weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DataPlan {
    cache: CachePlan,
    max_length: usize,
    unread: Option<u32>,
}

/// Both splits, computed anew or shared, with what is to be told of them.
pub(super) fn prepare<A: Adaptation>(
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
