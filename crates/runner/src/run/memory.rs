//! Peak memory of a trial before it runs: what the method says of itself, the texts' lengths in the batches they will run in, and what the
//! process holds by then, handed to `measure::memory_model`.

mod shapes;

use adapt::{
    Budget, DataShape, HeadForm, Objective, Part, Plan, Step, TrainingShape, TrainingTexts,
    encode_split,
};
use burn::module::Module;
use measure::memory_model as model;
use measure::memory_model::{BatchShape, Holding, PassShape, Start};
use ops::FLEX_BF16;
use record::PredictedMemory;
use shapes::{inserted, model_shape};
use std::collections::HashSet;
use std::thread;
use task::{Split, Task};
use transformer::{Depth, NormKind, Pooling, Pretrained, Shape};

/// A trial that is about to run, the model loaded.
pub(crate) struct Ahead<'a> {
    pub(crate) plan: &'a dyn Plan,
    pub(crate) base: Option<&'a Pretrained>,
    pub(crate) task: &'a Task,
    /// The seed's draw.
    pub(crate) train: &'a Split,
    pub(crate) budget: &'a Budget,
    pub(crate) seed: u64,
    /// Name of the device.
    pub(crate) device: &'a str,
}

/// Most resident memory of the phases of training, and the heap in it by part. `None` where it cannot be told: a device whose memory is not
/// this process's, a method that does not say what it holds.
///
/// # Errors
/// A text that the tokenizer refuses, a model with no room for a text.
pub(crate) fn predict(of: &Ahead<'_>, held: Holding) -> anyhow::Result<Option<PredictedMemory>> {
    if !(["flex", FLEX_BF16].contains(&of.device) && ops::is_fused()) {
        return Ok(None);
    }
    match (of.base, of.plan.as_trainable()) {
        (Some(base), Some(plan)) => match plan.training_shape(&base.shape, of.budget)? {
            Some(facts) => training(of, base, &facts, held).map(Some),
            None => Ok(None),
        },
        _ => without_gradients(of, held),
    }
}

/// Bytes of the parameters that a fit keeps, and of those beside them that it lets go: the output layers of pretraining.
fn model_bytes(base: &Pretrained) -> [u64; 2] {
    let bytes = |params: usize| 4 * params as u64;
    let language_head = base.language_head.as_ref().map_or(0, |head| {
        let tied = if head.tied {
            base.shape.vocab * base.shape.embedding
        } else {
            0
        };
        head.num_params() - tied
    });
    let pooler = base.pooler.as_ref().map_or(0, Module::num_params);
    [
        bytes(base.backbone.num_params()),
        bytes(language_head + pooler),
    ]
}

fn training(
    of: &Ahead<'_>,
    base: &Pretrained,
    facts: &TrainingShape,
    held: Holding,
) -> anyhow::Result<PredictedMemory> {
    let (shape, budget) = (&base.shape, of.budget);
    let encode = |split: &Split| encode_split(split, &base.tokenizer, facts.longest_text);
    let train = encode(of.train)?;
    let ids = train.encoded.iter().flat_map(|text| &text.ids);
    let words = ids.collect::<HashSet<_>>().len() as u64;
    let (train, validation) = (train.lengths(), encode(&of.task.validation)?.lengths());
    let labels = of.train.labels();
    let texts = TrainingTexts {
        budget,
        seed: of.seed,
        lengths: &train,
        labels: &labels,
    };
    let objective = &*facts.objective;
    if let Some(reason) = objective.refuses(&texts) {
        anyhow::bail!(reason);
    }
    let heaviest = |epochs: std::ops::Range<usize>| heaviest_step(objective, &texts, epochs);
    let [kept, let_go] = model_bytes(base);
    let form = HeadForm::of(budget.head, shape);
    let from = match facts.acts_from {
        Depth::Embeddings => Start::Embeddings,
        Depth::Block(block) => Start::Block(block as u64),
        // What leaves the last block is kept where the head reads every token.
        Depth::Head if form.pools_late => Start::Block(shape.layers as u64),
        Depth::Head => Start::Head,
    };
    let sum = |lengths: &[usize]| lengths.iter().sum::<usize>() as u64;
    Ok(model::training(&model::Training {
        shape: model_shape(shape),
        trains: &|path| facts.trains(path),
        inserted: inserted(facts),
        head: model::HeadShape {
            classes: of.task.classes.len() as u64,
            has_bias: form.bias,
            inner: form.inner.map(|inner| model::HeadInner {
                has_bias: inner.bias,
                norm_vectors: match inner.norm {
                    None => 0,
                    Some(NormKind::Layer) => 2,
                    Some(NormKind::LayerWithoutBias | NormKind::Rms) => 1,
                },
            }),
        },
        passes: passes(of, shape, from),
        first_epoch: heaviest(0..1),
        later: (budget.epochs.get() > 1).then(|| heaviest(1..budget.epochs.get())),
        variety: variety(objective, &texts),
        steps: objective.steps(&texts, 0).len() as u64,
        filling: first_batch(budget, [&train, &validation]),
        tokens: [sum(&train), sum(&validation)],
        texts: [train.len() as u64, validation.len() as u64],
        words,
        cache_limit_bytes: budget.cache_limit_bytes,
        held,
        params_bytes: kept + let_go,
    }))
}

fn without_gradients(of: &Ahead<'_>, held: Holding) -> anyhow::Result<Option<PredictedMemory>> {
    let splits = [of.train, &of.task.validation];
    let bytes = |split: &Split| -> usize {
        let texts = split.iter();
        texts
            .map(|example| example.text.len() + example.second.as_ref().map_or(0, String::len))
            .sum()
    };
    let holds = of.plan.held(&DataShape {
        shape: of.base.map(|base| &base.shape),
        budget: of.budget,
        texts: splits.map(Split::len),
        text_bytes: splits.map(bytes),
        classes: of.task.classes.len(),
        pairs: of.task.pairs,
    });
    let Some(holds) = holds else {
        return Ok(None);
    };
    let Some(base) = of.base.filter(|_| holds.runs_model) else {
        return Ok(Some(model::without_model(held, holds.kept_bytes)));
    };
    let longest = of.budget.max_length.get().min(base.shape.max_length);
    let lengths = |split| -> anyhow::Result<Vec<usize>> {
        Ok(encode_split(split, &base.tokenizer, longest)?.lengths())
    };
    let [train, validation] = splits.map(lengths);
    let [kept, _] = model_bytes(base);
    Ok(Some(model::texts_only(&model::Texts {
        shape: model_shape(&base.shape),
        passes: passes(of, &base.shape, Start::Head),
        batch: first_batch(of.budget, [&train?, &validation?]),
        kept_bytes: holds.kept_bytes,
        held,
        params_bytes: kept,
    })))
}

fn passes(of: &Ahead<'_>, shape: &Shape, from: Start) -> PassShape {
    let budget = of.budget;
    PassShape {
        from,
        is_cached: budget.cache,
        drops_hidden: budget.dropout.unwrap_or(shape.hidden_dropout) > 0.0,
        pools_mean: !matches!(
            budget.pooling_of(shape),
            Pooling::First | Pooling::LastToken
        ),
        pools_late: HeadForm::of(budget.head, shape).pools_late,
        has_types: of.task.pairs && shape.token_types > 1,
        workers: thread::available_parallelism().map_or(1, |n| n.get() as u64),
    }
}

/// The parts of a step: each a pass forward and backward.
fn parts(step: &Step, lengths: &[usize]) -> Vec<BatchShape> {
    let shape = |part: &Part| batch_shape(part.rows.iter().map(|&row| lengths[row]));
    step.iter().map(shape).collect()
}

/// By which share the parts of the first epoch's steps are lighter than the heaviest on average.
fn variety(objective: &dyn Objective, texts: &TrainingTexts<'_>) -> f64 {
    let steps = objective.steps(texts, 0);
    let all = steps.iter().flat_map(|step| parts(step, texts.lengths));
    let tokens: Vec<f64> = all.map(|part| part.tokens() as f64).collect();
    let heaviest = tokens.iter().copied().fold(0.0, f64::max);
    if heaviest == 0.0 {
        return 0.0;
    }
    1.0 - tokens.iter().sum::<f64>() / (tokens.len() as f64 * heaviest)
}

/// The parts of the step with the largest part, over the given epochs.
fn heaviest_step(
    objective: &dyn Objective,
    texts: &TrainingTexts<'_>,
    epochs: std::ops::Range<usize>,
) -> Vec<BatchShape> {
    let mut heaviest = Vec::new();
    let weight = |parts: &[BatchShape]| parts.iter().map(BatchShape::tokens).max();
    for epoch in epochs {
        for step in objective.steps(texts, epoch) {
            let parts = parts(&step, texts.lengths);
            if (weight(&parts), parts.len()) > (weight(&heaviest), heaviest.len()) {
                heaviest = parts;
            }
        }
    }
    heaviest
}

/// The first, and heaviest, batch of texts that are only read.
fn first_batch(budget: &Budget, splits: [&[usize]; 2]) -> BatchShape {
    let first = |lengths: &[usize]| {
        let batches = task::batches_sorted(lengths, budget.eval_batch.get());
        let first = batches.into_iter().next().unwrap_or_default();
        batch_shape(first.into_iter().map(|row| lengths[row]))
    };
    let [a, b] = splits.map(first);
    if b.tokens() > a.tokens() { b } else { a }
}

fn batch_shape(lengths: impl Iterator<Item = usize> + Clone) -> BatchShape {
    BatchShape {
        rows: lengths.clone().count() as u64,
        length: lengths.max().unwrap_or(0) as u64,
    }
}

#[cfg(test)]
mod tests;
