//! PEFT's logits of every oracle's checkpoint on all linear maps, with the architecture's own classification head.

use crate::compare::difference;
use crate::folders::{Oracle, oracles, tensors};
use crate::report::report;
use adapt::Predictor;
use peft_exchange::read;
use serde_json::json;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use task::Example;

/// Of the largest logit.
const TOLERANCE: f64 = 1e-4;

/// Checkpoints with a correction of a map whose own weights are in no file: the pooler, which the language model that they stand on does not
/// have. What it was when the reference was computed was drawn at random.
const WITHOUT_THEIR_BASE: [(&str, &str); 2] = [("albert", "pooler"), ("deberta-v2", "pooler")];

#[test]
fn every_checkpoint_on_all_maps_gives_the_logits_of_peft() {
    let mut faults = Vec::new();
    let mut compared = 0;
    for oracle in oracles() {
        for dir in on_all_maps(&oracle) {
            faults.extend(check(&oracle, &dir).err());
            compared += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(compared >= 5, "{compared} checkpoints");
}

/// The checkpoints of every oracle that have all linear maps; peft-exchange compares the others.
fn on_all_maps(oracle: &Oracle) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(oracle.dir.join("adapters")) else {
        return Vec::new();
    };
    let all = entries.map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = all
        .filter(|dir| {
            dir.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with("lora-all")
        })
        .collect();
    all.sort();
    all
}

fn check(oracle: &Oracle, dir: &Path) -> Result<(), String> {
    let base = oracle.load()?;
    let name = format!(
        "{}/{}",
        oracle.name,
        dir.file_name().unwrap().to_string_lossy()
    );
    let missing = WITHOUT_THEIR_BASE
        .iter()
        .find(|(model_type, _)| *model_type == oracle.model_type());
    let predictor = match (read(dir, &base), missing) {
        (Ok(predictor), None) => predictor,
        (Err(error), Some((_, map))) if error.to_string().contains(map) => {
            println!("{name} is refused: {error}");
            return Ok(());
        }
        (Ok(_), Some((_, map))) => return Err(format!("{name} is read without its {map}")),
        (Err(error), _) => return Err(format!("{name}: {error}")),
    };
    let longest = NonZeroUsize::new(oracle.max_length()).unwrap();
    let mut predictor = predictor.cut_to(longest);
    let expected = [tensors(&dir.join("expected.safetensors"))["logits"]
        .1
        .clone()];
    let mut worst = 0f64;
    for texts in [1, 3, 8] {
        predictor = predictor.in_batches_of(NonZeroUsize::new(texts).unwrap());
        let logits = predictor.class_logits(&examples(oracle)).unwrap();
        let apart = difference(&[logits.concat()], &expected);
        if apart >= TOLERANCE {
            return Err(format!("{name}, {texts} texts at a time: {apart:.1e}"));
        }
        worst = worst.max(apart);
    }
    let row = json!({"model_type": oracle.model_type(), "adapter": worst});
    report("adapters", &oracle.name, row);
    Ok(())
}

fn examples(oracle: &Oracle) -> Vec<Example> {
    let texts = oracle.texts().into_iter().enumerate();
    texts
        .map(|(row, text)| Example {
            row: row as u64,
            text,
            second: None,
            label: 0,
        })
        .collect()
}
