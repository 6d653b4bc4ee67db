//! What is kept, and what is written into records.

use crate::common::{Bench, queries};
use adapt::{Method, PredictError, Predictor, read_saved_info};
use in_context::IN_CONTEXT;
use serde_json::{Value, json};
use std::path::Path;

fn reload(bench: &Bench, dir: &Path) -> Result<Box<dyn Predictor>, String> {
    let info = read_saved_info(dir).map_err(|error| error.to_string())?;
    assert_eq!(
        (info.method.as_str(), &info.classes),
        ("in-context", &bench.classes)
    );
    IN_CONTEXT
        .plan(info.config)
        .unwrap()
        .load(dir, Some(&bench.base))
        .map_err(|error| error.to_string())
}

#[test]
fn saved_and_loaded_gives_the_same_logits() {
    for (architecture, config) in [
        (
            "gpt2",
            json!({"shots": 3, "draws": 2, "templates": ["{text} = {label}", "Say {text} : {label}"]}),
        ),
        ("gpt2", json!({"shots": 2, "retrieval": true})),
        ("bert", json!({"shots": 2})),
        ("bert", json!({"mode": "similarity", "shots": 4})),
    ] {
        let bench = Bench::new(architecture);
        let fitted = bench.fit(config);
        let dir = tempfile::tempdir().unwrap();
        fitted.save(dir.path()).unwrap();
        let loaded = reload(&bench, dir.path()).unwrap();
        let logits = |predictor: &dyn Predictor| -> Result<_, PredictError> {
            predictor.class_logits(&queries().examples)
        };
        assert_eq!(logits(&*fitted).unwrap(), logits(&*loaded).unwrap());
        let bytes = std::fs::metadata(dir.path().join("prompt.json"))
            .unwrap()
            .len();
        assert_eq!(fitted.footprint().stored_bytes, bytes);
        assert_eq!(fitted.footprint(), loaded.footprint());
    }
}

#[test]
fn texts_are_in_the_adapter_and_never_in_details() {
    let bench = Bench::new("gpt2");
    for config in [json!({"shots": 7, "orders": 2}), json!({"retrieval": true})] {
        let fitted = bench.fit(config);
        fitted.class_logits(&queries().examples).unwrap();
        let details = serde_json::to_string(&fitted.details()).unwrap();
        for example in crate::common::train().iter().chain(&queries()) {
            let quoted = format!("\"{}\"", example.text);
            assert!(
                !details.contains(&example.text) || example.text.len() < 5,
                "{quoted} in {details}"
            );
        }
        let dir = tempfile::tempdir().unwrap();
        fitted.save(dir.path()).unwrap();
        let kept = std::fs::read_to_string(dir.path().join("prompt.json")).unwrap();
        assert!(kept.contains("it is a film"));
    }
}

#[test]
fn a_damaged_prompt_is_refused_by_name() {
    let bench = Bench::new("gpt2");
    let dir = tempfile::tempdir().unwrap();
    bench.fit(json!({"shots": 2})).save(dir.path()).unwrap();
    let path = dir.path().join("prompt.json");
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut prompt = whole.clone();
        change(&mut prompt);
        std::fs::write(&path, prompt.to_string()).unwrap();
        reload(&bench, dir.path()).err().expect("an error")
    };
    for error in [
        broken(&|prompt| prompt["members"][0]["demonstrations"] = json!([0, 9])),
        broken(&|prompt| prompt["words"] = json!(["one"])),
        broken(&|prompt| prompt["members"][0]["template"] = json!(3)),
        broken(&|prompt| prompt["templates"] = json!(["{text}"])),
        broken(&|prompt| prompt["pool"] = json!("none")),
    ] {
        assert!(
            error.contains("prompt.json") || error.contains(&dir.path().display().to_string()),
            "{error}"
        );
    }
    std::fs::remove_file(&path).unwrap();
    assert!(
        reload(&bench, dir.path())
            .err()
            .unwrap()
            .contains("prompt.json")
    );
}
