//! A made-up run: 17 ways of adapting x 3 seeds x 2 tasks, with crowded accuracies, costs over six decades and three failures.
//! The names are those of trees, as long as real methods' names, since `report` may know no method.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use record::{
    CurvePoint, MethodLook, MethodNote, Outcome, Prediction, RunInfo, TrialRecord, TrialSpec,
};
use report::store;
use std::collections::BTreeMap;
use std::path::Path;

/// Test examples of each task.
pub(crate) const ROWS: u64 = 500;
pub(crate) const SEEDS: [u64; 3] = [0, 1, 2];
pub(crate) const TASKS: [&str; 2] = ["river-reviews", "letters"];

/// Name, variant, accuracy, trainable parameters, training seconds, peak MiB.
type MadeUp = (&'static str, &'static str, f64, Option<u64>, f64, f64);

#[rustfmt::skip]
const ARMS: [MadeUp; 17] = [
    ("majority-oak", "", 0.51, Some(0), 0.0004, 34.0),
    ("ash-count", "", 0.74, Some(18_344), 0.21, 61.0),
    ("feature-birch", "", 0.815, Some(770), 4.1, 182.0),
    ("knn-birch", "", 0.79, Some(0), 3.9, 180.0),
    ("cedar-output", "", 0.818, Some(770), 5.2, 181.0),
    ("cedar-last", "", 0.861, Some(1_775_618), 19.0, 240.0),
    ("cedar-all", "", 0.883, Some(22_714_370), 118.0, 566.0),
    ("in-contextfir", "", 0.66, Some(0), 0.9, 205.0),
    ("hard-pine", "", 0.70, Some(0), 160.0, 206.0),
    ("soft-pine", "", 0.842, Some(8_450), 96.0, 411.0),
    ("prefix-larch", "", 0.851, Some(93_000), 92.0, 402.0),
    ("adapter-elm", "", 0.872, Some(305_000), 84.0, 395.0),
    ("lime", "", 0.876, Some(148_000), 81.0, 388.0),
    ("lime", "wide", 0.878, Some(590_000), 83.0, 392.0),
    ("ia3yew", "", 0.868, Some(11_500), 79.0, 384.0),
    ("bitwillow", "", 0.871, Some(43_800), 88.0, 430.0),
    ("layer-maple", "", 0.869, Some(10_800), 86.0, 428.0),
];

/// Writes the run into `dir` as the program would.
pub(crate) fn write_run(dir: &Path) {
    store::write_run_info(dir, &info()).unwrap();
    for t in 0..TASKS.len() {
        let mut hardness = ChaCha8Rng::seed_from_u64(t as u64);
        let hard: Vec<f64> = (0..ROWS).map(|_| hardness.random::<f64>()).collect();
        for arm in 0..ARMS.len() {
            for seed in SEEDS {
                write_trial(dir, arm, t, seed, &hard);
            }
        }
    }
}

fn write_trial(dir: &Path, arm: usize, task: usize, seed: u64, hard: &[f64]) {
    let (method, variant, accuracy, params, seconds, mebibytes) = ARMS[arm];
    let mut random = ChaCha8Rng::seed_from_u64((arm * 100 + task * 10) as u64 + seed);
    let accuracy = if task == 0 {
        accuracy
    } else {
        0.25 + 0.74 * accuracy
    };
    let spec = TrialSpec {
        method: method.into(),
        variant: variant.into(),
        model: "models/mini-forest".into(),
        task: TASKS[task].into(),
        device: "flex".into(),
        seed,
        config: serde_json::json!({"strength": arm}),
        budget: serde_json::from_value(serde_json::json!({"epochs": 4, "train_limit": 1000}))
            .unwrap(),
        model_digest: "aa".into(),
        task_digest: "bb".into(),
    };
    let id = format!("{method}{variant}--{}--{seed}", TASKS[task]);
    let mut record = TrialRecord::unmeasured(id.clone(), spec, Outcome::Finished);
    record.n_train = Some(1000);
    record.n_test = Some(ROWS);
    record.classes = Some(2);
    record.trainable_params = params;
    record.added_params = Some(0);
    record.total_params = Some(22_714_370);
    record.stored_bytes = params.map(|p| p * 4);
    record.baseline_rss_bytes = Some(120 << 20);
    if task == 1 && arm == 6 && seed > 0 {
        record.outcome = if seed == 1 {
            Outcome::OutOfMemory
        } else {
            Outcome::TimedOut
        };
        record.error = Some(
            if seed == 1 {
                "memory allocation of 402653184 bytes failed"
            } else {
                "stopped at the time limit after 600.0 s"
            }
            .into(),
        );
        record.train_peak_rss_bytes = Some(566 << 20);
        store::write_record(dir, &record).unwrap();
        return;
    }
    let drift = random.random_range(-0.008..0.008);
    let predictions: Vec<Prediction> = hard
        .iter()
        .enumerate()
        .map(|(row, hard)| {
            // Right where the example is easier than the method is good, mostly.
            let right = hard + random.random_range(-0.12..0.12) < accuracy + drift;
            let label = if row % 2 == 0 { "good" } else { "bad" };
            let other = if row % 2 == 0 { "bad" } else { "good" };
            let predicted = if right { label } else { other };
            Prediction {
                row: row as u64,
                label: label.into(),
                predicted: predicted.into(),
                log_probabilities: vec![-0.2, -1.7],
            }
        })
        .collect();
    let right = predictions
        .iter()
        .filter(|p| p.label == p.predicted)
        .count();
    let wobble = random.random_range(0.95..1.05);
    record.test_accuracy = Some(right as f64 / ROWS as f64);
    record.test_macro_f1 = record.test_accuracy;
    record.test_loss = Some(1.2 - accuracy);
    record.load_s = Some(0.4 * wobble);
    record.prepare_s = Some(seconds * if arm < 5 { 0.95 } else { 0.08 } * wobble);
    if params != Some(0) {
        record.first_step_s = Some(seconds * 0.01 * wobble);
        record.train_s = Some(seconds * if arm < 5 { 0.04 } else { 0.91 } * wobble);
        record.curve = curve(&mut random, accuracy, seconds);
        if !["ash-count", "feature-birch"].contains(&method) {
            record.curve.extend(training_losses(seconds));
        }
    }
    record.eval_s = Some(if arm == 7 { 55.0 } else { 2.0 } * wobble);
    record.eval_samples_per_s = record.eval_s.map(|s| ROWS as f64 / s);
    let known: f64 = [
        record.load_s,
        record.prepare_s,
        record.first_step_s,
        record.train_s,
        record.eval_s,
    ]
    .iter()
    .flatten()
    .sum();
    record.total_s = Some(known + 3.0);
    // One of them ran where peaks cannot be reset.
    record.train_peak_rss_bytes = (arm != 8).then_some((mebibytes * wobble * 1048576.0) as u64);
    record.eval_peak_rss_bytes = Some(200 << 20);
    let classes = ["good".into(), "bad".into()];
    let digest = store::write_predictions(dir, &id, &classes, &predictions).unwrap();
    record.predictions_digest = Some(digest);
    store::write_record(dir, &record).unwrap();
}

fn curve(random: &mut ChaCha8Rng, accuracy: f64, seconds: f64) -> Vec<CurvePoint> {
    let mut points = Vec::new();
    for evaluation in 0..=8_u64 {
        let done = evaluation as f64 / 8.0;
        let learned = 1.0 - (-4.0 * done).exp();
        let noise = random.random_range(-0.012..0.012);
        for (metric, value) in [
            ("accuracy", 0.5 + (accuracy - 0.5) * learned + noise),
            ("loss", 0.69 - (accuracy - 0.5) * learned * 1.1 + noise),
        ] {
            let (split, metric) = ("validation".to_owned(), metric.to_owned());
            points.push(CurvePoint {
                step: evaluation * 31,
                epoch: done * 4.0,
                elapsed_s: seconds * done,
                split,
                metric,
                value,
            });
        }
    }
    points
}

/// What tells a training from a choice among candidates.
fn training_losses(seconds: f64) -> impl Iterator<Item = CurvePoint> {
    (0..=8).map(move |step| CurvePoint {
        step: step * 31,
        epoch: step as f64 / 2.0,
        elapsed_s: seconds * step as f64 / 8.0,
        split: "train".to_owned(),
        metric: "loss".to_owned(),
        value: 0.7 - 0.05 * step as f64,
    })
}

fn info() -> RunInfo {
    let mut methods: Vec<MethodNote> = Vec::new();
    for (name, ..) in ARMS {
        if methods.iter().all(|note| note.name != name) {
            let definition = format!("what {name} does to the model, in one line");
            methods.push(MethodNote {
                name: name.into(),
                definition,
                paper: Some("Somebody et al. 2021".into()),
                level: None,
                look: (name == "lime").then(|| MethodLook {
                    colour: "#d55e00".into(),
                    shape: "square".into(),
                }),
            });
        }
    }
    RunInfo {
        schema: record::SCHEMA,
        command_line: ["runner", "run", "--seeds", "3"].map(String::from).to_vec(),
        started_at: "2026-01-02T03:04:05Z".into(),
        git_revision: Some("0123abcd".into()),
        git_dirty: Some(true),
        rustc: Some("rustc 1.95.0".into()),
        cargo_lock_digest: None,
        burn_version: "0.22.1".into(),
        profile: "dev, opt-level 3".into(),
        features: vec!["flex".into()],
        cpu: Some("A processor".into()),
        cores: Some(2),
        ram_bytes: Some(24 << 30),
        gpu: None,
        driver: None,
        os: Some("Linux".into()),
        model_digests: BTreeMap::from([("mini-forest".to_owned(), "aa".to_owned())]),
        task_digests: BTreeMap::new(),
        notes: record::RunNotes::default(),
        methods,
        plan: serde_json::json!({"methods": "all", "note": "<b>&"}),
    }
}
