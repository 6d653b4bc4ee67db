//! A small run to spoil: for each model and task given, one way of adapting that reads texts up to a length and one that reads them whole.

use record::{CutTexts, Outcome, Prediction, Reading, RunInfo, TrialRecord, TrialSpec};
use report::store;
use std::path::Path;

/// A model or task: its name as given and its digest.
pub(crate) type Given<'a> = (&'a str, &'a str);

/// Seconds of training of the trials on the model at this place.
pub(crate) fn seconds(model: usize) -> f64 {
    1.0 + 4.0 * model as f64
}

/// Writes a run of two seeds into `dir`.
pub(crate) fn write_run(dir: &Path, models: &[Given<'_>], tasks: &[Given<'_>]) {
    store::write_run_info(dir, &info()).unwrap();
    for (m, model) in models.iter().enumerate() {
        for task in tasks {
            for method in ["lime", "ash-count"] {
                for seed in [0, 1] {
                    let mut record = trial(method, *model, *task, seed);
                    record.trial_id = format!("{method}--{m}--{}--{seed}", task.1);
                    record.train_s = Some(seconds(m));
                    write_trial(dir, &mut record);
                }
            }
        }
    }
}

/// Writes a record with its predictions, of which it has the digest then.
pub(crate) fn write_trial(dir: &Path, record: &mut TrialRecord) {
    let classes = ["good".to_owned(), "bad".to_owned()];
    let rows: Vec<Prediction> = (0..8).map(|row| prediction(row, row % 4 != 0)).collect();
    let digest = store::write_predictions(dir, &record.trial_id, &classes, &rows).unwrap();
    record.predictions_digest = Some(digest);
    store::write_record(dir, record).unwrap();
}

fn prediction(row: u64, is_right: bool) -> Prediction {
    Prediction {
        row,
        label: "good".into(),
        predicted: if is_right { "good" } else { "bad" }.into(),
        log_probabilities: vec![-0.5, -1.0],
    }
}

/// A finished trial of eight test texts, six of them answered right.
pub(crate) fn trial(method: &str, model: Given<'_>, task: Given<'_>, seed: u64) -> TrialRecord {
    let spec = TrialSpec {
        method: method.into(),
        model: model.0.into(),
        model_digest: model.1.into(),
        task: task.0.into(),
        task_digest: task.1.into(),
        device: "flex".into(),
        seed,
        budget: serde_json::from_value(serde_json::json!({"max_length": 128})).unwrap(),
        ..TrialSpec::default()
    };
    let mut record = TrialRecord::unmeasured("t".into(), spec, Outcome::Finished);
    let is_whole = method == "ash-count";
    let split = |texts, cut| CutTexts {
        texts,
        cut: if is_whole { 0 } else { cut },
    };
    record.reading = Some(Reading {
        longest: (!is_whole).then_some(128),
        train: split(20, 5 + seed % 2),
        validation: split(9, 0),
        test: split(8, 7),
    });
    record.n_train = Some(20);
    record.n_test = Some(8);
    record.classes = Some(2);
    record.test_accuracy = Some(0.75);
    record.train_s = Some(1.0);
    record.trainable_params = Some(if is_whole { 10 } else { 1000 });
    record.train_peak_rss_bytes = Some(100 << 20);
    record
}

/// A `run.json` that says as little as possible.
pub(crate) fn info() -> RunInfo {
    serde_json::from_value(serde_json::json!({
        "schema": record::SCHEMA, "command_line": ["adaptbench"], "started_at": "2026-01-02T03:04:05Z", "git_revision": null,
        "git_dirty": null, "rustc": null, "cargo_lock_digest": null, "burn_version": "0.22.1", "profile": "dev", "features": [],
        "cpu": null, "cores": null, "ram_bytes": null, "gpu": null, "driver": null, "os": null, "model_digests": {},
        "task_digests": {}, "plan": {},
    }))
    .unwrap()
}
