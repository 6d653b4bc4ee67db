//! The models inside the program: small, what their cards say, and able to do what they are there for.

use crate::harness::{number, run_methods, scratch, trials_csv};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

const PRETRAINED: [&str; 2] = ["novels-bert", "novels-llama"];

fn bundle(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/runner/bundled/models")
        .join(name)
}

#[test]
fn pretrained_bundles_are_small_half_precision_files_that_their_cards_name() {
    for name in PRETRAINED {
        let bytes = fs::read(bundle(name).join("model.safetensors")).unwrap();
        assert!(bytes.len() <= 8_000_000, "{name}: {} bytes", bytes.len());
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        for (tensor, view) in file.tensors() {
            assert_eq!(view.dtype(), safetensors::Dtype::F16, "{name}: {tensor}");
        }
        let digest: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let card = fs::read_to_string(bundle(name).join("CARD.md")).unwrap();
        for expected in [
            digest.as_str(),
            "held-out loss",
            "runner pretrain",
            "tokens seen",
        ] {
            assert!(card.contains(expected), "{name}: no {expected} in\n{card}");
        }
    }
}

/// In context the labels are all there is to go by: without examples the words of the classes mean little to so small a model.
#[test]
fn the_bundled_decoder_uses_the_examples_in_its_prompt() {
    let accuracy = |settings: &[&str]| {
        let dir = scratch();
        let common = [
            "--model",
            "novels-llama",
            "--task",
            "support-intents",
            "--seeds",
            "1",
            "--train-limit",
            "200",
            "--validation-limit",
            "20",
            "--test-limit",
            "200",
        ];
        let ended = run_methods("in-context", dir.path(), &[&common, settings].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let (_, rows) = trials_csv(dir.path());
        assert_eq!(number(&rows["in-context"], "n_test"), 200.0);
        number(&rows["in-context"], "test_accuracy")
    };
    let without = accuracy(&["--set", "in-context.shots=0"]);
    // Calibration divides out what the same examples make of a text without content, and with it the labels that are copied for their nearness alone.
    let nearest = [
        "--set",
        "in-context.shots=2",
        "--set",
        "in-context.retrieval=true",
        "--set",
        "in-context.retriever=tf-idf",
        "--set",
        "in-context.calibrate=false",
    ];
    let with = accuracy(&nearest);
    assert!(
        with > without + 0.04,
        "{without} without, {with} with examples"
    );
}
