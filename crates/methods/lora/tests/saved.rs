//! What was saved and comes back damaged, of other sizes, or for texts of another kind, is refused by name.

use adapt::{Budget, Event, Method, Predictor, Setting};
use burn::tensor::Device;
use lora::LORA;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::path::Path;
use task::{Example, Split};
use transformer::Pretrained;

fn base() -> Pretrained {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures/oracle");
    transformer::load(&root.join("bert"), &Device::flex()).unwrap()
}

fn split(pairs: bool) -> Split {
    let texts = ["a gripping film", "not bad at all , in fact rather good"];
    let examples = texts.iter().enumerate().map(|(row, text)| Example {
        row: row as u64,
        text: (*text).to_owned(),
        second: pairs.then(|| "a film".to_owned()),
        label: row,
    });
    Split {
        examples: examples.collect(),
    }
}

fn fitted(pairs: bool) -> Box<dyn Predictor> {
    let (split, classes) = (split(pairs), ["bad", "good"].map(str::to_owned));
    let setting = Setting {
        base: Some(base()),
        classes: &classes,
        descriptions: None,
        train: &split,
        validation: &split,
        budget: Budget {
            epochs: NonZeroUsize::MIN,
            ..Budget::default()
        },
        seed: 1,
        device: &Device::flex().autodiff(),
        shared: None,
        events: &mut |_: Event| {},
    };
    let plan = LORA.plan(json!({"rank": 2})).unwrap();
    plan.fit(setting).unwrap()
}

fn load(dir: &Path) -> Result<Box<dyn Predictor>, String> {
    let info = adapt::read_saved_info(dir).map_err(|error| error.to_string())?;
    let plan = LORA.plan(info.config.clone());
    let plan = plan.map_err(|error| error.to_string())?;
    let loaded = plan.load_with(dir, info, Some(&base()));
    loaded.map_err(|error| error.to_string())
}

/// The message about an adapter of which one thing is changed, which names all of `words`.
#[track_caller]
fn refused(change: impl FnOnce(&Path), words: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    fitted(false).save(dir.path()).unwrap();
    change(dir.path());
    let message = load(dir.path()).err().expect("a refusal");
    for word in words {
        assert!(message.contains(word), "no \"{word}\" in: {message}");
    }
}

fn change_info(dir: &Path, change: impl FnOnce(&mut Value)) {
    let path = dir.join("adaptbench.json");
    let mut info: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut info);
    std::fs::write(path, info.to_string()).unwrap();
}

/// Writes `value` over the first number of the first tensor whose name has `part` in it.
fn plant(dir: &Path, part: &str, value: f32) {
    let path = dir.join("adapter.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut planted = false;
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = file
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, view.shape().to_vec(), view.data().to_vec()))
        .collect();
    for (name, _, data) in &mut tensors {
        if !planted && name.contains(part) {
            data[..4].copy_from_slice(&value.to_le_bytes());
            planted = true;
        }
    }
    assert!(planted, "no {part}");
    let views = tensors.iter().map(|(name, shape, data)| {
        let view = TensorView::new(safetensors::Dtype::F32, shape.clone(), data).unwrap();
        (name.as_str(), view)
    });
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn a_value_that_is_no_number_is_refused_by_tensor_and_file() {
    for value in [f32::NAN, f32::INFINITY] {
        let said = value.to_string();
        refused(
            |dir| plant(dir, "query", value),
            &["query", &said, "adapter.safetensors"],
        );
        refused(
            |dir| plant(dir, "head", value),
            &["head", &said, "adapter.safetensors"],
        );
    }
}

#[test]
fn finite_weights_that_overflow_are_refused_by_row_and_never_predicted_from() {
    let dir = tempfile::tempdir().unwrap();
    fitted(false).save(dir.path()).unwrap();
    plant(dir.path(), "head", f32::MAX);
    plant(dir.path(), "query.b", f32::MAX);
    let predictor = load(dir.path()).unwrap();
    let error = predictor.scores(&split(false).examples);
    let error = error.expect_err("a refusal").to_string();
    assert!(error.starts_with("a score of row "), "{error}");
}

#[test]
fn settings_and_sizes_that_do_not_fit_are_refused_before_memory_is_taken() {
    let set = |key: &'static str, value: Value| {
        move |dir: &Path| change_info(dir, |info| info["config"][key] = value)
    };
    refused(
        set("rank", json!(1u64 << 63)),
        &["rank is 9223372036854775808", "65536"],
    );
    refused(
        set("rank", json!(60_000)),
        &["adapter.safetensors", "adaptbench.json", "need"],
    );
    refused(set("alpha", json!(1e300)), &["alpha is 1e+300", "1e6"]);
    refused(set("alpha", json!(-5)), &["alpha is -5"]);
    let budget = |dir: &Path| change_info(dir, |info| info["budget"]["dropout"] = json!(2));
    refused(budget, &["adaptbench.json", "budget: dropout is 2"]);
    let classes = |dir: &Path| {
        change_info(dir, |info| {
            info["classes"] = (0..100_000).map(|c| json!(c.to_string())).collect();
        });
    };
    refused(classes, &["adapter.safetensors", "settings and classes"]);
    let none = |dir: &Path| change_info(dir, |info| info["classes"] = json!([]));
    refused(none, &["adaptbench.json", "classes"]);
    let broken = |dir: &Path| std::fs::write(dir.join("adaptbench.json"), "{").unwrap();
    refused(broken, &["adaptbench.json"]);
    let fifo = |dir: &Path| {
        let path = dir.join("adapter.safetensors");
        std::fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
    };
    refused(fifo, &["adapter.safetensors", "pipe"]);
}

#[test]
fn texts_of_another_kind_than_in_training_are_refused_after_loading_too() {
    for pairs in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let predictor = fitted(pairs);
        predictor.save(dir.path()).unwrap();
        for predictor in [predictor, load(dir.path()).unwrap()] {
            assert!(predictor.scores(&split(pairs).examples).is_ok());
            let error = predictor.scores(&split(!pairs).examples).unwrap_err();
            assert!(error.to_string().starts_with("row 0 has "), "{error}");
        }
        change_info(dir.path(), |info| {
            info.as_object_mut().unwrap().remove("pairs");
        });
        let old = load(dir.path()).unwrap(); // It did not keep what it was trained on.
        assert!(old.scores(&split(!pairs).examples).is_ok());
    }
}
