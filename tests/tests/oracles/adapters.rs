//! PEFT's logits of every oracle's checkpoints, with the architecture's own classification head.

use crate::compare::difference;
use crate::folders::{Oracle, fixtures, oracles, read_json, tensors};
use crate::report::report;
use adapt::Predictor;
use peft_exchange::read;
use serde_json::json;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use task::Example;
use transformer::{Pretrained, load};

/// Of the largest logit.
const TOLERANCE: f64 = 1e-4;

/// Checkpoints with a correction of a map whose own weights are in no file: the pooler, which the language model that they stand on does not
/// have. What it was when the reference was computed was drawn at random.
const WITHOUT_THEIR_BASE: [(&str, &str); 2] = [("albert", "pooler"), ("deberta-v2", "pooler")];

#[test]
fn every_checkpoint_gives_the_logits_of_peft() {
    let mut faults = Vec::new();
    let mut compared = 0;
    for oracle in oracles() {
        for dir in wanted(&oracle) {
            faults.extend(check(&oracle, &dir).err());
            compared += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(compared >= 25, "{compared} checkpoints");
}

/// The checkpoints on all linear maps of every oracle, and all that stand on one of the features. peft-exchange compares the others.
fn wanted(oracle: &Oracle) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(oracle.dir.join("adapters")) else {
        return Vec::new();
    };
    let is_feature = oracle.dir.starts_with(fixtures().join("features"));
    let all = entries.map(|entry| entry.unwrap().path());
    let mut all: Vec<PathBuf> = all
        .filter(|dir| is_feature || name_of(dir).starts_with("lora-all"))
        .collect();
    all.sort();
    all
}

fn name_of(dir: &Path) -> String {
    dir.file_name().unwrap().to_string_lossy().into_owned()
}

/// The model that a checkpoint stands on: the oracle's, with the fields of `base.json` in its configuration where there are any.
fn base(oracle: &Oracle, dir: &Path) -> Result<Pretrained, String> {
    let fields = dir.join("base.json");
    if !fields.exists() {
        return oracle.load();
    }
    let mut config = oracle.config.clone();
    config.extend(read_json(&fields));
    let copy = tempfile::tempdir().unwrap();
    oracle.copy_with(&config, copy.path());
    load(copy.path(), &ops::test_device()).map_err(|error| format!("{}: {error}", oracle.name))
}

fn check(oracle: &Oracle, dir: &Path) -> Result<(), String> {
    let base = base(oracle, dir)?;
    let name = format!("{}/{}", oracle.name, name_of(dir));
    let missing = WITHOUT_THEIR_BASE.iter().find(|(model_type, _)| {
        *model_type == oracle.model_type() && name_of(dir) == "lora-all-linear"
    });
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
    // The references are of each text alone, which longrope turns otherwise than among longer ones.
    let together = base.shape.rotations.iter().any(|r| r.long.is_some());
    let most = if together { 1 } else { 8 };
    for texts in [1, 3, 8].into_iter().filter(|texts| *texts <= most) {
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
