//! A program with a method of its own (examples/own_method.rs) runs it beside the bundled ones.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The example lies where cargo puts examples, beside the folder of this test. `cargo test -p runner` builds both.
fn example() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let profile = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let path = profile
        .join("examples")
        .join(format!("own_method{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.is_file(),
        "{} is not there: a test named alone does not build the examples; run `cargo build -p runner --example own_method` first",
        path.display()
    );
    path
}

fn run(arguments: &[&str]) -> Output {
    Command::new(example())
        .args(arguments)
        .env(
            "XDG_CACHE_HOME",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"),
        )
        .env("HF_HUB_OFFLINE", "1")
        .output()
        .expect("the example starts")
}

#[test]
fn a_method_of_ones_own_runs_beside_the_bundled_ones() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let done = run(&[
        "run",
        "--methods",
        "ia3,residual-scale",
        "--model",
        "tiny-bert",
        "--task",
        "reviews",
        "--seeds",
        "1",
        "--epochs",
        "1",
        "--train-limit",
        "20",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let mut table = csv::Reader::from_path(out.join("trials.csv")).unwrap();
    let rows: Vec<HashMap<String, String>> = table.deserialize().map(Result::unwrap).collect();
    let own = rows.iter().find(|row| row["method"] == "residual-scale");
    let own = own.unwrap_or_else(|| panic!("no row of its own: {rows:?}"));
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(own["outcome"], "finished", "{own:?}");
    let config: serde_json::Value =
        serde_json::from_slice(&std::fs::read(model().join("config.json")).unwrap()).unwrap();
    let size = |name: &str| config[name].as_u64().unwrap();
    let vectors = 2 * size("num_hidden_layers") * size("hidden_size");
    assert_eq!(own["added_params"], vectors.to_string());
}

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bundled/models/tiny-bert")
}

#[test]
fn a_method_of_ones_own_stands_in_the_list() {
    let list = run(&["methods"]);
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.contains("residual-scale"), "{list}");
}
