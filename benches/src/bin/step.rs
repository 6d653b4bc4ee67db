//! Times optimisation steps on batches of one shape and prints one JSON line: this program's side of `scripts/race.sh`.
//!
//! Steps run in the real training loop, from texts to updated weights; the first ones are left out. Steps of a language model are those of
//! pretraining without its loop: every token is predicted from those before it, every parameter trains. Peak memory is the process's own
//! high-water mark.

use adapt::{Budget, Event, Footprint, Setting};
use anyhow::Context;
use benches::{mixed_texts, texts};
use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor, TensorData};
use clap::Parser;
use measure::flops::{Trainable, forward_flops, step_flops};
use serde_json::json;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;
use transformer::{Backbone, Batch, Depth, LanguageHead, Pass, Pretrained, Shape, Side, collate};

/// What to time.
#[derive(Parser)]
struct Arguments {
    /// Folder in Hugging Face layout.
    #[arg(long)]
    model: PathBuf,
    /// A method's name, `language` or `forward`.
    #[arg(long)]
    method: String,
    /// Texts per step.
    #[arg(long, default_value = "16")]
    batch: NonZeroUsize,
    /// Tokens per text.
    #[arg(long, default_value = "128")]
    seq: NonZeroUsize,
    /// Timed steps.
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// Steps left out.
    #[arg(long, default_value_t = 3)]
    warmup: usize,
    /// As the program's: flex, or a backend that was compiled in.
    #[arg(long, default_value = "flex")]
    device: String,
}

impl Arguments {
    fn open(&self) -> anyhow::Result<Device> {
        ops::device(&self.device).with_context(|| {
            format!(
                "no device \"{0}\" in this build; try --features {0}",
                self.device
            )
        })
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    // As the program runs a trial.
    kernels::workers::with_awake_workers(|| time(&arguments))
}

fn time(arguments: &Arguments) -> anyhow::Result<()> {
    let (mut step_s, flop) = match arguments.method.as_str() {
        "forward" => forwards(arguments)?,
        "language" => language_steps(arguments)?,
        _ => steps(arguments)?,
    };
    step_s.drain(..arguments.warmup.min(step_s.len() - 1));
    step_s.sort_by(f64::total_cmp);
    let p50 = step_s[step_s.len() / 2];
    let peak = measure::memory::own().peak_bytes;
    println!(
        "{}",
        json!({
            "mode": "steps", "device": arguments.device, "method": arguments.method, "batch": arguments.batch, "seq": arguments.seq,
            "step_s_p50": p50, "samples_per_s": arguments.batch.get() as f64 / p50,
            "gflop": flop / 1e9, "gflop_per_s": flop / p50 / 1e9, "peak_rss_bytes": peak,
            "peak_heap_bytes": measure::allocator::peak_bytes(),
        })
    );
    Ok(())
}

/// Seconds of every step after the first, and the operations of one.
fn steps(arguments: &Arguments) -> anyhow::Result<(Vec<f64>, f64)> {
    let method = runner::METHODS
        .iter()
        .find(|m| m.info().name == arguments.method)
        .context("no such method; see runner methods")?;
    let device = arguments.open()?;
    let model = transformer::load(&arguments.model, &device)?;
    let shape = model.shape.clone();
    let batch = arguments.batch.get();
    let examples = batch * (arguments.steps + arguments.warmup + 1);
    let train = mixed_texts(&model.tokenizer, examples, batch, arguments.seq.get());
    let validation = texts(2);
    let classes = ["a", "b"].map(str::to_owned);
    let mut ends = Vec::new();
    let mut events = |event: Event| match event {
        // As the program begins a phase.
        Event::Began(_) => measure::allocator::give_back_free_pages(),
        Event::StepDone { .. } => ends.push(Instant::now()),
        _ => {}
    };
    let setting = Setting {
        base: Some(model),
        classes: &classes,
        descriptions: None,
        train: &train,
        validation: &validation,
        budget: Budget {
            epochs: NonZeroUsize::MIN,
            batch: arguments.batch,
            max_length: arguments.seq,
            dropout: None, // The checkpoint's own rates, as the peer has them.
            ..Budget::default()
        },
        seed: 1,
        device: &device.clone().autodiff(),
        events: &mut events,
        shared: None,
    };
    let fitted = method.plan(serde_json::Value::Null)?.fit(setting)?;
    let seconds = ends
        .windows(2)
        .map(|pair| pair[1].duration_since(pair[0]).as_secs_f64())
        .collect();
    Ok((
        seconds,
        step_operations(&shape, arguments, &fitted.footprint()),
    ))
}

/// Operations of one step by the formula of `measure`, with what lies below the trained part read from the cache.
fn step_operations(shape: &Shape, arguments: &Arguments, footprint: &Footprint) -> f64 {
    let sizes = runner::flop_shape(shape);
    let from_layer = match footprint.acts_from {
        Some(Depth::Embeddings) => 0,
        Some(Depth::Block(block)) => block as u64,
        Some(Depth::Head) | None => sizes.layers,
    };
    let trained = Trainable {
        from_layer,
        // Training biases or norms alone needs no product for a weight's gradient.
        weights: footprint.trainable_params > sizes.block_weights(),
        added_per_token: match footprint.extra_tokens > 0.0 {
            true => 0, // prompts are tokens, not maps
            false => footprint.added_params,
        },
    };
    let length = arguments.seq.get() as u64 + footprint.extra_tokens as u64;
    let tokens = length * arguments.batch.get() as u64;
    step_flops(&sizes, tokens, length, &trained, from_layer)
}

/// What pretraining trains.
#[derive(Module, Debug)]
struct LanguageModel {
    backbone: Backbone,
    head: LanguageHead,
}

/// Seconds of every step of a causal language model, and the operations of one.
fn language_steps(arguments: &Arguments) -> anyhow::Result<(Vec<f64>, f64)> {
    let device = arguments.open()?.autodiff();
    let model = transformer::load(&arguments.model, &device)?;
    anyhow::ensure!(model.shape.causal, "the model does not predict next tokens");
    let [length, vocab] = [arguments.seq.get(), model.shape.vocab];
    let (batch, ids) = encoded(&model, arguments, &device)?;
    // Each place but a text's last predicts the token behind it: [b, t] -> [b * (t - 1)].
    let targets: Vec<i64> = ids
        .iter()
        .flat_map(|ids| &ids[1..])
        .map(|&id| i64::from(id))
        .collect();
    let places = targets.len();
    let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [places]), &device);
    let mut language_model = LanguageModel {
        backbone: model.backbone,
        head: model
            .language_head
            .context("the model has no output layer over its vocabulary")?,
    };
    let mut optimizer = ModuleOptimizer::from(ops::AdamW::default());
    let mut seconds = Vec::new();
    for _ in 0..arguments.steps + arguments.warmup {
        let start = Instant::now();
        let backbone = &language_model.backbone;
        let states = backbone.forward(&batch, &Pass::plain()).x; // [b, t, hidden]
        let [rows, _, hidden] = states.dims();
        let states = states
            .narrow(1, 0, length - 1)
            .reshape([rows * (length - 1), hidden]);
        let loss = language_model
            .head
            .loss(states, targets.clone(), &backbone.embeddings.word);
        let gradients = GradientsParams::from_grads(loss.backward(), &language_model);
        language_model = optimizer.step(1e-4, language_model, gradients);
        seconds.push(start.elapsed().as_secs_f64());
        if seconds.len() == 1 {
            measure::allocator::give_back_free_pages();
        }
    }
    let sizes = runner::flop_shape(&model.shape);
    let all = Trainable {
        from_layer: 0,
        weights: true,
        added_per_token: 0,
    };
    let tokens = (length * arguments.batch.get()) as u64;
    let of_blocks = step_flops(&sizes, tokens, length as u64, &all, 0);
    let of_head = 3.0 * 2.0 * (places * model.shape.hidden * vocab) as f64;
    Ok((seconds, of_blocks + of_head))
}

/// A batch of the wanted sizes, and its ids.
fn encoded(
    model: &Pretrained,
    arguments: &Arguments,
    device: &Device,
) -> anyhow::Result<(Batch, Vec<Vec<u32>>)> {
    let (batch, length) = (arguments.batch.get(), arguments.seq.get());
    let split = mixed_texts(&model.tokenizer, batch, batch, length);
    let pairs: Vec<_> = split
        .examples
        .iter()
        .map(|e| (e.text.as_str(), None))
        .collect();
    let encoded = model.tokenizer.encode(&pairs, length)?;
    let ids: Vec<Vec<u32>> = encoded.iter().map(|e| e.ids.clone()).collect();
    measure::allocator::give_back_free_pages(); // as the program does when a model is loaded
    anyhow::ensure!(
        ids.iter().all(|ids| ids.len() == length),
        "a text is not of {length} tokens"
    );
    let batch = collate(
        &encoded.iter().collect::<Vec<_>>(),
        model.tokenizer.pad_id(),
        Side::Right,
        device,
    );
    Ok((batch, ids))
}

/// Seconds of every forward pass, and the operations of one.
fn forwards(arguments: &Arguments) -> anyhow::Result<(Vec<f64>, f64)> {
    let device = arguments.open()?;
    let model = transformer::load(&arguments.model, &device)?;
    let (batch, _) = encoded(&model, arguments, &device)?;
    let mut seconds = Vec::new();
    for _ in 0..arguments.steps + arguments.warmup {
        let start = Instant::now();
        let out = model.backbone.forward(&batch, &Pass::plain());
        device
            .sync()
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        seconds.push(start.elapsed().as_secs_f64());
        drop(out);
    }
    let length = arguments.seq.get() as u64;
    let tokens = length * arguments.batch.get() as u64;
    let sizes = runner::flop_shape(&model.shape);
    let all = 0..sizes.layers;
    Ok((seconds, forward_flops(&sizes, all, tokens, length)))
}
