//! What a trial is (`TrialSpec`) and what came of it (`TrialRecord`), one row of `trials.csv`.

use crate::{
    Attempt, Calibration, CurvePoint, Machine, Notes, Outcome, PhaseCost, PredictedMemory,
    Predictions, Reading, TrialBudget,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that determines a trial. Its canonical JSON is hashed into the trial's id, so equal specs are the same trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialSpec {
    /// Name in `METHODS`.
    pub method: String,
    /// Name of a named variant in a plan; empty for the method's default.
    pub variant: String,
    /// Directory, Hub id or bundled name, as given.
    pub model: String,
    /// Directory, Hub id or bundled name, as given.
    pub task: String,
    /// `flex`, `flex-bf16`, `ndarray`, `cpu`, `wgpu` or `cuda`.
    pub device: String,
    /// Seed of the trial: data draw, order, initialisation and dropout derive from it.
    pub seed: u64,
    /// The method's settings with every default made explicit.
    pub config: serde_json::Value,
    /// General training settings, limits of the splits and search trials.
    pub budget: TrialBudget,
    /// SHA-256 of the model's weights, configuration and tokenizer.
    pub model_digest: String,
    /// SHA-256 of the task's files.
    pub task_digest: String,
}

/// What came of a trial: `trials/<id>/record.json`, written once, by rename, when it ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// Version of this layout, [`crate::SCHEMA`].
    pub schema: u32,
    /// Human-readable prefix and the hash of the spec.
    pub trial_id: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What it was.
    pub spec: TrialSpec,
    /// Training examples used.
    pub n_train: Option<u64>,
    /// Test examples.
    pub n_test: Option<u64>,
    /// Classes of the task.
    pub classes: Option<u64>,
    /// Parameters with a gradient, the head included.
    pub trainable_params: Option<u64>,
    /// Parameters the method adds to the backbone, the head excluded.
    pub added_params: Option<u64>,
    /// All parameters at inference, backbone, additions and head.
    pub total_params: Option<u64>,
    /// Bytes that must be kept for this task beside the shared pretrained weights.
    pub stored_bytes: Option<u64>,
    /// Share of test examples answered right, in [0, 1].
    pub test_accuracy: Option<f64>,
    /// Mean of the classes' F1 on the test split, in [0, 1].
    pub test_macro_f1: Option<f64>,
    /// Mean negative log-likelihood on the test split, in nats.
    pub test_loss: Option<f64>,
    /// Accuracy on the validation split of the model that was kept.
    pub validation_accuracy: Option<f64>,
    /// Reading the model and the task.
    pub load_s: Option<f64>,
    /// Tokens, cached states or features of the training split; in records of earlier versions of the validation split too.
    pub prepare_s: Option<f64>,
    /// The first optimisation step (compilation and autotuning on a GPU).
    pub first_step_s: Option<f64>,
    /// Training without loading, preparation, the first step, validation and testing.
    pub train_s: Option<f64>,
    /// Predicting the test split.
    pub eval_s: Option<f64>,
    /// The hyper-parameter search, all of it.
    pub tune_s: Option<f64>,
    /// From the trial process's start to the record.
    pub total_s: Option<f64>,
    /// Median optimisation step after the first.
    pub step_ms_median: Option<f64>,
    /// Training examples per second of `train_s`.
    pub train_samples_per_s: Option<f64>,
    /// Test examples per second of `eval_s`.
    pub eval_samples_per_s: Option<f64>,
    /// Resident memory after loading, before anything is trained.
    pub baseline_rss_bytes: Option<u64>,
    /// Peak resident memory (VmHWM) of the training phases.
    pub train_peak_rss_bytes: Option<u64>,
    /// Peak resident memory (VmHWM) of the test phase.
    pub eval_peak_rss_bytes: Option<u64>,
    /// Peak live heap of the training phases, by the counting allocator.
    pub train_peak_heap_bytes: Option<u64>,
    /// Most memory that the device's allocator held, where the device tells.
    pub device_peak_bytes: Option<u64>,
    /// Bytes of the frozen-prefix cache; empty where none was used.
    pub cache_bytes: Option<u64>,
    /// Peak learning rate that the head was trained with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_learning_rate: Option<f64>,
    /// The search for settings on the validation split, all of it; `None` where nothing was searched, or another trial did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_s: Option<f64>,
    /// Candidates that the search trained or fitted, every seed counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_trials: Option<u64>,
    /// Whether what the search chose lies at an end of what it tried, beyond which better values may lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_edge: Option<bool>,
    /// Floating-point operations of training, by formula.
    pub train_flops: Option<f64>,
    /// Floating-point operations of one prediction, by formula.
    pub infer_flops_per_sample: Option<f64>,
    /// Share of the test examples that can be answered with at most 5 % shown to be wrong; a report derives it from the predictions, no record
    /// has it.
    #[serde(skip)]
    pub coverage_at_5_percent_error: Option<f64>,
    /// Expected calibration error on the test split, debiased; derived likewise.
    #[serde(skip)]
    pub test_ece: Option<f64>,
    /// What its probabilities are worth.
    #[serde(default, skip_serializing_if = "Calibration::is_empty")]
    pub calibration: Calibration,
    /// Validation examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_validation: Option<u64>,
    /// Tokens, cached states or features of the validation split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepare_validation_s: Option<f64>,
    /// Scoring the validation split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validate_s: Option<f64>,
    /// Median time of predicting one text by itself, tokenising included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predict_ms_p50: Option<f64>,
    /// 95th percentile of the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predict_ms_p95: Option<f64>,
    /// Median of the same with what was inserted folded into the weights; empty where nothing was inserted or it cannot be folded in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predict_merged_ms_p50: Option<f64>,
    /// Median time of reading back onto a loaded model what is kept of the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapter_load_ms: Option<f64>,
    /// Mean loss of the pretrained model's language head on held-out text, in nats a token; empty where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_loss_before: Option<f64>,
    /// The same with what was trained in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_loss_after: Option<f64>,
    /// Mean Kullback-Leibler divergence of the adapted model's token probabilities from the pretrained model's, in nats; 0 where nothing moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_kl: Option<f64>,
    /// CPU seconds of the training phases (preparation, first step, training), user and system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_s: Option<f64>,
    /// CPU seconds that everybody else took meanwhile, on the cores that the trial may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_cpu_s: Option<f64>,
    /// Whether that is enough to make its times another machine's, see [`PhaseCost::disturbed`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disturbed: Option<bool>,
    /// The system's load average over the minute before the trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load1: Option<f64>,
    /// Calls of a served model that its answers rest on, those on record from other trials of the run included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls: Option<u64>,
    /// Tokens that the server read for them, as it counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<u64>,
    /// Tokens that it wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
    /// What they cost; `None` without prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Attempts that brought no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_calls: Option<u64>,
    /// What each phase has cost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseCost>,
    /// The error's text, for outcomes other than `finished`.
    pub error: Option<String>,
    /// How much of the texts the method read; `None` where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// What a reader of the result must know of its data and its model.
    #[serde(default, skip_serializing_if = "Notes::is_empty")]
    pub notes: Notes,
    /// Memory as it was predicted before the fit; `None` where it could not be, and in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_memory: Option<PredictedMemory>,
    /// SHA-256 of `predictions.csv`; `None` without predictions, and in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictions_digest: Option<String>,
    /// Where it ran; `None` in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// Attempts before this one that left no record, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
    /// Anything else worth keeping, by name: dropped demonstrations, search trials, expected calibration error, ...
    #[serde(default)]
    pub details: BTreeMap<String, serde_json::Value>,
    /// The learning curve.
    #[serde(default)]
    pub curve: Vec<CurvePoint>,
}

/// A trial as read back from its run.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// What came of it.
    pub record: TrialRecord,
    /// What it answered, example by example, where it got that far.
    pub predictions: Option<Predictions>,
}

impl TrialRecord {
    /// The method's settings that were used: what a search found, or those of the spec.
    pub fn config(&self) -> &serde_json::Value {
        let found = self.details.get("tune").and_then(|tune| tune.get("best"));
        found.unwrap_or(&self.spec.config)
    }

    /// Time of one prediction among a batch of `eval_batch`.
    pub fn predict_ms_batch(&self) -> Option<f64> {
        self.eval_samples_per_s
            .filter(|rate| *rate > 0.0)
            .map(|rate| 1e3 / rate)
    }

    /// Seconds of scoring the validation split. Earlier versions kept them among the details.
    pub fn validation_s(&self) -> Option<f64> {
        let of_details = || self.details.get("validate_s")?.as_f64();
        self.validate_s.or_else(of_details)
    }

    /// Epochs that were trained at most: what a search found, or those of the spec's budget.
    pub fn epochs(&self) -> Option<u64> {
        let found = self.details.get("tune").and_then(|tune| tune.get("epochs"));
        let epochs = found.or_else(|| self.spec.budget.training.get("epochs"));
        epochs.and_then(serde_json::Value::as_u64)
    }

    /// What a reader of the result must know. Earlier versions kept it among the details.
    pub fn all_notes(&self) -> Notes {
        let of_details = |name: &str| {
            let texts = self.details.get(name).and_then(|value| value.as_array());
            let texts = texts.into_iter().flatten().filter_map(|text| text.as_str());
            texts.map(str::to_owned).collect::<Vec<_>>()
        };
        let mut notes = self.notes.clone();
        notes.task.extend(of_details("task_notes"));
        notes.model.extend(of_details("model_warnings"));
        notes
    }

    /// Attempts at it so far, where that is known.
    pub fn attempts_made(&self) -> Option<u64> {
        let known = self.machine.is_some() || !self.attempts.is_empty();
        known.then_some(self.attempts.len() as u64 + 1)
    }

    /// A record of `spec` with nothing measured yet.
    pub fn unmeasured(trial_id: String, spec: TrialSpec, outcome: Outcome) -> Self {
        Self {
            schema: crate::SCHEMA,
            trial_id,
            outcome,
            spec,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CutTexts, TRIALS_HEADER};

    fn record() -> TrialRecord {
        let spec = TrialSpec {
            method: "lora".into(),
            variant: String::new(),
            model: "tiny".into(),
            task: "reviews".into(),
            device: "flex".into(),
            seed: 3,
            config: serde_json::json!({"rank": 3}),
            budget: TrialBudget::default(),
            model_digest: "aa".into(),
            task_digest: "bb".into(),
        };
        TrialRecord::unmeasured("lora--tiny".into(), spec, Outcome::OutOfMemory)
    }

    #[test]
    fn a_missing_number_is_an_empty_cell_and_every_column_has_a_cell() {
        let mut record = record();
        record.train_s = Some(1.5);
        record.error = Some("killed".into());
        let row: std::collections::HashMap<_, _> =
            TRIALS_HEADER.iter().copied().zip(record.cells()).collect();
        assert_eq!(record.cells().len(), TRIALS_HEADER.len());
        assert_eq!(row["train_s"], "1.5");
        assert_eq!(row["eval_s"], "");
        assert_eq!(row["outcome"], "out_of_memory");
        assert_eq!(row["config"], r#"{"rank":3}"#);
        assert_eq!(row["error"], "killed");
    }

    #[test]
    fn the_settings_column_has_what_a_search_found() {
        let mut record = record();
        let tune = serde_json::json!({"best": {"rank": 5}, "at_edge": []});
        record.details.insert("tune".into(), tune);
        assert!(record.cells().contains(&r#"{"rank":5}"#.to_owned()));
        record
            .details
            .insert("tune".into(), "nothing to search".into());
        assert!(record.cells().contains(&r#"{"rank":3}"#.to_owned()));
    }

    #[test]
    fn notes_of_earlier_versions_are_found_among_the_details() {
        let mut record = record();
        record
            .details
            .insert("task_notes".into(), serde_json::json!(["leak: 2 of 9", 3]));
        record
            .details
            .insert("model_warnings".into(), serde_json::json!("no list"));
        record.notes.draw.push("27 classes".into());
        let notes = record.all_notes();
        assert_eq!(
            (&notes.task[..], &notes.draw[..]),
            (
                &["leak: 2 of 9".to_owned()][..],
                &["27 classes".to_owned()][..]
            )
        );
        assert!(notes.model.is_empty());
    }

    #[test]
    fn what_earlier_versions_did_not_record_leaves_no_trace_in_json() {
        let text = serde_json::to_string(&record()).unwrap();
        for new in [
            "reading",
            "notes",
            "predictions_digest",
            "head_learning_rate",
            "search_s",
            "search_trials",
            "search_edge",
            "predicted_memory",
            "calibration",
            "retain",
            "machine",
            "attempts",
        ] {
            assert!(!text.contains(new), "{text}");
        }
    }

    #[test]
    fn a_record_survives_json() {
        let mut before = record();
        before.reading = Some(Reading {
            longest: Some(128),
            train: CutTexts { texts: 9, cut: 2 },
            ..Reading::default()
        });
        before.notes.model.push("odd".into());
        before.predictions_digest = Some("ab".into());
        before.machine = Some(Machine {
            cores: Some(3),
            job: Some("17_4".into()),
            ..Machine::default()
        });
        before.attempts = vec![Attempt {
            ended: "NODE_FAIL".into(),
            ..Attempt::default()
        }];
        let text = serde_json::to_string(&before).unwrap();
        assert_eq!(serde_json::from_str::<TrialRecord>(&text).unwrap(), before);
    }
}
