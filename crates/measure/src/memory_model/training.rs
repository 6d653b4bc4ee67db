//! What a training holds at its peak: preparing, the steps of the first epoch, and those of the later ones, which also hold the best
//! checkpoint. Validation is another phase and does not count, as in the measured figures.

use super::forward::Pass;
use super::tape::{Bytes, Tape, Value};
use super::weights::Weights;
use super::{BatchShape, HeadShape, Holding, Inserted, ModelShape, Part, PassShape, Runs, Start};
use record::PredictedMemory;

/// What is trained, and on what.
pub struct Training<'a> {
    /// The model.
    pub shape: ModelShape,
    /// Whether the model's parameter of this path trains.
    pub trains: &'a dyn Fn(&str) -> bool,
    /// What the method inserts.
    pub inserted: Inserted,
    /// The head.
    pub head: HeadShape,
    /// What the passes have in common.
    pub passes: PassShape,
    /// The heaviest step of the first epoch: its parts, each a pass forward and backward.
    pub first_epoch: Vec<BatchShape>,
    /// The heaviest step after it, if there are more epochs.
    pub later: Option<Vec<BatchShape>>,
    /// By which share the steps' parts are lighter than the heaviest on average.
    pub variety: f64,
    /// Steps of the first epoch.
    pub steps: u64,
    /// The heaviest batch of the frozen part's pass over all texts.
    pub filling: BatchShape,
    /// Tokens of the training and of the validation split.
    pub tokens: [u64; 2],
    /// Texts of both.
    pub texts: [u64; 2],
    /// Different tokens of the training split.
    pub words: u64,
    /// Most bytes of a split's states that are kept in memory.
    pub cache_limit_bytes: u64,
    /// What the process holds before the fit.
    pub held: Holding,
    /// Of it parameters: those of the model, and those of its pretraining's output layers, which the fit lets go.
    pub params_bytes: u64,
}

/// Bytes of a tokenised text beside its tokens.
const TEXT_BYTES: u64 = 72;
/// Bytes of a token: its id and its type.
const TOKEN_BYTES: u64 = 8;

/// The larger of two peaks.
fn larger(a: Bytes, b: Bytes) -> Bytes {
    let total = |bytes: &Bytes| bytes.iter().sum::<u64>();
    if total(&b) > total(&a) { b } else { a }
}

/// The peak of a training's phases.
pub fn training(of: &Training<'_>) -> PredictedMemory {
    let tape = Tape::new(of.passes.workers);
    let (weights, trained) = Weights::new(&tape, &of.shape, of.trains, &of.inserted, &of.head);
    let encoded: u64 =
        of.tokens.iter().sum::<u64>() * TOKEN_BYTES + of.texts.iter().sum::<u64>() * TEXT_BYTES;
    let _rest = tape.new_value(
        (of.held.heap_bytes.saturating_sub(of.params_bytes) + encoded) / 4,
        Part::Rest,
    );
    let pass = |batch, trains| Pass {
        tape: &tape,
        shape: &of.shape,
        weights: &weights,
        settings: &of.passes,
        batch,
        trains,
    };
    let cache = fill(&tape, of, &pass(of.filling, false));
    let mut most = tape.peak();

    let mut moments = Vec::new();
    tape.forget_peak();
    step(&tape, &of.first_epoch, &pass, of, &trained, &mut moments);
    if of.steps > 1 {
        step(&tape, &of.first_epoch, &pass, of, &trained, &mut moments);
    }
    most = larger(most, tape.peak());
    if let Some(later) = &of.later {
        let snapshot: Vec<Value> = trained
            .iter()
            .map(|&numbers| tape.new_value(numbers, Part::Snapshot))
            .collect();
        tape.forget_peak();
        step(&tape, later, &pass, of, &trained, &mut moments);
        most = larger(most, tape.peak());
        drop(snapshot);
    }
    drop(cache);
    let runs = if of.passes.from == Start::Head && of.passes.is_cached {
        Runs::Reading
    } else {
        Runs::Training {
            variety: of.variety,
        }
    };
    of.held.predicted(most, runs, untouched(of, &most))
}

/// Bytes of the word embeddings' moments that take no memory: pages of words that do not occur are never written to (`kernels::zeros`).
fn untouched(of: &Training<'_>, most: &Bytes) -> u64 {
    const LEAST: u64 = 1 << 20;
    const PAGE: f64 = 4096.0;
    let (rows, row) = (of.shape.vocabulary, 4 * of.shape.embedding);
    let table = rows * row;
    if !(of.trains)("embeddings.word.weight") || table < LEAST {
        return 0;
    }
    // A page holds a row and parts of others; it is left alone if none of them occurs.
    let absent = |words: u64| {
        let share = 1.0 - words.min(rows) as f64 / rows as f64;
        share.powf(1.0 + PAGE / row as f64)
    };
    let tokens = of.first_epoch.iter().map(BatchShape::tokens).max();
    if absent(of.words.min(tokens.unwrap_or(0))) < 0.5 {
        return 0;
    }
    let moments = (absent(of.words) * 2.0 * table as f64) as u64;
    moments.min(most[Part::Optimizer as usize])
}

/// Texts that a frozen model reads.
pub struct Texts {
    /// The model.
    pub shape: ModelShape,
    /// What the passes have in common.
    pub passes: PassShape,
    /// The heaviest batch.
    pub batch: BatchShape,
    /// What is made of them and kept.
    pub kept_bytes: u64,
    /// What the process holds before the fit.
    pub held: Holding,
    /// Of it the model's parameters.
    pub params_bytes: u64,
}

/// The peak of passes without gradients.
pub fn texts_only(of: &Texts) -> PredictedMemory {
    let tape = Tape::new(of.passes.workers);
    let head = HeadShape {
        classes: 0,
        has_bias: false,
        inner: None,
    };
    let (weights, _) = Weights::new(&tape, &of.shape, &|_| false, &Inserted::default(), &head);
    let rest = of.held.heap_bytes.saturating_sub(of.params_bytes);
    let _rest = tape.new_value(rest / 4, Part::Rest);
    let _kept = tape.new_value(of.kept_bytes / 4, Part::Cache);
    let pass = Pass {
        tape: &tape,
        shape: &of.shape,
        weights: &weights,
        settings: &of.passes,
        batch: of.batch,
        trains: false,
    };
    let _inputs = pass.inputs();
    let states = pass.states(Start::Head, of.shape.flops.layers);
    drop(pass.pool(states));
    of.held.predicted(tape.peak(), Runs::Reading, 0)
}

/// The peak of a fit that runs no model and keeps `kept_bytes`.
pub fn without_model(held: Holding, kept_bytes: u64) -> PredictedMemory {
    let mut parts = Bytes::default();
    parts[Part::Rest as usize] = held.heap_bytes;
    parts[Part::Cache as usize] = kept_bytes;
    held.predicted(parts, Runs::Nothing, 0)
}

/// Fills the cache of both splits; what it then holds.
fn fill(tape: &Tape, of: &Training<'_>, pass: &Pass<'_>) -> Vec<Value> {
    let h = of.shape.flops.hidden;
    if !of.passes.is_cached {
        return Vec::new();
    }
    let store = |numbers: u64| tape.new_value(numbers, Part::Cache);
    match of.passes.from {
        Start::Embeddings | Start::Block(0) => Vec::new(),
        Start::Block(k) => {
            let in_memory = |tokens: &u64| 4 * tokens * h <= of.cache_limit_bytes;
            let stores = of.tokens.iter().filter(|tokens| in_memory(tokens));
            let stores = stores.map(|tokens| store(tokens * h)).collect();
            let _inputs = pass.inputs();
            drop(pass.states(Start::Embeddings, k));
            stores
        }
        Start::Head => {
            let stores = of.texts.iter().map(|texts| store(texts * h)).collect();
            let _inputs = pass.inputs();
            let states = pass.states(Start::Embeddings, of.shape.flops.layers);
            drop(pass.pool(states));
            stores
        }
    }
}

/// One optimiser step over `parts`.
fn step<'a>(
    tape: &Tape,
    parts: &[BatchShape],
    pass: &impl Fn(BatchShape, bool) -> Pass<'a>,
    of: &Training<'_>,
    trained: &[u64],
    moments: &mut Vec<[Value; 2]>,
) {
    let mut accumulated: Vec<Value> = Vec::new();
    for &batch in parts {
        let pass = pass(batch, true);
        let inputs = pass.inputs();
        let loss = pass.loss(of.passes.from);
        drop(inputs);
        let gradients = tape.backward(loss);
        if accumulated.is_empty() {
            accumulated = gradients;
        }
    }
    // A parameter's gradient goes when it has been used.
    let is_first = moments.is_empty();
    let mut gradients = accumulated.into_iter();
    for &numbers in trained {
        if is_first {
            moments.push([(); 2].map(|()| tape.new_value(numbers, Part::Optimizer)));
        }
        drop(gradients.next());
    }
}
