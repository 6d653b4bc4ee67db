//! Files written without harm to what stands there, and adapters found where they were put.

use crate::harness::{bundled, ids, program, run_in, scratch};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A trial's adapted model, and the arguments that predict with it.
fn adapted(here: &Path) -> PathBuf {
    bundled("models", "tiny-bert", &here.join("m"));
    fs::write(here.join("texts.txt"), "a gripping film\nnot again\n").unwrap();
    let done = run_in(
        here,
        &[
            "run",
            "--methods",
            "lora",
            "--set",
            "budget.head=transformers",
            "--model",
            "m",
            "--task",
            "reviews",
            "--seeds",
            "1",
            "--epochs",
            "1",
            "--train-limit",
            "8",
            "--validation-limit",
            "8",
            "--test-limit",
            "8",
            "--keep-adapters",
            "--out",
            "r",
        ],
    );
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    here.join("r/trials").join(&ids(&here.join("r"))[0])
}

fn predict<'a>(adapter: &'a str, output: &'a str) -> Vec<&'a str> {
    let common = ["predict", "--model", "m", "--input", "texts.txt"];
    [&common[..], &["--adapter", adapter, "--output", output]].concat()
}

#[test]
fn what_is_written_goes_through_links_into_pipes_and_keeps_modes() {
    let dir = scratch();
    let here = dir.path();
    let trial = adapted(here);
    let trial = trial.to_str().unwrap();
    let done = run_in(here, &predict(trial, "plain.csv"));
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let expected = fs::read_to_string(here.join("plain.csv")).unwrap();
    assert_eq!(expected.lines().count(), 3);

    fs::write(here.join("target.csv"), "old").unwrap();
    fs::set_permissions(here.join("target.csv"), Permissions::from_mode(0o600)).unwrap();
    symlink("target.csv", here.join("link.csv")).unwrap();
    symlink("not-yet.csv", here.join("dangling.csv")).unwrap();
    for (output, target) in [("link.csv", "target.csv"), ("dangling.csv", "not-yet.csv")] {
        assert_eq!(run_in(here, &predict(trial, output)).code, Some(0));
        assert_eq!(fs::read_to_string(here.join(target)).unwrap(), expected);
        assert!(here.join(output).is_symlink());
    }
    let mode = fs::metadata(here.join("target.csv"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    for output in ["-", "/dev/stdout"] {
        let done = run_in(here, &predict(trial, output));
        assert_eq!(
            (done.code, &done.stdout),
            (Some(0), &expected),
            "{}",
            done.stderr
        );
    }
    for output in [".", "m/"] {
        let done = run_in(here, &predict(trial, output));
        assert_eq!(done.code, Some(2));
        assert!(done.stderr.contains("is a directory"), "{}", done.stderr);
    }
    let features = [
        "features",
        "--model",
        "m",
        "--input",
        "texts.txt",
        "--output",
        "-",
    ];
    let done = program(&features).current_dir(here).output().unwrap();
    assert!(done.stdout.len() > 1000 && done.status.success());
}

#[test]
fn whoever_has_read_enough_of_the_predictions_may_close_them() {
    let dir = scratch();
    let here = dir.path();
    let trial = adapted(here);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let done = program(&predict(trial.to_str().unwrap(), "-"))
        .current_dir(here)
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!((done.status.code(), said.as_ref()), (Some(0), ""));
}

#[test]
fn an_adapter_is_exported_from_anywhere_and_found_where_it_was_put() {
    let dir = scratch();
    let here = dir.path();
    let trial = adapted(here);
    let trial = trial.to_str().unwrap();
    fs::create_dir(here.join("elsewhere")).unwrap();
    let elsewhere = here.join("elsewhere");
    let done = run_in(&elsewhere, &["export", trial, "--output", "peft"]);
    assert_eq!(done.code, Some(2));
    for part in ["\"m\"", "--model", "the run was started"] {
        assert!(done.stderr.contains(part), "{part}: {}", done.stderr);
    }
    let done = run_in(
        &elsewhere,
        &[
            "export",
            trial,
            "--model",
            "../m",
            "--output",
            "peft/default",
        ],
    );
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    for adapter in [
        "elsewhere/peft",
        "elsewhere/peft/default/adapter_config.json",
        trial,
    ] {
        let done = run_in(here, &predict(adapter, "-"));
        assert_eq!(
            (done.code, done.stdout.lines().count()),
            (Some(0), 3),
            "{adapter}: {}",
            done.stderr
        );
    }
    let done = run_in(here, &predict("m", "-"));
    assert!(
        done.stderr.contains("named with --model"),
        "{}",
        done.stderr
    );
}
