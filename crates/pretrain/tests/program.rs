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
fn texts_of_a_bundled_task_are_left_out_and_the_card_says_so() {
    let dir = TempDir::new().unwrap();
    let corpus = corpus(dir.path());
    let tasks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runner/bundled/tasks");
    let rows = fs::read_to_string(tasks.join("support-intents/test.tsv")).unwrap();
    let sentences = rows
        .lines()
        .skip(1)
        .map(|row| row.split('\t').next().unwrap());
    let planted: Vec<&str> = sentences
        .filter(|text| {
            text.split_whitespace().count() > 5 && !text[..text.len() - 1].contains(['.', '?', '!'])
        })
        .take(3)
        .collect();
    assert_eq!(planted.len(), 3);
    let text = fs::read_to_string(&corpus).unwrap();
    let upper: String = planted
        .iter()
        .map(|text| format!("He said. {}\n", text.to_uppercase()))
        .collect();
    fs::write(&corpus, format!("{text}{upper}")).unwrap();
    let card = |name: &str, more: &[&str]| {
        let out = dir.path().join(name);
        let arguments = [&["--tokens", "500"], more].concat();
        let ended = run(&pretrain(&corpus, out.to_str().unwrap(), &arguments));
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        fs::read_to_string(out.join("CARD.md")).unwrap()
    };
    let names = ["support-intents", "reviews", "question-pairs"];
    let dirs = names.map(|name| tasks.join(name).to_str().unwrap().to_owned());
    let card_with = card("with", &["--exclude", &dirs[0], &dirs[1], &dirs[2]]);
    let row = "| left out of it | 3 sentences in which one of support-intents, reviews, question-pairs occurs,";
    assert!(card_with.contains(row), "{card_with}");
    assert!(!card("without", &[]).contains("left out of it"));
}

#[test]
fn labelled_texts_are_for_episodes_and_stand_in_the_card() {
    let dir = TempDir::new().unwrap();
    let corpus = corpus(dir.path());
    let file = dir.path().join("kinds.tsv");
    let labels = [
        "plant", "vessel", "animal", "tool", "food", "weather", "money", "music", "sport",
        "travel", "health", "school",
    ];
    let rows: String = (0..60)
        .map(|n| format!("{}\tthe thing of number {n}\n", labels[n % labels.len()]))
        .collect();
    fs::write(&file, rows).unwrap();
    let labelled = ["--labelled", file.to_str().unwrap(), "--tokens", "2000"];
    let out = dir.path().join("model");
    let out = out.to_str().unwrap();
    let of = |family: &'static str, episodes: &'static str| {
        let arguments = [
            &labelled[..],
            &["--architecture", family, "--episodes", episodes],
        ]
        .concat();
        run(&pretrain(&corpus, out, &arguments))
    };
    for (family, episodes) in [("bert", "0"), ("llama", "0")] {
        let ended = of(family, episodes);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("leave --labelled out"),
            "{}",
            ended.stderr
        );
    }
    let ended = of("llama", "0.6");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let card = fs::read_to_string(Path::new(out).join("CARD.md")).unwrap();
    assert!(card.contains("kinds.tsv, 60 texts, sha256"), "{card}");
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

#[test]
fn what_cannot_be_learnt_from_a_teacher_is_named() {
    let dir = TempDir::new().unwrap();
    let (corpus, out) = (corpus(dir.path()), dir.path().join("small"));
    let teacher = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runner/bundled/models/tiny-bert");
    let (model, teacher) = (out.to_str().unwrap(), teacher.to_str().unwrap());
    let refused = |arguments: &[&str], reason: &str| {
        let ended = run(&pretrain(&corpus, model, arguments));
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    };
    let signal =
        |names, reason| refused(&["--teacher", teacher, "--teacher-signal", names], reason);
    signal("vektors", "\"vektors\" is none of vectors, states, logits");
    signal("vectors=much", "\"much\" is no number");
    signal("vectors,vectors=2", "names vectors twice");
    signal("states=-1", "--teacher-signal states is -1");
    signal(
        "logits",
        "--teacher-signal logits is for causal models, and bert is a masked one",
    );
    refused(&["--teacher-signal", "vectors"], "--teacher <M>");
    refused(&["--teacher", "no/such/model"], "no/such/model");
    refused(&["--embeddings", "teacher"], "give --teacher MODEL");
    let causal = ["--teacher", teacher, "--architecture", "llama"];
    let with_vocab = "the vocabulary is the teacher's";
    refused(&causal, with_vocab);
}
