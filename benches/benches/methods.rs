//! `cargo bench --bench methods`: what an optimisation step of every gradient-trained method costs, in time and in peak memory, beside finetuning all
//! weights; and burn's own `apply_lora`, which forms W + s·AB, as a line of its own.
//!
//! Each line runs in a process of its own, so that its peak is its own: the real training loop on texts of one length, without validation worth the name.
//! The model is `benches::encoder` (MiniLM's sizes, random weights, which cost what trained ones cost) unless `--model FOLDER` names a checkpoint.

use adapt::{Attach, Budget, Event, FitError, Frozen, Level, MethodInfo, Peft, Plan, Setting};
use anyhow::{Context, ensure};
use benches::{encoder, texts};
use burn::module::{Lora, Module, ParamGroup};
use burn::tensor::Device;
use clap::Parser;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;
use transformer::{Backbone, Depth, Shape};

/// The line that is no method.
const DENSE: &str = "apply_lora (dense path)";

/// What to time.
#[derive(Parser)]
struct Arguments {
    /// Folder in Hugging Face layout; random weights of MiniLM's sizes without it.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Texts per step.
    #[arg(long, default_value = "16")]
    batch: NonZeroUsize,
    /// Tokens per text.
    #[arg(long, default_value = "128")]
    seq: NonZeroUsize,
    /// Timed steps, after two that are not.
    #[arg(long, default_value = "8")]
    steps: NonZeroUsize,
    /// These lines only: a method's name, with settings as JSON after a space where they are not the defaults.
    #[arg(long)]
    line: Vec<String>,
    /// Measures the one line in this process and prints it as JSON.
    #[arg(long, hide = true)]
    alone: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    /// Given by `cargo test --benches`: nothing is timed.
    #[arg(long, hide = true)]
    test: bool,
}

/// One row of the table.
#[derive(Serialize, Deserialize)]
struct Row {
    line: String,
    /// Median over the timed steps.
    step_s: f64,
    /// Of the process from the first step on, the model included.
    peak_rss_bytes: Option<u64>,
    /// The head included.
    trainable_params: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if arguments.test {
        return Ok(());
    }
    if arguments.alone {
        let line = arguments.line.first().context("--alone needs a --line")?;
        println!("{}", serde_json::to_string(&measure(line, &arguments)?)?);
        return Ok(());
    }
    let given = !arguments.line.is_empty();
    let lines = if given {
        arguments.line.clone()
    } else {
        every_line(&arguments)?
    };
    let rows = lines
        .iter()
        .map(|line| in_its_own_process(line, &arguments));
    let rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
    print_table(&rows, &arguments);
    Ok(())
}

/// Every gradient-trained entry of `METHODS` that fits the model, and the dense path.
fn every_line(arguments: &Arguments) -> anyhow::Result<Vec<String>> {
    let model = load(arguments)?;
    let mut lines = Vec::new();
    for method in runner::METHODS {
        let trained = method.plan(Value::Null)?.as_trainable().is_some();
        if trained && method.not_applicable(&model).is_none() {
            lines.push(method.info().name.to_owned());
        }
    }
    lines.push(DENSE.to_owned());
    Ok(lines)
}

fn load(arguments: &Arguments) -> anyhow::Result<transformer::Pretrained> {
    let device = Device::flex();
    Ok(match &arguments.model {
        Some(folder) => transformer::load(folder, &device)?,
        None => encoder(&device),
    })
}

fn in_its_own_process(line: &str, arguments: &Arguments) -> anyhow::Result<Row> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["--alone", "--line", line]);
    if let Some(model) = &arguments.model {
        command.arg("--model").arg(model);
    }
    for (name, value) in [
        ("--batch", arguments.batch),
        ("--seq", arguments.seq),
        ("--steps", arguments.steps),
    ] {
        command.args([name, &value.to_string()]);
    }
    let done = command.stderr(Stdio::inherit()).output()?;
    ensure!(done.status.success(), "{line}: {}", done.status);
    let text = String::from_utf8_lossy(&done.stdout);
    let last = text.lines().last().context("no row")?;
    serde_json::from_str(last).with_context(|| format!("{line}: {last}"))
}

fn measure(line: &str, arguments: &Arguments) -> anyhow::Result<Row> {
    const WARM_UP: usize = 2;
    let plan = plan(line)?;
    let model = load(arguments)?;
    let train = texts(arguments.batch.get() * (arguments.steps.get() + WARM_UP));
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
            dropout: Some(0.1),
            ..Budget::default()
        },
        seed: 1,
        device: &Device::flex().autodiff(),
        events: &mut events,
        shared: None,
    };
    measure::memory::reset_peak();
    let predictor = plan.fit(setting)?;
    let peak_rss_bytes = measure::memory::own().peak_bytes;
    let timed = ends[WARM_UP - 1..].windows(2);
    let mut step_s: Vec<f64> = timed
        .map(|pair| pair[1].duration_since(pair[0]).as_secs_f64())
        .collect();
    step_s.sort_by(f64::total_cmp);
    Ok(Row {
        line: line.to_owned(),
        step_s: step_s[step_s.len() / 2],
        peak_rss_bytes,
        trainable_params: predictor.footprint().trainable_params,
    })
}

fn plan(line: &str) -> anyhow::Result<Box<dyn Plan>> {
    if line == DENSE {
        return Ok(Box::new(WeightSpace));
    }
    let (name, settings) = line.split_once(' ').unwrap_or((line, "null"));
    let method = runner::METHODS
        .iter()
        .find(|method| method.info().name == name);
    let method = method.with_context(|| format!("no method \"{name}\"; see runner methods"))?;
    Ok(method.plan(serde_json::from_str(settings)?)?)
}

/// A correction of rank 8 on query and value, as burn has it: the sum W + s·AB is formed in every forward pass.
#[derive(Clone, Serialize)]
struct WeightSpace;

impl Peft for WeightSpace {
    const INFO: MethodInfo = MethodInfo {
        name: DENSE,
        definition: "The sum W + s·AB is formed in every forward pass.",
        paper: "",
        level: Level::InsertedComputation,
        uses_model: true,
        look: None,
    };

    type Adaptation = Frozen;

    fn learning_rate(&self) -> f64 {
        5e-4
    }

    fn attach(&self, _to: &mut Attach<'_>) -> Result<Frozen, FitError> {
        Ok(Frozen::new())
    }

    fn settle(&self, adaptation: Frozen, backbone: Backbone) -> (Frozen, Backbone) {
        let maps = ParamGroup::from_regex(r"attention\.(query|value)\.weight$");
        let lora = Lora::new(8, 16.0).set_param_group(maps.expect("a valid pattern"));
        (adaptation, backbone.apply_lora(lora))
    }

    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Block(0)
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        (4 * shape.layers * 8 * shape.hidden) as u64
    }
}

fn print_table(rows: &[Row], arguments: &Arguments) {
    let model = match &arguments.model {
        Some(folder) => folder.display().to_string(),
        None => "random weights of MiniLM's sizes".to_owned(),
    };
    println!(
        "\n{model}, batch {} x {} tokens, median of {} steps\n",
        arguments.batch, arguments.seq, arguments.steps
    );
    println!("| method | trained parameters | step (ms) | of the largest | peak memory (MiB) |");
    println!("|---|---:|---:|---:|---:|");
    let largest = rows.iter().max_by_key(|row| row.trainable_params);
    for row in rows {
        let share = largest.map_or(f64::NAN, |largest| row.step_s / largest.step_s);
        let peak = row.peak_rss_bytes.map_or(String::new(), |bytes| {
            format!("{:.0}", bytes as f64 / f64::from(1 << 20))
        });
        println!(
            "| {} | {} | {:.1} | {share:.2} | {peak} |",
            row.line,
            row.trainable_params,
            1e3 * row.step_s
        );
    }
}
