//! The loop of pretraining: AdamW, linear warm-up and decay, clipping; curves, checkpoints, and going on after a kill.

use crate::PretrainError;
use crate::card;
use crate::checkpoint::{self, State};
use crate::config::Pretraining;
use crate::episodes::Passages;
use crate::held_out::{HeldOut, Measured};
use crate::model::Model;
use crate::objective::{Causal, Objective};
use crate::packing::Packed;
use crate::prepare;
use adapt::{LoopAdamW, clip_by_global_norm, linear_with_warmup};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Device;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};
use transformer::{Precision, load_shape};

/// What the loop tells whoever watches.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// Reading and tokenising.
    Preparing(&'static str),
    /// Sizes, once they are known.
    Ready {
        /// Parameters in all.
        parameters: u64,
        /// Tokens of the corpus.
        corpus_tokens: u64,
        /// Steps in all.
        steps: u64,
        /// Steps that an earlier process did.
        done: u64,
    },
    /// After a step.
    Step {
        /// Steps done.
        step: u64,
        /// Loss of this step's batch, nats.
        loss: f64,
        /// Tokens a second since the last time.
        tokens_per_s: f64,
    },
    /// On text that is not trained on.
    HeldOut {
        /// Steps done.
        step: u64,
        /// The measurement.
        measured: Measured,
    },
}

/// How a pretraining ended.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// Of the last model, rounded to the precision it is stored in.
    pub measured: Measured,
    /// Seconds in the loop, of all processes.
    pub elapsed_s: f64,
}

/// Batches that another thread makes while the model trains on earlier ones.
const BATCHES_AHEAD: usize = 4;

/// How often the loop looks up from its work.
#[derive(Clone, Copy, Debug)]
struct Rhythm {
    log: u64,
    measure: u64,
    checkpoint: Duration,
}

/// Pretrains into `dir`: a model directory in Hugging Face layout with `CARD.md`, `curve.csv` and `checkpoints/`. A directory that holds the same
/// pretraining, killed at any time, is continued from its last checkpoint. `command` is what the card says made it.
///
/// # Errors
/// See [`PretrainError`].
pub fn pretrain(
    settings: &Pretraining,
    dir: &Path,
    precision: Precision,
    device: &Device,
    command: &str,
    checkpoint_every: Duration,
    tell: &mut dyn FnMut(Progress),
) -> Result<Finished, PretrainError> {
    settings.check()?;
    prepare::claim(dir, settings)?;
    tell(Progress::Preparing("reading the corpus"));
    let (corpus, held_out) = prepare::read_corpus(settings)?;
    tell(Progress::Preparing("training the tokenizer"));
    let tokenizer = prepare::tokenizer(dir, settings, &corpus)?;
    let shape = load_shape(dir)?;
    if settings.length > shape.max_length {
        return Err(PretrainError::Settings(format!(
            "sequences of {} tokens, and the model's positions allow {}",
            settings.length, shape.max_length
        )));
    }
    if shape.causal && settings.neighbour_weight > 0.0 {
        return Err(PretrainError::Settings(format!(
            "recognising neighbours is for masked models, and {} is a causal one; give --neighbours 0",
            shape.architecture.name()
        )));
    }
    tell(Progress::Preparing("tokenising"));
    let episodic = prepare::is_episodic(settings, &shape);
    let objective = match shape.causal {
        false => Objective::Masked(prepare::masked(&tokenizer, &shape)?),
        true => Objective::Causal(Causal {
            passages: episodic.then(|| Passages::of(&corpus)),
            tokenizer: &tokenizer,
        }),
    };
    if let Objective::Causal(Causal {
        passages: Some(passages),
        ..
    }) = &objective
        && !passages.is_enough()
    {
        return Err(PretrainError::Settings("the corpus is too small for in-context episodes (two documents of 24 sentences, 20 frequent words); give --episodes 0".to_owned()));
    }
    let (payload, ahead) = objective.payload(settings.length);
    let pack = |part: &crate::Corpus, what, batch| -> Result<Packed, PretrainError> {
        let packed = Packed::new(
            prepare::tokenize(part, &tokenizer, &shape)?,
            payload,
            ahead,
            settings.seed,
        );
        let needed = batch * settings.length;
        match packed.len() < batch {
            true => Err(PretrainError::TooSmall {
                what,
                found: packed.tokens(),
                needed,
            }),
            false => Ok(packed),
        }
    };
    let mut packed = pack(&corpus, "the corpus", settings.batch)?;
    let held_out_passages = episodic.then(|| Passages::of(&held_out));
    let held_out = HeldOut::new(
        &objective,
        pack(&held_out, "the held-out text", 1)?,
        held_out_passages,
        settings,
    )?;

    let autodiff = device.clone().autodiff();
    let adamw = ops::AdamW {
        beta_1: 0.9,
        beta_2: 0.98,
        epsilon: 1e-8,
        weight_decay: settings.weight_decay,
    };
    let optimizer = || {
        ModuleOptimizer::from(LoopAdamW {
            adamw,
            rate_factor: 1.0,
        })
    };
    let (mut model, mut optimizer, mut state) = match checkpoint::read(dir, optimizer(), &autodiff)?
    {
        Some(found) => found,
        None => (
            prepare::first_model(dir, settings, packed.stream(), &autodiff)?,
            optimizer(),
            State::default(),
        ),
    };
    let steps = settings.steps();
    tell(Progress::Ready {
        parameters: card::parameters(&model),
        corpus_tokens: packed.tokens() as u64,
        steps,
        done: state.step,
    });
    let mut curve = Curve::open(dir, state.step, settings.tokens_a_step())?;
    let rhythm = Rhythm {
        log: (steps / 400).clamp(1, 50),
        measure: (steps / 20).max(1),
        checkpoint: checkpoint_every,
    };
    let warmup = (steps as f64 * settings.warmup_share).round() as u64;
    // A device that works behind the host's back stands still while the host waits for a number; losses are read there only where they are shown.
    let reads_every_loss = !ops::compiles_kernels(device);
    let (mut began, mut saved) = (Instant::now(), Instant::now());
    let before = state.elapsed_s;
    let (mut logged, mut logged_at) = (state.step, Instant::now());
    let (model, packed) = thread::scope(|scope| -> Result<(Model, Packed), PretrainError> {
        let (give, batches) = sync_channel(BATCHES_AHEAD);
        let (objective, from) = (&objective, state.step);
        let producer = scope.spawn(move || {
            for step in from..steps {
                let rows = objective.rows(step, &mut packed, settings);
                // Nobody takes it where the training ended early.
                if give.send(rows).is_err() {
                    break;
                }
            }
            packed
        });
        while state.step < steps {
            let rows = batches.recv().expect("one batch a step")?;
            let (loss, recognition) = rows.losses(&model, &autodiff);
            let shown = loss.clone().detach().inner();
            let loss = match recognition {
                Some(recognition) => loss + recognition,
                None => loss,
            };
            let learning_rate =
                settings.learning_rate * linear_with_warmup(state.step, steps, warmup);
            let mut grads = GradientsParams::from_grads(loss.backward(), &model);
            clip_by_global_norm(&mut grads, &model, settings.clip_norm, device);
            let is_logged = (state.step + 1).is_multiple_of(rhythm.log) || state.step + 1 == steps;
            let is_saved = saved.elapsed() > rhythm.checkpoint && state.step + 1 < steps;
            let mut value = f64::NAN;
            if reads_every_loss || is_logged || is_saved {
                value = f64::from(adapt::to_floats(shown)[0]);
                if !value.is_finite() {
                    return Err(PretrainError::Diverged {
                        step: state.step,
                        loss: value,
                        learning_rate,
                    });
                }
            }
            model = optimizer.step(learning_rate, model, grads);
            state.step += 1;
            state.elapsed_s = before + began.elapsed().as_secs_f64();
            if is_logged {
                let tokens = (state.step - logged) * settings.tokens_a_step();
                let tokens_per_s = tokens as f64 / logged_at.elapsed().as_secs_f64();
                curve.add(state, "train", "loss", value)?;
                tell(Progress::Step {
                    step: state.step,
                    loss: value,
                    tokens_per_s,
                });
                (logged, logged_at) = (state.step, Instant::now());
            }
            if state.step.is_multiple_of(rhythm.measure) && state.step < steps {
                let pause = Instant::now();
                let measured = held_out.measure(&model);
                curve.add_measured(state, measured)?;
                tell(Progress::HeldOut {
                    step: state.step,
                    measured,
                });
                // Measuring is not training.
                began += pause.elapsed();
                logged_at += pause.elapsed();
            }
            if is_saved {
                checkpoint::write(dir, &model, &optimizer, state)?;
                saved = Instant::now();
            }
        }
        Ok((model, producer.join().expect("no panic")))
    })?;
    checkpoint::write(dir, &model, &optimizer, state)?;
    prepare::write_weights(&dir.join("model.safetensors"), &model, precision)?;
    // What is stored is what is measured.
    let stored: Model = prepare::read_model(dir, &autodiff)?;
    let measured = held_out.measure(&stored);
    curve.add_measured(state, measured)?;
    tell(Progress::HeldOut {
        step: state.step,
        measured,
    });
    let finished = Finished {
        measured,
        elapsed_s: state.elapsed_s,
    };
    card::write(
        dir,
        settings,
        &stored,
        &corpus,
        &packed,
        held_out.tokens,
        precision,
        finished,
        command,
    )?;
    Ok(finished)
}

/// curve.csv: `step, tokens, elapsed_s, split, metric, value`.
struct Curve {
    file: fs::File,
    path: std::path::PathBuf,
    tokens_a_step: u64,
}

impl Curve {
    /// Opens the curve and takes off what was written after the checkpoint that the training goes on from.
    fn open(dir: &Path, step: u64, tokens_a_step: u64) -> Result<Curve, PretrainError> {
        let path = dir.join("curve.csv");
        let old = fs::read_to_string(&path).unwrap_or_default();
        let kept = old.lines().filter(|line| {
            let at = line
                .split(',')
                .next()
                .and_then(|step| step.parse::<u64>().ok());
            at.is_some_and(|at| at <= step)
        });
        let header = "step,tokens,elapsed_s,split,metric,value";
        let text: String = std::iter::once(header)
            .chain(kept)
            .map(|line| format!("{line}\n"))
            .collect();
        prepare::write(&path, text.as_bytes())?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(PretrainError::file(&path))?;
        Ok(Curve {
            file,
            path,
            tokens_a_step,
        })
    }

    fn add(
        &mut self,
        state: State,
        split: &str,
        metric: &str,
        value: f64,
    ) -> Result<(), PretrainError> {
        let tokens = state.step * self.tokens_a_step;
        let line = format!(
            "{},{tokens},{:.2},{split},{metric},{value:.5}\n",
            state.step, state.elapsed_s
        );
        self.file
            .write_all(line.as_bytes())
            .map_err(PretrainError::file(&self.path))
    }

    fn add_measured(&mut self, state: State, measured: Measured) -> Result<(), PretrainError> {
        self.add(state, "held_out", "loss", measured.loss)?;
        match measured.episode_accuracy {
            Some(accuracy) => self.add(state, "held_out", "episode_accuracy", accuracy),
            None => Ok(()),
        }
    }
}
