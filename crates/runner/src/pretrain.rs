//! `pretrain`: a tokenizer and a small transformer from plain text, with progress and a way to go on after a kill.

use crate::cli::{EmbeddingsArg, FamilyArg, PrecisionArg, PretrainArgs};
use crate::sources::{self, devices};
use ::pretrain::{Embeddings, Family, Pretraining, Progress, Sizes, Source};
use anyhow::{Context, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use transformer::Precision;

/// Trains until the tokens are seen, and prints where the model is.
///
/// # Errors
/// Settings, texts, devices or directories that cannot be used.
pub(crate) fn run(arguments: &PretrainArgs) -> anyhow::Result<()> {
    devices::allow();
    devices::check(&arguments.device)?;
    let settings = settings(arguments)?;
    settings.check()?;
    let device = devices::open(&arguments.device)?;
    let precision = match arguments.precision {
        PrecisionArg::F16 => Precision::F16,
        PrecisionArg::F32 => Precision::F32,
    };
    let checkpoint_every = Duration::from_secs_f64(arguments.checkpoint_every.max(0.0));
    let mut display = Display::new(&settings);
    let command = command();
    let finished = ::pretrain::pretrain(
        &settings,
        &arguments.out,
        precision,
        &device,
        &command,
        checkpoint_every,
        &mut |progress| display.show(progress),
    )?;
    display.close();
    println!(
        "{}: held-out loss {:.4} after {}",
        arguments.out.display(),
        finished.measured.loss,
        humantime::format_duration(Duration::from_secs(finished.elapsed_s as u64))
    );
    println!(
        "try it: runner run --model {} --task reviews --quick",
        arguments.out.display()
    );
    Ok(())
}

fn settings(arguments: &PretrainArgs) -> anyhow::Result<Pretraining> {
    let source = match &arguments.from {
        Some(model) => {
            let changed = [
                ("--architecture", arguments.architecture.is_some()),
                ("--vocab", arguments.vocab.is_some()),
                ("--hidden", arguments.hidden.is_some()),
                ("--layers", arguments.layers.is_some()),
                ("--heads", arguments.heads.is_some()),
                ("--intermediate", arguments.intermediate.is_some()),
                ("--embeddings", arguments.embeddings.is_some()),
            ];
            let changed = changed.iter().find(|(_, given)| *given);
            ensure!(
                changed.is_none(),
                "{} with --from: sizes, vocabulary and first weights are those of the model that it goes on from",
                changed.map_or("", |(name, _)| name)
            );
            Source::From(sources::model_dir(model)?)
        }
        None => Source::New(sizes(arguments)),
    };
    let masked = matches!(&source, Source::New(sizes) if !sizes.family.is_causal());
    Ok(Pretraining {
        corpus: files(&arguments.corpus)?,
        held_out: files(&arguments.held_out)?,
        tokens: arguments.tokens,
        length: arguments.length,
        batch: arguments.batch.get(),
        short_share: arguments.short,
        episode_share: arguments
            .episodes
            .unwrap_or(if masked { 0.0 } else { 0.25 }),
        repeat_share: arguments.repeats.unwrap_or(if masked { 0.0 } else { 0.1 }),
        look_up_share: arguments.look_up.unwrap_or(match &source {
            Source::New(sizes) if sizes.family.is_causal() => 0.1,
            _ => 0.0,
        }),
        label_weight: arguments.label_weight.get(),
        mask_share: arguments.mask,
        left_to_right_share: arguments.left_to_right,
        neighbour_weight: arguments.neighbours,
        embeddings: match arguments.embeddings {
            Some(EmbeddingsArg::Random) => Embeddings::Random,
            Some(EmbeddingsArg::Cooccurrence) | None => Embeddings::Cooccurrence,
        },
        learning_rate: arguments.learning_rate,
        warmup_share: 0.03,
        weight_decay: 0.05,
        clip_norm: 1.0,
        seed: arguments.seed,
        source,
    })
}

fn sizes(arguments: &PretrainArgs) -> Sizes {
    Sizes {
        family: match arguments.architecture.unwrap_or(FamilyArg::Bert) {
            FamilyArg::Bert => Family::Bert,
            FamilyArg::Gpt2 => Family::Gpt2,
            FamilyArg::Llama => Family::Llama,
        },
        vocab: arguments.vocab.map_or(8_000, usize::from),
        hidden: arguments.hidden.map_or(192, usize::from),
        layers: arguments.layers.map_or(4, usize::from),
        heads: arguments.heads.map_or(6, usize::from),
        intermediate: arguments.intermediate.map(usize::from),
    }
}

/// Files as they are given, and the .txt files of directories.
fn files(given: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in given {
        if path.is_dir() {
            let entries = std::fs::read_dir(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let mut texts: Vec<PathBuf> = entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
                .collect();
            texts.sort();
            ensure!(!texts.is_empty(), "{} holds no .txt file", path.display());
            found.extend(texts);
        } else {
            ensure!(path.is_file(), "there is no file {}", path.display());
            found.push(path.clone());
        }
    }
    Ok(found)
}

/// The command line, with the program's name and each file's last two parts: where they lay on this machine is nobody's business.
fn command() -> String {
    let short = |argument: String| match Path::new(&argument).components().count() > 2 {
        true => {
            let parts: Vec<_> = Path::new(&argument).components().rev().take(2).collect();
            parts
                .iter()
                .rev()
                .map(|part| part.as_os_str().to_string_lossy())
                .collect::<Vec<_>>()
                .join("/")
        }
        false => argument,
    };
    let arguments: Vec<String> = std::env::args().skip(1).map(short).collect();
    format!("runner {}", arguments.join(" "))
}

/// A bar on a terminal, a line now and then elsewhere.
struct Display {
    bar: Option<ProgressBar>,
    tokens_a_step: u64,
    steps: u64,
    last_line: Option<Instant>,
}

impl Display {
    fn new(settings: &Pretraining) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {percent}%  {wide_msg}")
                .expect("a fixed template");
            ProgressBar::new(settings.steps()).with_style(style)
        });
        Self {
            bar,
            tokens_a_step: settings.tokens_a_step(),
            steps: settings.steps(),
            last_line: None,
        }
    }

    fn show(&mut self, progress: Progress) {
        match progress {
            Progress::Preparing(what) => self.line(what),
            Progress::Ready {
                parameters,
                corpus_tokens,
                steps,
                done,
            } => {
                self.line(&format!(
                    "{:.2} million parameters, {:.1} million tokens of text, {steps} steps of {} tokens",
                    parameters as f64 / 1e6,
                    corpus_tokens as f64 / 1e6,
                    self.tokens_a_step
                ));
                if done > 0 {
                    self.line(&format!("going on after step {done}"));
                }
            }
            Progress::Step {
                step,
                loss,
                tokens_per_s,
            } => {
                let left = (self.steps - step) as f64 * self.tokens_a_step as f64 / tokens_per_s;
                let left = humantime::format_duration(Duration::from_secs(left.ceil() as u64));
                let text = format!(
                    "step {step}/{}: loss {loss:.3}, {tokens_per_s:.0} tokens/s, about {left} left",
                    self.steps
                );
                match &self.bar {
                    Some(bar) => {
                        bar.set_position(step);
                        bar.set_message(text);
                    }
                    None if self
                        .last_line
                        .is_none_or(|at| at.elapsed() > Duration::from_secs(20)) =>
                    {
                        self.last_line = Some(Instant::now());
                        eprintln!("{text}");
                    }
                    None => {}
                }
            }
            Progress::HeldOut { step, measured } => {
                let episodes = measured
                    .episode_accuracy
                    .map(|accuracy| format!(", {:.1} % of known labels right", 100.0 * accuracy))
                    .unwrap_or_default();
                self.line(&format!(
                    "step {step}: held-out loss {:.4}{episodes}",
                    measured.loss
                ));
            }
            _ => {}
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
