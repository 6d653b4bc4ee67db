//! The columns of `trials.csv`: each is a field of [`TrialRecord`] and one line here.

use crate::{Machine, Tempered, TrialRecord};

type Column = (&'static str, fn(&TrialRecord) -> String);

/// Names and cells, in order. Users and checks rely on both.
#[rustfmt::skip]
const COLUMNS: &[Column] = &[
    ("trial_id", |r| r.trial_id.clone()),
    ("outcome", |r| r.outcome.as_str().to_owned()),
    ("method", |r| r.spec.method.clone()),
    ("variant", |r| r.spec.variant.clone()),
    ("model", |r| r.spec.model.clone()),
    ("task", |r| r.spec.task.clone()),
    ("device", |r| r.spec.device.clone()),
    ("seed", |r| r.spec.seed.to_string()),
    ("n_train", |r| cell(r.n_train)),
    ("n_test", |r| cell(r.n_test)),
    ("classes", |r| cell(r.classes)),
    ("trainable_params", |r| cell(r.trainable_params)),
    ("added_params", |r| cell(r.added_params)),
    ("total_params", |r| cell(r.total_params)),
    ("stored_bytes", |r| cell(r.stored_bytes)),
    ("test_accuracy", |r| cell(r.test_accuracy)),
    ("test_macro_f1", |r| cell(r.test_macro_f1)),
    ("test_loss", |r| cell(r.test_loss)),
    ("validation_accuracy", |r| cell(r.validation_accuracy)),
    ("load_s", |r| cell(r.load_s)),
    ("prepare_s", |r| cell(r.prepare_s)),
    ("first_step_s", |r| cell(r.first_step_s)),
    ("train_s", |r| cell(r.train_s)),
    ("eval_s", |r| cell(r.eval_s)),
    ("tune_s", |r| cell(r.tune_s)),
    ("total_s", |r| cell(r.total_s)),
    ("step_ms_median", |r| cell(r.step_ms_median)),
    ("train_samples_per_s", |r| cell(r.train_samples_per_s)),
    ("eval_samples_per_s", |r| cell(r.eval_samples_per_s)),
    ("baseline_rss_bytes", |r| cell(r.baseline_rss_bytes)),
    ("train_peak_rss_bytes", |r| cell(r.train_peak_rss_bytes)),
    ("eval_peak_rss_bytes", |r| cell(r.eval_peak_rss_bytes)),
    ("train_peak_heap_bytes", |r| cell(r.train_peak_heap_bytes)),
    ("device_peak_bytes", |r| cell(r.device_peak_bytes)),
    ("cache_bytes", |r| cell(r.cache_bytes)),
    ("train_flops", |r| cell(r.train_flops)),
    ("infer_flops_per_sample", |r| cell(r.infer_flops_per_sample)),
    ("config", |r| r.config().to_string()),
    ("error", |r| r.error.clone().unwrap_or_default()),
    // Of later versions: behind the others, so that these keep their places.
    ("n_validation", |r| cell(r.n_validation)),
    ("prepare_validation_s", |r| cell(r.prepare_validation_s)),
    ("validate_s", |r| cell(r.validation_s())),
    ("cpu_s", |r| cell(r.cpu_s)),
    ("other_cpu_s", |r| cell(r.other_cpu_s)),
    ("disturbed", |r| cell(r.disturbed)),
    ("search_s", |r| cell(r.search_s)),
    ("search_trials", |r| cell(r.search_trials)),
    ("search_edge", |r| cell(r.search_edge)),
    ("head_learning_rate", |r| cell(r.head_learning_rate)),
    ("coverage_at_5_percent_error", |r| cell(r.coverage_at_5_percent_error)),
    ("predict_ms_p50", |r| cell(r.predict_ms_p50)),
    ("predict_ms_p95", |r| cell(r.predict_ms_p95)),
    ("predict_ms_batch", |r| cell(r.predict_ms_batch())),
    ("predict_merged_ms_p50", |r| cell(r.predict_merged_ms_p50)),
    ("adapter_load_ms", |r| cell(r.adapter_load_ms)),
    ("predicted_peak_bytes", |r| cell(r.predicted_memory.map(|m| m.peak_bytes))),
    ("retain_loss_before", |r| cell(r.retain_loss_before)),
    ("retain_loss_after", |r| cell(r.retain_loss_after)),
    ("retain_kl", |r| cell(r.retain_kl)),
    ("calls", |r| cell(r.calls)),
    ("input_tokens", |r| cell(r.input_tokens)),
    ("output_tokens", |r| cell(r.output_tokens)),
    ("cost_usd", |r| cell(r.cost_usd)),
    ("failed_calls", |r| cell(r.failed_calls)),
    ("host", |r| of_machine(r, |m| m.host.clone())),
    ("node", |r| of_machine(r, |m| m.node.clone())),
    ("job", |r| of_machine(r, |m| m.job.clone())),
    ("cores_used", |r| of_machine(r, |m| m.cores)),
    ("side_by_side", |r| of_machine(r, |m| m.side_by_side)),
    ("attempts", |r| cell(r.attempts_made())),
    ("test_brier", |r| cell(r.calibration.test_brier)),
    ("test_ece", |r| cell(r.test_ece)),
    ("temperature", |r| of_tempered(r, |t| t.temperature)),
    ("test_loss_tempered", |r| of_tempered(r, |t| t.test_loss)),
    ("test_brier_tempered", |r| of_tempered(r, |t| t.test_brier)),
    ("test_ece_tempered", |r| of_tempered(r, |t| t.test_ece)),
    ("test_oos_auroc", |r| cell(r.calibration.out_of_scope_auroc)),
];

/// Columns of `trials.csv`, in order.
pub const TRIALS_HEADER: [&str; COLUMNS.len()] = {
    let mut names = [""; COLUMNS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = COLUMNS[at].0;
        at += 1;
    }
    names
};

impl TrialRecord {
    /// The cells of this trial's row in `trials.csv`, in the order of [`TRIALS_HEADER`]; what is missing is an empty string.
    pub fn cells(&self) -> Vec<String> {
        COLUMNS.iter().map(|(_, cell)| cell(self)).collect()
    }
}

fn cell<T: ToString>(value: Option<T>) -> String {
    value.map(|v| v.to_string()).unwrap_or_default()
}

fn of_machine<T: ToString>(record: &TrialRecord, part: fn(&Machine) -> Option<T>) -> String {
    cell(record.machine.as_ref().and_then(part))
}

fn of_tempered(record: &TrialRecord, part: fn(&Tempered) -> f64) -> String {
    cell(record.calibration.tempered.as_ref().map(part))
}
