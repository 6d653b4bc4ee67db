//! Every PEFT checkpoint among the fixtures, against the logits that PEFT computed from it; or its refusal, by name.
#![allow(missing_docs)]

use adapt::Predictor;
use burn::tensor::Device;
use peft_exchange::read;
use safetensors::SafeTensors;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use task::Example;
use transformer::{Pretrained, load};

const FAMILIES: [&str; 5] = ["bert", "distilbert", "roberta", "gpt2", "llama"];

/// Of the largest logit. The issue asks for 1e-4.
const TOLERANCE: f32 = 1e-5;

/// What is refused, and what the message must say.
const REFUSED: [(&str, &[&str]); 1] = [(
    "peft/distilbert/lora-biases",
    &["\"bias\" is \"all\"", "lora_only", "merge_and_unload"],
)];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

fn base(family: &str) -> Pretrained {
    load(&fixtures().join("oracle").join(family), &Device::flex()).unwrap()
}

/// Directories of a family's checkpoints, named as in `REFUSED`.
fn cases(family: &str) -> BTreeMap<String, PathBuf> {
    let roots = [
        ("oracle", format!("oracle/{family}/adapters")),
        ("peft", format!("peft/{family}")),
    ];
    let entries = roots.into_iter().flat_map(|(kind, root)| {
        let root = fixtures().join(root);
        let list = std::fs::read_dir(&root).unwrap().flatten();
        list.map(move |entry| {
            let name = entry.file_name().into_string().unwrap();
            (format!("{kind}/{family}/{name}"), entry.path())
        })
    });
    entries.collect()
}

fn examples(family: &str) -> Vec<Example> {
    let path = fixtures().join(format!("oracle/{family}/expected.json"));
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let texts = json["texts"].as_array().unwrap().iter().enumerate();
    texts
        .map(|(row, text)| Example {
            row: row as u64,
            text: text.as_str().unwrap().to_owned(),
            second: None,
            label: 0,
        })
        .collect()
}

fn floats(path: &Path, name: &str) -> Option<Vec<f32>> {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor(name).ok()?;
    let values = view.data().chunks_exact(4);
    Some(
        values
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
    )
}

/// PEFT's logits of this case: of one text at a time, and of one padded batch where that is the same thing.
fn expected(family: &str, case: &str, dir: &Path) -> Vec<(&'static str, Vec<f32>)> {
    let file = dir.join("expected.safetensors");
    let decoder = ["gpt2", "llama"].contains(&family);
    let kind = case.rsplit('/').next().unwrap();
    let prompt = kind.starts_with("p-tuning") || kind == "prompt";
    let single = match case.starts_with("oracle/") && decoder && prompt {
        true => floats(
            &fixtures().join("peft/oracle_single.safetensors"),
            &format!("{family}/{kind}"),
        ),
        false => floats(&file, "single"),
    };
    // A decoder behind embeddings pools the last position of the batch, padding included.
    let batch = floats(&file, "logits").filter(|_| !(decoder && prompt));
    let both = [("single", single), ("batch", batch)];
    both.into_iter()
        .filter_map(|(name, values)| Some((name, values?)))
        .collect()
}

/// The ids of `expected.safetensors` are those of texts cut to this many tokens.
const LONGEST: NonZeroUsize = NonZeroUsize::new(32).unwrap();

fn relative_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected
        .iter()
        .fold(0f32, |most, value| most.max(value.abs()));
    let pairs = found.iter().zip(expected);
    pairs.fold(0f32, |most, (a, b)| match (a - b).abs() {
        difference if difference.is_nan() => f32::INFINITY,
        difference => most.max(difference / largest),
    })
}

fn agrees(family: &str) {
    let base = base(family);
    let examples = examples(family);
    let mut wrong = Vec::new();
    for (case, dir) in cases(family) {
        let refusal = REFUSED.iter().find(|(name, _)| *name == case);
        let mut predictor = match (read(&dir, &base), refusal) {
            (Ok(predictor), None) => predictor.cut_to(LONGEST),
            (Err(error), Some((_, words))) => {
                let message = error.to_string();
                if !words.iter().all(|word| message.contains(word)) {
                    wrong.push(format!("{case}: says {message}, expected {words:?}"));
                }
                continue;
            }
            (Ok(_), Some(_)) => {
                wrong.push(format!("{case}: expected a refusal"));
                continue;
            }
            (Err(error), None) => {
                wrong.push(format!("{case}: {error}"));
                continue;
            }
        };
        let references = expected(family, &case, &dir);
        assert!(!references.is_empty(), "{case} has no reference");
        for batch in [1, 3] {
            let batch = NonZeroUsize::new(batch).unwrap();
            predictor = predictor.in_batches_of(batch);
            let logits = predictor.class_logits(&examples).unwrap();
            let logits = logits.concat();
            for (name, reference) in &references {
                let difference = relative_difference(&logits, reference);
                println!("{case} {name} {batch}: {difference:.1e}");
                if difference > TOLERANCE {
                    wrong.push(format!(
                        "{case} ({name}, {batch} at a time): {difference:.1e}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn bert_gives_the_logits_of_peft() {
    agrees("bert");
}

#[test]
fn distilbert_gives_the_logits_of_peft() {
    agrees("distilbert");
}

#[test]
fn roberta_gives_the_logits_of_peft() {
    agrees("roberta");
}

#[test]
fn gpt2_gives_the_logits_of_peft() {
    agrees("gpt2");
}

#[test]
fn llama_gives_the_logits_of_peft() {
    agrees("llama");
}

#[test]
fn no_fixture_is_left_out() {
    let all: Vec<String> = FAMILIES.iter().flat_map(|f| cases(f).into_keys()).collect();
    assert_eq!(all.len(), 80, "{all:?}");
    for (name, _) in REFUSED {
        assert!(all.iter().any(|case| case == name), "{name} is no fixture");
    }
}
