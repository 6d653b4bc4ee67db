use super::*;
use crate::METHODS;
use crate::sources::bundled;
use adapt::Budget;
use burn::tensor::Device;
use measure::time_model::TYPICAL_ERROR;
use record::{Outcome, Trial, TrialRecord};
use std::path::Path;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The work of a trial of the committed runs, where its operations are of one kind: nothing read from a cache and trained on, nothing in
/// front of the texts, and weights counted as trained where they do.
fn work_of(record: &TrialRecord, shape: &transformer::Shape) -> Option<Work> {
    let flops = record.train_flops?;
    let plan = find(METHODS, &record.spec.method).ok()?;
    let plan = plan.plan(record.config().clone()).ok()?;
    let facts = plan.as_trainable()?;
    let facts = facts.training_shape(shape, &Budget::default()).ok()??;
    let trains = |what: &str| facts.trains(&format!("blocks.0.attention.query.{what}"));
    let norms = facts.trains("blocks.0.attention.norm.weight");
    let is_mixed = trains("weight") != (trains("bias") || norms);
    if facts.in_front.tokens > 0 || is_mixed {
        return None;
    }
    match facts.acts_from {
        Depth::Head => Some(Work {
            forward_flops: flops,
            ..Work::default()
        }),
        Depth::Embeddings | Depth::Block(0) => Some(Work {
            step_flops: flops,
            trains_weights: trains("weight"),
            ..Work::default()
        }),
        Depth::Block(_) => None,
    }
}

fn rate_of(record: &TrialRecord) -> Option<f64> {
    Some(record.infer_flops_per_sample? * record.n_test? as f64 / record.eval_s?)
}

#[test]
fn trainings_of_the_committed_runs_take_about_as_long_as_predicted() {
    let tiny = bundled::models().find(|bundle| bundle.name == "tiny-bert");
    let dir = tiny.unwrap().unpack().unwrap();
    let shape = transformer::load(&dir, &Device::default()).unwrap().shape;
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
    let runs = std::fs::read_dir(results).unwrap().flatten();
    let mut errors = Vec::new();
    for run in runs.filter(|run| run.path().join(record::store::RUN_FILE).is_file()) {
        let trials = record::store::read_trials(&run.path()).unwrap();
        let finished = |trial: &&Trial| trial.record.outcome == Outcome::Finished;
        let records: Vec<&TrialRecord> = trials
            .iter()
            .filter(finished)
            .map(|trial| &trial.record)
            .collect();
        for record in &records {
            let together = records.iter().filter(|other| {
                let key =
                    |spec: &TrialSpec| [&spec.model, &spec.task, &spec.device].map(Clone::clone);
                key(&other.spec) == key(&record.spec) && work_of(other, &shape).is_some()
            });
            let rates: Vec<f64> = together.filter_map(|other| rate_of(other)).collect();
            let Some(work) = work_of(record, &shape).filter(|_| !rates.is_empty()) else {
                continue;
            };
            let phases = [record.prepare_s, record.first_step_s, record.train_s];
            let measured: f64 = phases.into_iter().flatten().sum();
            let predicted = time_model::seconds(&work, median(rates));
            errors.push((predicted / measured - 1.0).abs());
        }
    }
    let (trainings, error) = (errors.len(), median(errors));
    println!("{trainings} trainings, off by {error:.3} (median)");
    assert!(trainings > 100, "{trainings}");
    assert!(error <= TYPICAL_ERROR, "{error}");
}
