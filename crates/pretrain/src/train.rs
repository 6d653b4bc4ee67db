//! The loop of pretraining: AdamW, linear warm-up and decay, clipping; curves, checkpoints, and going on after a kill.

use crate::PretrainError;
use crate::card::{self, Card};
use crate::checkpoint::{self, State};
use crate::config::Pretraining;
use crate::corpus::Corpus;
use crate::curve::Curve;
use crate::distil::{Instructor, Teach};
use crate::episodes::Episodes;
use crate::episodes::labelled::Labelled;
use crate::held_out::{HeldOut, Measured};
use crate::material::Material;
use crate::model::Model;
use crate::objective::{Causal, Objective, Rows};
use crate::packing::Packed;
use crate::prepare;
use crate::texts::Texts;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Device;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};
use tokenizers::Tokenizer;
use training::{LoopAdamW, Quantity, clip_by_global_norm, linear_with_warmup};
use transformer::{Precision, ScoreBias, Shape, load_shape};

/// What the loop tells whoever watches.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// Reading and tokenising.
    Preparing(&'static str),
    /// A teacher reads the texts.
    Teacher {
        /// Excerpts that it has read.
        done: usize,
        /// Excerpts in all.
        all: usize,
        /// Its tokens a second.
        tokens_per_s: f64,
    },
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
    let Texts {
        corpus,
        held_out,
        labelled,
        labelled_held_out,
        about,
    } = Texts::read(settings)?;
    tell(Progress::Preparing("training the tokenizer"));
    let tokenizer = prepare::tokenizer(dir, settings, &corpus)?;
    let shape = load_shape(dir)?;
    check_shape(settings, &shape)?;
    tell(Progress::Preparing("tokenising"));
    let objective = objective(settings, &shape, &tokenizer, &corpus, labelled)?;
    let packing = Packing {
        settings,
        shape: &shape,
        tokenizer: &tokenizer,
        objective: &objective,
    };
    let packed = packing.pack(&corpus, "the corpus", settings.batch)?;
    let held_out_packed = packing.pack(&held_out, "the held-out text", 1)?;
    let material = Material {
        settings,
        dir,
        shape: &shape,
        tokenizer: &tokenizer,
        corpus: &corpus,
        held_out: &held_out,
    };
    let (objective, instructor) =
        material.taught(objective, [&packed, &held_out_packed], device, tell)?;
    let measured = HeldOut::new(
        &objective,
        held_out_packed,
        prepare::is_episodic(settings, &shape).then(|| Episodes::of(&held_out, labelled_held_out)),
        settings,
    )?;
    let measured = measured.taught(material.teach(instructor.as_ref(), &device.clone().inner()));

    let instructor = instructor.as_ref();
    let (model, run) = begin(&material, &packed, instructor, device, checkpoint_every)?;
    tell(Progress::Ready {
        parameters: card::parameters(&model),
        corpus_tokens: packed.tokens() as u64,
        steps: run.steps,
        done: run.state.step,
    });
    let mut watched = Watched {
        held_out: &measured,
        tell,
    };
    let (model, run, packed) = run.all_steps(model, &objective, packed, &mut watched)?;
    let (stored, finished) = run.finish(model, precision, &mut watched)?;
    card::write(&Card {
        dir,
        settings,
        model: &stored,
        corpus: &corpus,
        packed: &packed,
        texts: &about,
        teacher: material.about(instructor),
        held_out_tokens: measured.tokens,
        precision,
        finished,
        command,
    })?;
    Ok(finished)
}

/// Whether a model of this shape can be pretrained with these settings.
fn check_shape(settings: &Pretraining, shape: &Shape) -> Result<(), PretrainError> {
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
    if !shape.causal && !settings.labelled.is_empty() {
        return Err(PretrainError::Settings(format!(
            "labelled texts make in-context episodes, which are for causal models, and {} is a masked one; leave --labelled out",
            shape.architecture.name()
        )));
    }
    if let Some(teaching) = &settings.teaching {
        teaching.check_student(shape.causal, shape.architecture.name())?;
    }
    let disentangled = matches!(shape.score_bias, ScoreBias::Disentangled { .. });
    if disentangled && settings.left_to_right_share > 0.0 {
        return Err(PretrainError::Settings(format!(
            "next tokens are predicted by reading from the left only, and {}'s attention reads both ways; give --left-to-right 0",
            shape.architecture.name()
        )));
    }
    Ok(())
}

/// What is predicted, and of a causal model's mixture the episodes.
fn objective<'a>(
    settings: &Pretraining,
    shape: &Shape,
    tokenizer: &'a Tokenizer,
    corpus: &'a Corpus,
    labelled: Labelled,
) -> Result<Objective<'a>, PretrainError> {
    if !shape.causal {
        return Ok(Objective::Masked(prepare::masked(tokenizer, shape)?));
    }
    let episodes =
        prepare::is_episodic(settings, shape).then(|| Box::new(Episodes::of(corpus, labelled)));
    if episodes
        .as_ref()
        .is_some_and(|episodes| !episodes.is_enough())
    {
        return Err(PretrainError::Settings("the corpus is too small for in-context episodes (two documents of 24 sentences, 20 frequent words); give --episodes 0".to_owned()));
    }
    Ok(Objective::Causal(Causal {
        episodes,
        tokenizer,
        graded: None,
    }))
}

/// How texts become sequences.
struct Packing<'a> {
    settings: &'a Pretraining,
    shape: &'a Shape,
    tokenizer: &'a Tokenizer,
    objective: &'a Objective<'a>,
}

impl Packing<'_> {
    /// Packs a part of the text, of which there must be one batch at least.
    fn pack(
        &self,
        part: &Corpus,
        what: &'static str,
        batch: usize,
    ) -> Result<Packed, PretrainError> {
        let (payload, ahead) = self.objective.payload(self.settings.length);
        let stream = prepare::tokenize(part, self.tokenizer, self.shape)?;
        let packed = Packed::new(stream, payload, ahead, self.settings.seed);
        match packed.len() < batch {
            true => Err(PretrainError::TooSmall {
                what,
                found: packed.tokens(),
                needed: batch * self.settings.length,
            }),
            false => Ok(packed),
        }
    }
}

/// The model and the state of its training: from the last checkpoint, or those of the first step.
fn begin<'a>(
    material: &Material<'a>,
    packed: &Packed,
    instructor: Option<&Instructor>,
    device: &'a Device,
    checkpoint_every: Duration,
) -> Result<(Model, Run<'a>), PretrainError> {
    let (dir, settings) = (material.dir, material.settings);
    let autodiff = device.clone().autodiff();
    let found = checkpoint::read(dir, optimizer(settings), &autodiff)?;
    let (model, optimizer, state) = match found {
        Some(found) => found,
        None => (
            material.first_model(packed, instructor, &autodiff)?,
            optimizer(settings),
            State::default(),
        ),
    };
    let steps = settings.steps();
    let run = Run {
        dir,
        settings,
        device,
        teach: material.teach(instructor, &autodiff),
        autodiff,
        optimizer,
        state,
        steps,
        warmup: (steps as f64 * settings.warmup_share).round() as u64,
        curve: Curve::open(dir, state.step, settings.tokens_a_step())?,
        rhythm: Rhythm {
            log: (steps / 400).clamp(1, 50),
            measure: (steps / 20).max(1),
            checkpoint: checkpoint_every,
        },
        clock: Clock::start(state),
    };
    Ok((model, run))
}

fn optimizer(settings: &Pretraining) -> ModuleOptimizer {
    let adamw = ops::AdamW {
        beta_1: 0.9,
        beta_2: 0.98,
        epsilon: 1e-8,
        weight_decay: settings.weight_decay,
    };
    ModuleOptimizer::from(LoopAdamW {
        adamw,
        rate_factor: 1.0,
    })
}

/// How often the loop looks up from its work.
#[derive(Clone, Copy, Debug)]
struct Rhythm {
    log: u64,
    measure: u64,
    checkpoint: Duration,
}

/// When the loop began and when it last did what it does now and then. Measuring is not training: its time is taken out.
struct Clock {
    /// Seconds of earlier processes.
    before: f64,
    began: Instant,
    logged_step: u64,
    logged: Instant,
    saved: Instant,
}

impl Clock {
    fn start(state: State) -> Clock {
        let now = Instant::now();
        Clock {
            before: state.elapsed_s,
            began: now,
            logged_step: state.step,
            logged: now,
            saved: now,
        }
    }

    fn elapsed_s(&self) -> f64 {
        self.before + self.began.elapsed().as_secs_f64()
    }

    fn take_out(&mut self, pause: Duration) {
        self.began += pause;
        self.logged += pause;
    }
}

/// What looks at the model, and whom it is told.
struct Watched<'a> {
    held_out: &'a HeldOut,
    tell: &'a mut dyn FnMut(Progress),
}

/// The state of a pretraining between steps, the model aside: it moves through the optimiser, so that its weights have one owner and are changed in
/// place.
struct Run<'a> {
    dir: &'a Path,
    settings: &'a Pretraining,
    device: &'a Device,
    /// Of a pretraining with a teacher.
    teach: Option<Teach>,
    autodiff: Device,
    optimizer: ModuleOptimizer,
    state: State,
    steps: u64,
    warmup: u64,
    curve: Curve,
    rhythm: Rhythm,
    clock: Clock,
}

impl<'a> Run<'a> {
    /// Takes the steps that are left, on batches that another thread makes.
    fn all_steps(
        mut self,
        mut model: Model,
        objective: &Objective<'_>,
        mut packed: Packed,
        watched: &mut Watched<'_>,
    ) -> Result<(Model, Run<'a>, Packed), PretrainError> {
        thread::scope(|scope| {
            let (give, batches) = sync_channel(BATCHES_AHEAD);
            let (from, steps, settings) = (self.state.step, self.steps, self.settings);
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
            while self.state.step < steps {
                let rows = batches.recv().expect("one batch a step")?;
                model = self.step(model, &rows, watched)?;
            }
            Ok((model, self, producer.join().expect("no panic")))
        })
    }

    /// One step, and what falls due after it.
    fn step(
        &mut self,
        model: Model,
        rows: &Rows,
        watched: &mut Watched<'_>,
    ) -> Result<Model, PretrainError> {
        let next = self.state.step + 1;
        let is_logged = next.is_multiple_of(self.rhythm.log) || next == self.steps;
        let is_saved = self.clock.saved.elapsed() > self.rhythm.checkpoint && next < self.steps;
        // A device that works behind the host's back stands still while the host waits for a number; numbers are read there only where they are
        // shown or what they vouch for is kept.
        let is_read = is_logged || is_saved || !ops::compiles_kernels(self.device);
        let (model, loss) = self.optimise(model, rows, is_read)?;
        if is_logged {
            self.log(loss, watched)?;
        }
        if self.state.step.is_multiple_of(self.rhythm.measure) && self.state.step < self.steps {
            let pause = Instant::now();
            self.measure(&model, watched)?;
            self.clock.take_out(pause.elapsed());
        }
        if is_saved {
            checkpoint::write(self.dir, &model, &self.optimizer, self.state)?;
            self.clock.saved = Instant::now();
        }
        Ok(model)
    }

    /// The model after a step on these rows, and their loss before it: NaN where it is not read.
    fn optimise(
        &mut self,
        model: Model,
        rows: &Rows,
        is_read: bool,
    ) -> Result<(Model, f64), PretrainError> {
        let losses = rows.losses(&model, self.teach.as_ref(), &self.autodiff);
        let shown = losses.language.clone().detach().inner();
        let mut loss = match (&self.teach, losses.taught) {
            (Some(teach), Some(taught)) => teach.total(losses.language, taught),
            _ => losses.language,
        };
        if let Some(recognition) = losses.recognition {
            loss = loss + recognition;
        }
        let step = self.state.step;
        let learning_rate =
            self.settings.learning_rate * linear_with_warmup(step, self.steps, self.warmup);
        let mut grads = GradientsParams::from_grads(loss.backward(), &model);
        let norm = clip_by_global_norm(&mut grads, &model, self.settings.clip_norm, self.device);
        let mut value = f64::NAN;
        if is_read {
            value = f64::from(ops::to_floats(shown)[0]);
            Quantity::Loss.check(value, step, learning_rate)?;
            Quantity::GradientNorm.check(norm.read(), step, learning_rate)?;
        }
        let model = self.optimizer.step(learning_rate, model, grads);
        self.state.step += 1;
        self.state.elapsed_s = self.clock.elapsed_s();
        Ok((model, value))
    }

    fn log(&mut self, loss: f64, watched: &mut Watched<'_>) -> Result<(), PretrainError> {
        let step = self.state.step;
        let tokens = (step - self.clock.logged_step) * self.settings.tokens_a_step();
        let tokens_per_s = tokens as f64 / self.clock.logged.elapsed().as_secs_f64();
        self.curve.add(self.state, "train", "loss", loss)?;
        (watched.tell)(Progress::Step {
            step,
            loss,
            tokens_per_s,
        });
        (self.clock.logged_step, self.clock.logged) = (step, Instant::now());
        Ok(())
    }

    fn measure(
        &mut self,
        model: &Model,
        watched: &mut Watched<'_>,
    ) -> Result<Measured, PretrainError> {
        let measured = watched.held_out.measure(model);
        self.curve.add_measured(self.state, measured)?;
        (watched.tell)(Progress::HeldOut {
            step: self.state.step,
            measured,
        });
        Ok(measured)
    }

    /// Writes the finished model, reads it back and measures it: what is stored is what is measured.
    fn finish(
        mut self,
        model: Model,
        precision: Precision,
        watched: &mut Watched<'_>,
    ) -> Result<(Model, Finished), PretrainError> {
        checkpoint::write(self.dir, &model, &self.optimizer, self.state)?;
        prepare::write_weights(&self.dir.join("model.safetensors"), &model, precision)?;
        let stored = prepare::read_model(self.dir, &self.autodiff)?;
        let measured = self.measure(&stored, watched)?;
        let finished = Finished {
            measured,
            elapsed_s: self.state.elapsed_s,
        };
        Ok((stored, finished))
    }
}
