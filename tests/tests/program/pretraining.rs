//! `pretrain` through the whole program: from text to a model that `run` takes, a kill in the middle, and what is refused.

use crate::harness::{number, program, run, run_methods, scratch, trials_csv, wait_until};
use std::fs;
use std::path::Path;
use std::process::Stdio;

/// Six short books of one pattern.
fn corpus(dir: &Path) -> String {
    let mut text = String::new();
    for book in 0..6 {
        for line in 0..40 {
            let (colour, thing) =
                [("red", "rose"), ("blue", "boat"), ("green", "frog")][(book + line * line) % 3];
            text += &format!(
                "There was a {colour} {thing} in the garden that day. Nobody but the {thing} had seen number {}.\n",
                line % 7
            );
        }
        text.push('\n');
    }
    let file = dir.join("books.txt");
    fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

const SMALL: [&str; 12] = [
    "--vocab", "330", "--hidden", "24", "--layers", "2", "--heads", "3", "--length", "32",
    "--batch", "4",
];

fn pretrain<'a>(corpus: &'a str, out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [
        &["pretrain", "--corpus", corpus, "--out", out],
        &SMALL[..],
        more,
    ]
    .concat()
}

#[test]
fn plain_text_becomes_a_model_that_a_run_takes() {
    let dir = scratch();
    let (corpus, out) = (corpus(dir.path()), dir.path().join("small"));
    for family in ["bert", "llama"] {
        let model = out.join(family);
        let model = model.to_str().unwrap();
        let arguments = [
            "--tokens",
            "2000",
            "--architecture",
            family,
            "--episodes",
            "0",
        ];
        let ended = run(&pretrain(&corpus, model, &arguments));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stdout.contains("held-out loss"), "{}", ended.stdout);
        let card = fs::read_to_string(Path::new(model).join("CARD.md")).unwrap();
        assert!(card.contains("runner pretrain --corpus"), "{card}");
        assert!(
            !card.contains(dir.path().to_str().unwrap()),
            "a path of this machine stands in the card: {card}"
        );
        let results = dir.path().join(format!("run-{family}"));
        let options = [
            "--model",
            model,
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
        let ended = run_methods(name, &results, &options);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(number(&trials_csv(&results).1[name], "test_accuracy") > 0.0);
    }
}

#[test]
fn a_pretraining_killed_in_the_middle_goes_on_from_its_checkpoint() {
    let dir = scratch();
    let (corpus, out) = (corpus(dir.path()), dir.path().join("small"));
    let model = out.to_str().unwrap();
    let arguments = pretrain(
        &corpus,
        model,
        &["--tokens", "40000", "--checkpoint-every", "0"],
    );
    let mut started = program(&arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("there are checkpoints", || {
        fs::read_dir(out.join("checkpoints")).is_ok_and(|found| found.count() > 2)
    });
    started.kill().unwrap(); // SIGKILL
    started.wait().unwrap();
    assert!(
        !out.join("model.safetensors").is_file(),
        "it was too quick to be killed"
    );
    let ended = run(&arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("going on after step"),
        "{}",
        ended.stderr
    );
    assert!(out.join("model.safetensors").is_file());
}

#[test]
fn what_pretraining_cannot_use_is_named() {
    let dir = scratch();
    let (corpus, out) = (corpus(dir.path()), dir.path().join("small"));
    let model = out.to_str().unwrap();
    let refused = |arguments: &[&str], reason: &str| {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    };
    refused(
        &pretrain("no/such/file.txt", model, &[]),
        "there is no file no/such/file.txt",
    );
    refused(
        &pretrain(&corpus, model, &["--heads", "5"]),
        "cannot be used multiple times",
    );
    refused(
        &[
            "pretrain", "--corpus", &corpus, "--out", model, "--hidden", "24", "--heads", "5",
        ],
        "5 heads in a width of 24",
    );
    refused(
        &[
            "pretrain",
            "--corpus",
            &corpus,
            "--out",
            model,
            "--from",
            "somewhere",
            "--layers",
            "3",
        ],
        "--layers with --from",
    );
    refused(
        &pretrain(
            &corpus,
            model,
            &["--architecture", "bert", "--episodes", "0.5"],
        ),
        "episodes are for causal models",
    );
    let empty = dir.path().join("empty.txt");
    fs::write(&empty, "One line.\n").unwrap();
    refused(
        &pretrain(empty.to_str().unwrap(), model, &[]),
        "expected at least",
    );
}
