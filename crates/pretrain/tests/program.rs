//! The program from outside: from text to a model, a kill in the middle, and what is refused.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

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
    [&["--corpus", corpus, "--out", out], &SMALL[..], more].concat()
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pretrain"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .env("HF_HUB_OFFLINE", "1");
    command
}

/// An ended program.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn run(arguments: &[&str]) -> Ended {
    let output = program(arguments).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Ended {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Waits until `ready`, at most half a minute.
fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let started = Instant::now();
    while !ready() {
        let waited = started.elapsed();
        assert!(
            waited < Duration::from_secs(30),
            "waited in vain until {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn plain_text_becomes_a_model_with_a_card_of_its_command() {
    let dir = TempDir::new().unwrap();
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
        assert!(card.contains("cargo run -p pretrain -- --corpus"), "{card}");
        assert!(
            !card.contains(dir.path().to_str().unwrap()),
            "a path of this machine stands in the card: {card}"
        );
        let read = transformer::load(Path::new(model), &burn::tensor::Device::flex()).unwrap();
        assert_eq!(read.shape.layers, 2);
    }
}

#[test]
fn a_pretraining_killed_in_the_middle_goes_on_from_its_checkpoint() {
    let dir = TempDir::new().unwrap();
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
    let dir = TempDir::new().unwrap();
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
            "--corpus", &corpus, "--out", model, "--hidden", "24", "--heads", "5",
        ],
        "5 heads in a width of 24",
    );
    refused(
        &[
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
