//! What a trial says of forgetting: the loss on held-out text as transformers computes it, moved by what trains and by nothing else.

use crate::harness::{number, run_methods, scratch, trials_csv};
use serde_json::Value;
use std::collections::HashMap;

/// Trials of some methods, by name.
fn trials(model: &str, methods: &str) -> HashMap<String, HashMap<String, String>> {
    let dir = scratch();
    let out = dir.path().join("out");
    let options = [
        "--model",
        model,
        "--task",
        "reviews",
        "--seeds",
        "1",
        "--train-limit",
        "24",
        "--epochs",
        "2",
        "--quick",
    ];
    let ended = run_methods(methods, &out, &options);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    trials_csv(&out).1
}

/// What transformers computes.
fn reference(model: &str) -> f64 {
    let text = include_str!("../../fixtures/forgetting.json");
    let reference: Value = serde_json::from_str(text).unwrap();
    reference[model]["loss"].as_f64().unwrap()
}

#[test]
fn what_is_forgotten_is_what_moved_and_nothing_where_nothing_trains() {
    for (model, unmoved, moved) in [
        (
            "novels-bert",
            "feature-based,finetune-output",
            "finetune-all,lora,soft-prompt",
        ),
        ("novels-llama", "in-context", "prefix-tuning,finetune-last"),
    ] {
        let trials = trials(model, &format!("majority,{unmoved},{moved}"));
        for (method, trial) in &trials {
            if method == "majority" {
                assert_eq!(trial["retain_loss_before"], "", "no model, no cell");
                assert_eq!(trial["retain_kl"], "");
                continue;
            }
            let [before, after, divergence] =
                ["retain_loss_before", "retain_loss_after", "retain_kl"]
                    .map(|column| number(trial, column));
            let off = (before / reference(model) - 1.0).abs();
            assert!(
                off < 1e-5,
                "{model}: {before}, transformers has {}",
                reference(model)
            );
            if unmoved.contains(method.as_str()) {
                assert_eq!((after, divergence), (before, 0.0), "{model}: {method}");
            } else {
                assert!(
                    divergence > 1e-6 && after != before,
                    "{model}: {method}: {trial:?}"
                );
            }
        }
    }
}
