//! Draws, orders and templates: an ensemble is the mean of its members, and one member can be chosen.

use crate::common::*;
use serde_json::json;

#[test]
fn an_ensemble_is_the_mean_of_its_members_log_probabilities() {
    let bench = Bench::new("gpt2");
    let config = with(template(), json!({"shots": 2, "draws": 2, "orders": 2}));
    let predictor = bench.fit(config);
    let members: Vec<Vec<u64>> = (0..4)
        .map(|member| demonstration_rows(&*predictor, member))
        .collect();
    let logits = predictor.class_logits(&queries().examples).unwrap();
    for (logits, query) in logits.iter().zip(&queries()) {
        let member = |rows: &Vec<u64>| {
            normalise(&bench.continuations(&whole(&bench, &shown(rows), &query.text)))
        };
        let all: Vec<Vec<f64>> = members.iter().map(member).collect();
        let mean: Vec<f64> = (0..3)
            .map(|class| all.iter().map(|logs| logs[class]).sum::<f64>() / 4.0)
            .collect();
        assert_close(logits, &mean, TOLERANCE);
    }
    let details = predictor.details();
    assert_eq!(
        details["member_validation_accuracy"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    assert!(details["validation_accuracy_range_over"]["draws"].is_number());
    assert!(
        details["validation_accuracy_range_over"]
            .get("templates")
            .is_none()
    );
}

#[test]
fn the_template_with_the_best_validation_accuracy_is_kept_when_asked_for() {
    let bench = Bench::new("gpt2");
    let templates = [
        "In: {text}\nOut: {label}",
        "{text} = {label}",
        "{label:}".trim_matches(['{', ':', '}']),
    ];
    let templates = [templates[0], templates[1], "Say {text} : {label}"];
    let config = json!({"templates": templates, "shots": 2, "calibrate": false});
    let all = bench.fit(config.clone());
    assert_eq!(all.details()["members"].as_array().unwrap().len(), 3);
    let accuracies: Vec<f64> =
        serde_json::from_value(all.details()["member_validation_accuracy"].clone()).unwrap();
    let best = accuracies.iter().enumerate().fold(
        0,
        |best, (i, &a)| if a > accuracies[best] { i } else { best },
    );
    let chosen = bench.fit(with(config, json!({"choose_template": true})));
    assert_eq!(chosen.details()["chosen_template"], json!(best));
    let alone = bench.logits(json!({"templates": templates[best], "shots": 2, "calibrate": false}));
    assert_same(
        &chosen.class_logits(&queries().examples).unwrap(),
        &alone,
        1e-6,
    );
}

#[test]
fn the_same_seed_gives_the_same_prompt_and_another_seed_another() {
    let mut bench = Bench::new("gpt2");
    let config = with(template(), json!({"shots": 3, "draws": 2}));
    let first = bench.fit(config.clone());
    let again = bench.fit(config.clone());
    let examples = queries().examples;
    assert_eq!(
        first.class_logits(&examples).unwrap(),
        again.class_logits(&examples).unwrap()
    );
    assert_ne!(
        demonstration_rows(&*first, 0),
        demonstration_rows(&*first, 1)
    );
    bench.seed = 6;
    let other = bench.fit(config);
    assert_ne!(
        demonstration_rows(&*first, 0),
        demonstration_rows(&*other, 0)
    );
}
