//! From a plan to trials: method x model x task x device x training examples x seed, each with an id that is a hash of everything that determines it.

use crate::plan::{Arm, Plan};
use record::{TrialBudget, TrialSpec};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A trial to be run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) id: String,
    pub(crate) spec: TrialSpec,
}

/// The trials in the order in which they run: seeds outermost, so that an interrupted run is a whole comparison with fewer seeds; the
/// order of methods rotates with the seed, so that a machine that warms up or slows down hits all alike.
pub(crate) fn trials(
    plan: &Plan,
    model_digests: &BTreeMap<String, String>,
    task_digests: &BTreeMap<String, String>,
    applicable: impl Fn(&Arm, &str) -> bool,
) -> Vec<Planned> {
    let limits = plan.train_limits.points();
    let budgets: Vec<TrialBudget> = limits
        .into_iter()
        .map(|limit| budget(plan, limit))
        .collect();
    let mut trials = Vec::new();
    for (round, &seed) in plan.seeds.iter().enumerate() {
        for (model, task, device) in places(plan) {
            for (budget, place) in pairs(&budgets, plan.arms.len()) {
                let arm = &plan.arms[(place + round) % plan.arms.len()];
                let is_for_it = arm.models.is_empty() || arm.models.contains(model);
                if !is_for_it || !applicable(arm, model) {
                    continue;
                }
                let spec = TrialSpec {
                    method: arm.method.clone(),
                    variant: arm.variant.clone(),
                    model: model.clone(),
                    task: task.clone(),
                    device: device.clone(),
                    seed,
                    config: arm.config.clone(),
                    budget: budget.clone(),
                    model_digest: model_digests.get(model).cloned().unwrap_or_default(),
                    task_digest: task_digests.get(task).cloned().unwrap_or_default(),
                };
                trials.push(Planned {
                    id: id(&spec),
                    spec,
                });
            }
        }
    }
    trials
}

/// Every model on every task by every device.
fn places(plan: &Plan) -> impl Iterator<Item = (&String, &String, &String)> {
    let tasks = plan.models.iter().flat_map(|model| {
        let tasks = plan.tasks.iter();
        tasks.map(move |task| (model, task))
    });
    tasks.flat_map(|(model, task)| {
        let devices = plan.devices.iter();
        devices.map(move |device| (model, task, device))
    })
}

/// Every budget with every place of an arm: a label curve grows point by point.
fn pairs(budgets: &[TrialBudget], arms: usize) -> impl Iterator<Item = (&TrialBudget, usize)> {
    let each = budgets.iter();
    each.flat_map(move |budget| (0..arms).map(move |place| (budget, place)))
}

fn budget(plan: &Plan, train_limit: Option<usize>) -> TrialBudget {
    let training = serde_json::to_value(&plan.budget).expect("a budget serialises");
    let Value::Object(training) = training else {
        unreachable!("a struct is an object")
    };
    TrialBudget {
        training,
        train_limit,
        validation_limit: plan.validation_limit,
        test_limit: plan.test_limit,
        tune: plan.tune,
    }
}

/// `lora--minilm--sst2--flex--s0--3fa1c2d4`: readable, and a hash of the whole spec.
fn id(spec: &TrialSpec) -> String {
    let arm = if spec.variant.is_empty() {
        spec.method.clone()
    } else {
        format!("{}.{}", spec.method, spec.variant)
    };
    let spec_json = serde_json::to_value(spec).expect("a spec serialises");
    let hash = format!("{:x}", Sha256::digest(canonical(spec_json)));
    format!(
        "{}--{}--{}--{}--s{}--{}",
        plain(&arm),
        plain(&spec.model),
        plain(&spec.task),
        spec.device,
        spec.seed,
        &hash[..8]
    )
}

/// JSON with sorted keys: the same spec has the same text, whatever order its settings were declared in.
fn canonical(mut value: Value) -> String {
    value.sort_all_objects();
    value.to_string()
}

/// The last part of a path, with nothing in it that a file name should not have.
fn plain(name: &str) -> String {
    let kept: String = report::file_name(report::last_part(name))
        .chars()
        .take(60)
        .collect();
    if kept.trim_matches('.').is_empty() {
        "here".to_owned()
    } else {
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::train_limits::TrainLimits;
    use serde_json::json;

    fn plan() -> Plan {
        let arm = |name: &str| Arm {
            method: name.to_owned(),
            variant: String::new(),
            config: json!({"rank": 3}),
            models: Vec::new(),
        };
        Plan {
            models: vec!["m".into(), "n".into()],
            tasks: vec!["t".into()],
            devices: vec!["flex".into()],
            seeds: vec![0, 1],
            train_limits: TrainLimits::of("train_limit", &[7]).unwrap(),
            validation_limit: None,
            test_limit: Some(9),
            tune: 0,
            time_limit_s: None,
            budget: adapt::Budget::default(),
            arms: vec![arm("a"), arm("b"), arm("c")],
            untuned: Vec::new(),
        }
    }

    #[test]
    fn seeds_are_outermost_and_methods_rotate() {
        let all = trials(&plan(), &BTreeMap::new(), &BTreeMap::new(), |arm, model| {
            !(arm.method == "b" && model == "n")
        });
        let order: Vec<String> = all
            .iter()
            .map(|t| format!("{}{}{}", t.spec.seed, t.spec.model, t.spec.method))
            .collect();
        assert_eq!(
            order,
            [
                "0ma", "0mb", "0mc", "0na", "0nc", "1mb", "1mc", "1ma", "1nc", "1na"
            ]
        );
    }

    #[test]
    fn each_point_of_a_label_curve_is_a_trial_of_every_method_and_seed() {
        let mut plan = plan();
        plan.train_limits = TrainLimits::of("train_limit", &[32, 8]).unwrap();
        let all = trials(&plan, &BTreeMap::new(), &BTreeMap::new(), |_, _| true);
        let order: Vec<(u64, Option<usize>)> = all
            .iter()
            .filter(|t| t.spec.method == "b" && t.spec.model == "m")
            .map(|t| (t.spec.seed, t.spec.budget.train_limit))
            .collect();
        assert_eq!(
            order,
            [(0, Some(8)), (0, Some(32)), (1, Some(8)), (1, Some(32))]
        );
        let mut ids: Vec<&str> = all.iter().map(|t| t.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all.len());
    }

    #[test]
    fn an_arm_for_some_models_leaves_the_others_out() {
        let mut plan = plan();
        plan.arms[0].models = vec!["n".into()];
        let all = trials(&plan, &BTreeMap::new(), &BTreeMap::new(), |_, _| true);
        let of_a = all.iter().filter(|trial| trial.spec.method == "a");
        assert!(of_a.clone().count() == 2 && of_a.clone().all(|trial| trial.spec.model == "n"));
    }

    #[test]
    fn the_id_changes_with_every_part_of_the_spec_and_not_with_the_order_of_settings() {
        let spec = trials(&plan(), &BTreeMap::new(), &BTreeMap::new(), |_, _| true)
            .remove(0)
            .spec;
        let fields = serde_json::to_value(&spec).unwrap();
        for (field, value) in fields.as_object().unwrap() {
            let mut other = fields.clone();
            other[field] = match value {
                Value::Number(_) => json!(41),
                Value::Object(_) => json!({"rank": 4}),
                _ => json!("other"),
            };
            if field == "budget" {
                other[field] = json!({"epochs": 41, "train_limit": 41, "tune": 0});
            }
            let other: TrialSpec = serde_json::from_value(other).unwrap();
            assert_ne!(id(&other), id(&spec), "{field} is not in the id");
        }
        assert_eq!(
            canonical(json!({"b": [1, {"d": null, "c": "x"}], "a": 2})),
            r#"{"a":2,"b":[1,{"c":"x","d":null}]}"#
        );
    }

    #[test]
    fn specs_on_record_have_the_ids_they_were_given() {
        let results = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results");
        let runs = std::fs::read_dir(results).unwrap();
        let runs = runs.map(|run| run.unwrap().path());
        let mut checked = 0;
        for run in runs.filter(|run| run.join(record::store::RUN_FILE).is_file()) {
            for trial in record::store::read_trials(&run).unwrap() {
                assert_eq!(id(&trial.record.spec), trial.record.trial_id);
                checked += 1;
            }
        }
        assert!(checked > 600, "{checked}");
    }

    #[test]
    fn ids_are_file_names() {
        assert_eq!(plain("../shared/data/sst2/"), "sst2");
        assert_eq!(plain("org/na me"), "na-me");
        assert_eq!(plain(".."), "here");
    }
}
