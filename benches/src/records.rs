//! Runs of any size made up as the program would have left them: many models, tasks, label counts, methods and seeds, each trial with a record, a
//! learning curve and predictions. What reads and reports them is timed on these.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use record::{
    CurvePoint, Machine, MethodNote, Outcome, PhaseCost, RunInfo, TrialRecord, TrialSpec, store,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

/// How many of each; a trial for every combination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Models.
    pub models: usize,
    /// Tasks.
    pub tasks: usize,
    /// Methods.
    pub methods: usize,
    /// Numbers of training examples: 8, 16, 32, ..
    pub limits: usize,
    /// Seeds.
    pub seeds: usize,
    /// Test examples of each task.
    pub rows: usize,
}

impl Size {
    /// 100,000 trials.
    pub const FULL: Self = Self {
        models: 10,
        tasks: 10,
        methods: 10,
        limits: 10,
        seeds: 10,
        rows: 200,
    };

    /// Trials in all.
    pub fn trials(&self) -> usize {
        self.models * self.tasks * self.methods * self.limits * self.seeds
    }
}

/// Places of one trial along each of [`Size`]'s lists.
#[derive(Clone, Copy)]
struct Place {
    model: usize,
    task: usize,
    method: usize,
    limit: usize,
    seed: usize,
}

/// Writes a run of this size into `dir`, the same one each time. The files are not waited for until they are on the disk.
///
/// # Errors
/// A file that cannot be written.
///
/// # Panics
/// Where more methods are asked for than there are.
pub fn write_run(dir: &Path, size: Size) -> io::Result<()> {
    let notes = methods(size.methods);
    fs::create_dir_all(dir)?;
    fs::write(dir.join(store::RUN_FILE), json_of(&info(size, &notes))?)?;
    let tasks: Vec<Task> = (0..size.tasks).map(|at| Task::new(at, size.rows)).collect();
    (0..size.trials()).into_par_iter().try_for_each(|number| {
        let mut rest = number;
        let mut next = |count: usize| {
            let at = rest % count;
            rest /= count;
            at
        };
        let place = Place {
            seed: next(size.seeds),
            limit: next(size.limits),
            method: next(size.methods),
            task: next(size.tasks),
            model: next(size.models),
        };
        write_trial(dir, place, &notes[place.method].name, &tasks[place.task])
    })
}

/// The first methods of the program, as a run introduces them.
fn methods(count: usize) -> Vec<MethodNote> {
    let all = runner::METHODS;
    assert!(
        count <= all.len(),
        "{count} methods asked for, there are {}",
        all.len()
    );
    let note = |method: &&dyn adapt::Method| {
        let info = method.info();
        MethodNote {
            name: info.name.to_owned(),
            definition: info.definition.to_owned(),
            paper: None,
            level: Some(info.level.as_str().to_owned()),
            look: None,
        }
    };
    all[..count].iter().map(note).collect()
}

fn info(size: Size, methods: &[MethodNote]) -> RunInfo {
    serde_json::from_value(json!({
        "schema": record::SCHEMA, "command_line": ["adaptbench"], "started_at": "2026-01-02T03:04:05Z", "git_revision": null,
        "git_dirty": null, "rustc": null, "cargo_lock_digest": null, "burn_version": "0.22.1", "profile": "dev", "features": ["flex"],
        "cpu": "Made-up 3000", "cores": 16, "ram_bytes": 68719476736_u64, "gpu": null, "driver": null, "os": "Linux",
        "model_digests": {}, "task_digests": {}, "methods": methods,
        "plan": {"seeds": (0..size.seeds).collect::<Vec<_>>()},
    }))
    .expect("every field is given")
}

/// The test split of a task: its classes, and how hard each example is.
struct Task {
    name: String,
    classes: usize,
    hardness: Vec<f64>,
}

impl Task {
    fn new(at: usize, rows: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(at as u64);
        Self {
            name: format!("task-{at}"),
            classes: 2 + at % 3,
            hardness: (0..rows).map(|_| random.random()).collect(),
        }
    }
}

fn write_trial(dir: &Path, place: Place, method: &str, task: &Task) -> io::Result<()> {
    let spec = spec(place, method, task);
    let number = Sha256::digest(format!("{method} {} {:?}", task.name, numbers(place)));
    let id = format!(
        "{method}--model-{}--{}--flex--s{}--{:08x}",
        place.model,
        task.name,
        place.seed,
        u32::from_be_bytes([number[0], number[1], number[2], number[3]])
    );
    let mut random = ChaCha8Rng::from_seed(number.into());
    let folder = store::trial_dir(dir, &id);
    fs::create_dir_all(&folder)?;
    let mut record = TrialRecord::unmeasured(id, spec, Outcome::Finished);
    record.classes = Some(task.classes as u64);
    record.n_train = Some(8 << place.limit);
    if random.random_bool(0.005) {
        record.outcome = Outcome::OutOfMemory;
        record.error = Some("memory allocation of 402653184 bytes failed".to_owned());
    } else {
        let accuracy = accuracy(place);
        let (table, right) = predictions(task, accuracy, &mut random);
        record.n_test = Some(task.hardness.len() as u64);
        record.test_accuracy = Some(right as f64 / task.hardness.len() as f64);
        record.predictions_digest = Some(format!("{:x}", Sha256::digest(&table)));
        measure(&mut record, accuracy, &mut random);
        fs::write(folder.join(store::PREDICTIONS_FILE), table)?;
    }
    fs::write(folder.join(store::RECORD_FILE), json_of(&record)?)
}

fn numbers(place: Place) -> [usize; 5] {
    [
        place.model,
        place.task,
        place.method,
        place.limit,
        place.seed,
    ]
}

fn json_of<T: serde::Serialize>(value: &T) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

fn spec(place: Place, method: &str, task: &Task) -> TrialSpec {
    let budget = json!({
        "epochs": 5, "batch": 16, "eval_batch": 64, "max_length": 128, "warmup": 0.1, "weight_decay": 0.01, "clip_norm": 1.0,
        "dropout": null, "patience": null, "head_learning_rate": null, "train_limit": 8_u64 << place.limit, "test_limit": null, "tune": 0,
    });
    let digest = |name: &str, at: usize| format!("{:x}", Sha256::digest(format!("{name} {at}")));
    TrialSpec {
        method: method.to_owned(),
        variant: String::new(),
        model: format!("models/model-{}", place.model),
        task: task.name.clone(),
        device: "flex".to_owned(),
        seed: place.seed as u64,
        config: json!({"learning_rate": 1e-3, "rank": 8, "alpha": 16.0, "targets": ["query", "value"]}),
        budget: serde_json::from_value(budget).expect("a budget"),
        model_digest: digest("model", place.model),
        task_digest: digest("task", place.task),
    }
}

/// Better with more labels, and by method.
fn accuracy(place: Place) -> f64 {
    let learned = 1.0 - (-(1.0 + place.limit as f64) / 4.0).exp();
    0.5 + (0.28 + 0.014 * place.method as f64) * learned
}

/// `predictions.csv`, and how many are right.
fn predictions(task: &Task, accuracy: f64, random: &mut ChaCha8Rng) -> (Vec<u8>, usize) {
    let mut table = "row,label,predicted".to_owned();
    (0..task.classes).for_each(|class| table += &format!(",logp_class-{class}"));
    table.push('\n');
    let mut correct = 0;
    for (row, hardness) in task.hardness.iter().enumerate() {
        let label = row % task.classes;
        let right = hardness + random.random_range(-0.1..0.1) < accuracy;
        correct += usize::from(right);
        let predicted = if right {
            label
        } else {
            (label + 1) % task.classes
        };
        let sureness: f64 = random.random_range(0.5..0.999);
        write!(table, "{row},class-{label},class-{predicted}").expect("writing to memory");
        for class in 0..task.classes {
            let p = if class == predicted {
                sureness
            } else {
                (1.0 - sureness) / (task.classes - 1) as f64
            };
            write!(table, ",{:.5}", p.ln()).expect("writing to memory");
        }
        table.push('\n');
    }
    (table.into_bytes(), correct)
}

/// Times, memory and a learning curve, on one of three machines of two kinds.
fn measure(record: &mut TrialRecord, accuracy: f64, random: &mut ChaCha8Rng) {
    let machine = random.random_range(0..10);
    let slower = if machine == 9 { 2.5 } else { 1.0 };
    record.machine = Some(Machine {
        host: Some(format!("node-{machine}")),
        cpu: Some(
            if machine == 9 {
                "Made-up 1000"
            } else {
                "Made-up 3000"
            }
            .to_owned(),
        ),
        cores: Some(16),
        ..Machine::default()
    });
    let examples = record.n_train.unwrap_or(0) as f64;
    let mut around = |value: f64| Some(value * slower * random.random_range(0.95..1.05));
    record.load_s = around(0.4);
    record.prepare_s = around(0.01 * examples.sqrt());
    record.first_step_s = around(0.05);
    record.train_s = around(0.02 * examples);
    record.eval_s = around(0.5);
    record.total_s = around(1.5 + 0.02 * examples);
    record.predict_ms_p50 = around(4.0);
    record.predict_ms_p95 = around(6.0);
    record.eval_samples_per_s = around(400.0);
    record.train_peak_rss_bytes = around(4e8).map(|bytes| bytes as u64);
    record.test_macro_f1 = record.test_accuracy;
    record.test_loss = Some(1.2 - accuracy);
    record.validation_accuracy = Some(accuracy);
    record.trainable_params = Some(147_000);
    record.total_params = Some(22_700_000);
    record.stored_bytes = Some(590_000);
    record.disturbed = Some(random.random_bool(0.03));
    let phases = [
        "load",
        "prepare",
        "first step",
        "train",
        "validate",
        "evaluate",
        "predict",
    ];
    record.phases = phases.map(|phase| phase_cost(phase, slower)).to_vec();
    record.curve = (0..10).flat_map(|at| points(at, accuracy)).collect();
}

fn phase_cost(phase: &str, seconds: f64) -> PhaseCost {
    PhaseCost {
        phase: phase.to_owned(),
        wall_s: seconds,
        cpu_s: Some(8.0 * seconds),
        other_cpu_s: Some(0.01),
        disturbed: Some(false),
    }
}

fn points(at: u64, accuracy: f64) -> [CurvePoint; 2] {
    let learned = 1.0 - (-(at as f64)).exp();
    [
        ("accuracy", accuracy * learned),
        ("loss", 1.0 - accuracy * learned),
    ]
    .map(|(metric, value)| CurvePoint {
        step: 10 * at,
        epoch: 0.5 * at as f64,
        elapsed_s: at as f64,
        split: "validation".to_owned(),
        metric: metric.to_owned(),
        value,
    })
}
