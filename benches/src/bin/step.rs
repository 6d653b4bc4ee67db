//! Times optimisation steps on batches of one shape and prints one JSON line: this program's side of `scripts/race.sh`.
//!
//! Steps run in the real training loop, from texts to updated weights; the first ones are left out. Peak memory is the process's own high-water mark.

use adapt::{Budget, Event, Footprint, Setting};
use anyhow::Context;
use benches::texts;
use burn::tensor::Device;
use clap::Parser;
use measure::flops::{Trainable, forward_flops, step_flops};
use serde_json::json;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;
use transformer::{Depth, Pass, Shape, Side, collate};

/// What to time.
#[derive(Parser)]
struct Arguments {
    /// Folder in Hugging Face layout.
    #[arg(long)]
    model: PathBuf,
    /// A method's name, or `forward`.
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
    let (mut step_s, flop) = if arguments.method == "forward" {
        forwards(arguments)?
    } else {
        steps(arguments)?
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
    let train = texts(arguments.batch.get() * (arguments.steps + arguments.warmup + 1));
    let validation = texts(2);
    let classes = ["a", "b"].map(str::to_owned);
    let mut ends = Vec::new();
    let mut events = |event: Event| {
        if let Event::StepDone { .. } = event {
            ends.push(Instant::now());
        }
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

/// Seconds of every forward pass, and the operations of one.
fn forwards(arguments: &Arguments) -> anyhow::Result<(Vec<f64>, f64)> {
    let device = arguments.open()?;
    let model = transformer::load(&arguments.model, &device)?;
    let split = texts(arguments.batch.get());
    let pairs: Vec<_> = split
        .examples
        .iter()
        .map(|e| (e.text.as_str(), None))
        .collect();
    let encoded = model.tokenizer.encode(&pairs, arguments.seq.get())?;
    let batch = collate(
        &encoded.iter().collect::<Vec<_>>(),
        model.tokenizer.pad_id(),
        Side::Right,
        &device,
    );
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
