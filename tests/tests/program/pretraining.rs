//! `pretrain`: handing over to the program of that name, and a run on a model that was pretrained here.

use crate::harness::{number, run_methods, scratch, trials_csv};
use burn::tensor::Device;
use pretrain::{Embeddings, Family, Pretraining, Sizes, Source};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;
use tempfile::TempDir;
use transformer::Precision;

/// The program alone in a directory, and its path there.
fn alone() -> (TempDir, PathBuf) {
    // A hard link, so within one file system.
    let dir = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = dir.path().join("adaptbench");
    fs::hard_link(env!("CARGO_BIN_EXE_tests"), &program).unwrap();
    (dir, program)
}

fn pretrain(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program)
        .arg("pretrain")
        .args(arguments)
        .env("XDG_CACHE_HOME", program.with_file_name("cache"))
        .output()
        .unwrap()
}

#[test]
fn without_its_program_pretraining_says_the_command_that_builds_it() {
    let (_dir, program) = alone();
    let ended = pretrain(&program, &["--corpus", "books.txt", "--out", "model"]);
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8(ended.stderr).unwrap();
    let command = "cargo run -p pretrain -- --corpus books.txt --out model";
    assert!(said.contains(command), "{said}");
}

#[test]
fn pretraining_hands_its_arguments_over_to_its_program_and_ends_as_it_does() {
    let (dir, program) = alone();
    let script = dir.path().join("pretrain");
    fs::write(&script, "#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 7\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let ended = pretrain(
        &program,
        &[
            "--help",
            "--from",
            "tiny-bert",
            "--teacher",
            "tiny-bert",
            "a b",
        ],
    );
    assert_eq!(ended.status.code(), Some(7));
    let said = String::from_utf8(ended.stdout).unwrap();
    let words: Vec<&str> = said.lines().collect();
    assert_eq!(
        [words[0], words[1], words[3], words[5]],
        ["--help", "--from", "--teacher", "a b"]
    );
    for model in [words[2], words[4]] {
        assert!(
            Path::new(model).join("config.json").is_file(),
            "a bundled model goes over as its directory: {said}"
        );
    }
}

#[test]
fn a_run_takes_a_model_that_was_pretrained_here() {
    let dir = scratch();
    let corpus = dir.path().join("books.txt");
    // The same text twice would count once.
    let book = |colour: &str| {
        let line =
            format!("There was a {colour} rose in the garden that day. Nobody had seen it.\n");
        line.repeat(60) + "\n"
    };
    fs::write(&corpus, ["red", "white", "pale", "dark"].map(book).concat()).unwrap();
    let settings = Pretraining {
        source: Source::New(Sizes {
            family: Family::Bert,
            vocab: 330,
            hidden: 24,
            layers: 2,
            heads: 3,
            intermediate: None,
            embedding: None,
        }),
        corpus: vec![corpus],
        held_out: Vec::new(),
        exclude: Vec::new(),
        labelled: Vec::new(),
        tokens: 2_000,
        length: 32,
        batch: 4,
        short_share: 0.0,
        episode_share: 0.0,
        repeat_share: 0.0,
        look_up_share: 0.0,
        label_weight: 1,
        mask_share: 0.15,
        left_to_right_share: 0.0,
        neighbour_weight: 0.0,
        embeddings: Embeddings::Random,
        teaching: None,
        learning_rate: 1e-3,
        warmup_share: 0.1,
        weight_decay: 0.05,
        clip_norm: 1.0,
        seed: 3,
    };
    let model = dir.path().join("model");
    let never = Duration::from_secs(1_000_000);
    let (device, precision) = (Device::flex(), Precision::F16);
    pretrain::pretrain(
        &settings,
        &model,
        precision,
        &device,
        "",
        never,
        &mut |_| {},
    )
    .unwrap();
    let options = [
        "--model",
        model.to_str().unwrap(),
        "--task",
        "reviews",
        "--seeds",
        "1",
        "--train-limit",
        "16",
        "--epochs",
        "1",
        "--max-length",
        "24",
    ];
    let name = runner::METHODS
        .iter()
        .map(|method| method.info())
        .find(|info| info.level == adapt::Level::Parameters)
        .unwrap()
        .name;
    let results = dir.path().join("run");
    let ended = run_methods(name, &results, &options);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(number(&trials_csv(&results).1[name], "test_accuracy") > 0.0);
}
