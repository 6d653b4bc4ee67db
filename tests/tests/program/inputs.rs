//! Bad input: exit code 2, the file and what to do about it, and nothing lost or left half done.

use crate::harness::{run, run_methods, scratch};
use std::fs;
use std::path::Path;

fn refused(arguments: &[&str], expected: &[&str]) {
    let ended = run(arguments);
    assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
    for part in expected {
        assert!(
            ended.stderr.contains(part),
            "{arguments:?} does not say {part:?}: {}",
            ended.stderr
        );
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

/// The bundled model's files in `dir`.
fn model_in(dir: &Path) {
    let bundled =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/runner/bundled/models/tiny-bert");
    fs::create_dir_all(dir).unwrap();
    for entry in fs::read_dir(bundled).unwrap().flatten() {
        fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_broken_model_is_refused_before_the_first_trial() {
    let dir = scratch();
    let (model, out) = (dir.path().join("model"), dir.path().join("out"));
    let arguments = [
        "run",
        "--methods",
        "mock-never",
        "--model",
        model.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    refused(&arguments, &["model"]);
    let with = |change: &dyn Fn()| {
        let _ = fs::remove_dir_all(&model);
        model_in(&model);
        change();
    };
    with(&|| {
        let weights = fs::read(model.join("model.safetensors")).unwrap();
        fs::write(
            model.join("model.safetensors"),
            &weights[..weights.len() / 2],
        )
        .unwrap();
    });
    refused(&arguments, &["model.safetensors"]);
    with(&|| fs::remove_file(model.join("model.safetensors")).unwrap());
    refused(&arguments, &["model.safetensors"]);
    with(&|| fs::write(model.join("tokenizer.json"), "{}").unwrap());
    refused(&arguments, &["tokenizer.json"]);
    with(&|| {
        let config = fs::read_to_string(model.join("config.json")).unwrap();
        fs::write(
            model.join("config.json"),
            config.replace("\"bert\"", "\"mamba\""),
        )
        .unwrap();
    });
    refused(&arguments, &["mamba", "bert"]);
    assert!(!out.exists(), "a refused run left a directory");
}

#[test]
fn a_broken_task_is_refused_before_the_first_trial() {
    let dir = scratch();
    let (task, out) = (dir.path().join("task"), dir.path().join("out"));
    let arguments = [
        "run",
        "--methods",
        "mock-constant",
        "--task",
        task.to_str().unwrap(),
        "--out",
        out.to_str().unwrap(),
    ];
    refused(&arguments, &["task"]);
    fs::create_dir(&task).unwrap();
    refused(&arguments, &["train.tsv"]);
    let train = "text\tlabel\na\tx\nb\ty\n";
    fs::write(task.join("train.tsv"), train).unwrap();
    fs::write(task.join("validation.tsv"), train).unwrap();
    fs::write(task.join("test.tsv"), "text\tlabel\na\tz\n").unwrap();
    refused(&arguments, &["test.tsv", "z"]);
    assert!(!out.exists(), "a refused run left a directory");
}

#[test]
fn a_place_that_cannot_be_written_is_refused() {
    let dir = scratch();
    let file = dir.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    for out in [file.join("out"), Path::new("/proc/adaptbench").to_owned()] {
        let ended = run_methods("mock-constant", &out, &[]);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("cannot write to") && ended.stderr.contains("--out"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_directory_with_other_things_is_left_alone() {
    let dir = scratch();
    fs::write(dir.path().join("thesis.tex"), "words").unwrap();
    let ended = run_methods("mock-constant", dir.path(), &[]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("holds no run"), "{}", ended.stderr);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn features_and_predict_name_what_is_wrong() {
    let dir = scratch();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (empty, texts, out) = (at("empty.txt"), at("texts.txt"), at("out"));
    fs::write(&empty, "").unwrap();
    fs::write(&texts, "one\ntwo\n").unwrap();
    let features = |input: &str, output: &str| {
        [
            "features",
            "--model",
            "tiny-bert",
            "--input",
            input,
            "--output",
            output,
        ]
        .map(str::to_owned)
    };
    let refuse = |arguments: &[String], expected: &[&str]| {
        refused(
            &arguments.iter().map(String::as_str).collect::<Vec<_>>(),
            expected,
        )
    };
    refuse(&features(&at("missing.txt"), &out), &["missing.txt"]);
    refuse(&features(&empty, &out), &["empty.txt"]);
    refuse(
        &features(&texts, &at("no/such/dir/f.safetensors")),
        &["no/such/dir"],
    );
    let predict = |rest: &[&str]| {
        let fixed = [
            "predict",
            "--model",
            "tiny-bert",
            "--input",
            texts.as_str(),
            "--output",
            out.as_str(),
        ];
        refused(&[&fixed[..], rest].concat(), &["adapter"]);
    };
    predict(&[]);
    let peft = dir.path().join("peft");
    fs::create_dir(&peft).unwrap();
    fs::write(peft.join("adapter_config.json"), "{}").unwrap();
    predict(&["--adapter", peft.to_str().unwrap()]);
    predict(&["--adapter", &at("nowhere")]);
    assert!(!Path::new(&out).exists());
}
