//! `export`: from a trial's directory to a PEFT checkpoint that predicts the same, or a refusal that says what to do.

use crate::harness::{Ended, run, run_methods, scratch};
use std::fs;
use std::path::{Path, PathBuf};

const SMALL: [&str; 7] = [
    "--seeds",
    "1",
    "--train-limit",
    "20",
    "--epochs",
    "1",
    "--keep-adapters",
];

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// The directory of the run's trial of a method.
fn trial(out: &Path, method: &str) -> PathBuf {
    let trials = fs::read_dir(out.join("trials")).expect("trials").flatten();
    let mut trials = trials.map(|entry| entry.path());
    let named = |path: &PathBuf| fs::read_to_string(path.join("record.json"));
    let of_method = format!("\"method\": \"{method}\"");
    let found = trials.find(|path| named(path).is_ok_and(|text| text.contains(&of_method)));
    found.unwrap_or_else(|| panic!("no trial of {method} in {}", out.display()))
}

fn export(trial: &Path, output: &Path, options: &[&str]) -> Ended {
    let fixed = ["export", text(trial), "--output", text(output)];
    run(&[&fixed, options].concat())
}

fn refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for word in words {
        assert!(
            ended.stderr.contains(word),
            "no {word:?} in {}",
            ended.stderr
        );
    }
}

/// Rows of numbers, and the labels.
fn predictions(adapter: &Path, dir: &Path, options: &[&str]) -> (Vec<String>, Vec<f32>) {
    let (texts, table) = (dir.join("texts.txt"), dir.join("predictions.csv"));
    fs::write(
        &texts,
        "my card was not accepted\nwhen\nhow long does it take ?\n",
    )
    .unwrap();
    let files = ["--input", text(&texts), "--output", text(&table)];
    let fixed = [
        "predict",
        "--model",
        "tiny-bert",
        "--adapter",
        text(adapter),
    ];
    let ended = run(&[&fixed[..], &files, options].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let mut rows = csv::Reader::from_path(&table).unwrap();
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    let numbers = rows.iter().flat_map(|row| row.iter().skip(2));
    let numbers = numbers.map(|cell| cell.parse().unwrap()).collect();
    (rows.iter().map(|row| row[1].to_owned()).collect(), numbers)
}

fn assert_close(found: &[f32], expected: &[f32]) {
    let largest = expected.iter().fold(0f32, |most, v| most.max(v.abs()));
    let pairs = found.iter().zip(expected);
    let worst = pairs.fold(0f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(worst < 1e-5 * largest, "{worst} of {largest}");
}

#[test]
fn an_exported_trial_predicts_what_the_trial_does() {
    let dir = scratch();
    let out = dir.path().join("out");
    let options = [&SMALL[..], &["--set", "budget.head=transformers"]].concat();
    let ended = run_methods("lora,bitfit", &out, &options);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let (lora, peft) = (trial(&out, "lora"), dir.path().join("peft"));
    let ended = export(&lora, &peft, &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for said in ["LORA", "PeftModel.from_pretrained", "num_labels="] {
        assert!(ended.stdout.contains(said), "{}", ended.stdout);
    }
    let (labels, expected) = predictions(&lora, dir.path(), &[]);
    let (same_labels, found) = predictions(&peft, dir.path(), &[]);
    assert_eq!(
        labels, same_labels,
        "labels.txt has the names of the classes"
    );
    assert_close(&found, &expected);
    let cut = ["--max-length", "4"];
    let (_, shorter) = predictions(&lora, dir.path(), &cut);
    assert_ne!(shorter, expected, "texts are cut at another length");
    assert_close(&predictions(&peft, dir.path(), &cut).1, &shorter);

    refused(&export(&lora, &peft, &[]), &["peft", "exists already"]);
    let elsewhere = dir.path().join("elsewhere");
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle/distilbert"); // The bundled model has the weights of the BERT fixture.
    let ended = export(&lora, &elsewhere, &["--model", text(&other)]);
    refused(&ended, &["was trained on", "other weights", "sha256"]);
    let ended = export(&trial(&out, "bitfit"), &elsewhere, &[]);
    refused(&ended, &["method bitfit", "no equivalent", "LoRA"]);
    refused(
        &export(&peft, &elsewhere, &[]),
        &["PEFT checkpoint already"],
    );
    fs::remove_file(lora.join("adapter/adapter.safetensors")).unwrap();
    refused(&export(&lora, &elsewhere, &[]), &["adapter.safetensors"]);
    fs::remove_dir_all(lora.join("adapter")).unwrap();
    refused(&export(&lora, &elsewhere, &[]), &["--keep-adapters"]);
    assert!(!elsewhere.exists(), "a refusal leaves nothing behind");
}

#[test]
fn the_linear_head_is_refused_with_the_setting_that_helps() {
    let dir = scratch();
    let out = dir.path().join("out");
    let ended = run_methods("ia3", &out, &SMALL);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let ended = export(&trial(&out, "ia3"), &dir.path().join("peft"), &[]);
    refused(&ended, &["linear head", "--set budget.head=transformers"]);
}
