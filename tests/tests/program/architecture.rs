//! The arrows between crates, and the one list of methods.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// What each crate of the foundation may depend on. `record`, `task`, `kernels` and `linear` know nobody.
const ALLOWED: [(&str, &[&str]); 12] = [
    ("kernels", &[]),
    ("linear", &[]),
    ("record", &[]),
    ("task", &[]),
    ("ops", &["kernels"]),
    ("transformer", &["ops"]),
    ("measure", &["record"]),
    ("report", &["record"]),
    ("adapt", &["linear", "ops", "task", "transformer"]),
    ("pretrain", &["adapt", "ops", "transformer"]),
    ("prompt", &["adapt", "task", "transformer"]),
    ("peft-exchange", &["adapt", "ops", "task", "transformer"]),
];

/// What a method may depend on: the seam and what is below it, never another method, never what measures it.
const BELOW_METHODS: [&str; 8] = [
    "adapt",
    "kernels",
    "linear",
    "ops",
    "prompt",
    "record",
    "task",
    "transformer",
];

/// Members that see everything: the program, and what looks at it from outside.
const ABOVE: [&str; 3] = ["runner", "tests", "benches"];

/// Every member's folder and what it depends on, development aside.
fn workspace() -> BTreeMap<String, (String, Vec<String>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let done = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root)
        .output()
        .expect("cargo starts");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let metadata: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .map(|package| {
            let text = |value: &Value| value.as_str().expect("a text").to_owned();
            let all = package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter();
            let needed = all
                .filter(|dependency| dependency["kind"].is_null())
                .map(|dependency| text(&dependency["name"]));
            (
                text(&package["name"]),
                (text(&package["manifest_path"]), needed.collect()),
            )
        })
        .collect()
}

#[test]
fn arrows_go_one_way() {
    let members = workspace();
    assert!(members.len() > 12, "{members:?}");
    for (name, (manifest, needed)) in &members {
        let own: BTreeSet<&str> = needed
            .iter()
            .map(String::as_str)
            .filter(|other| members.contains_key(*other))
            .collect();
        let allowed: &[&str] = match ALLOWED.iter().find(|(member, _)| member == name) {
            Some((_, allowed)) => allowed,
            None if manifest.contains("/crates/methods/") => &BELOW_METHODS,
            None if ABOVE.contains(&name.as_str()) => continue,
            None => panic!(
                "{name} has no place among the arrows: state in this test what it may depend on"
            ),
        };
        let wrong: Vec<&&str> = own
            .iter()
            .filter(|other| !allowed.contains(other))
            .collect();
        assert!(
            wrong.is_empty(),
            "{name} depends on {wrong:?}, allowed: {allowed:?}"
        );
    }
}

#[test]
fn what_holds_no_tensor_does_not_load_burn() {
    let members = workspace();
    for name in ["task", "record", "measure", "report", "kernels", "linear"] {
        let Some((_, needed)) = members.get(name) else {
            continue;
        };
        assert!(
            !needed.iter().any(|other| other == "burn"),
            "{name} depends on burn"
        );
    }
}

#[test]
fn every_method_crate_is_registered_and_none_is_named_elsewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/runner/src");
    let names: BTreeSet<&str> = runner::METHODS
        .iter()
        .map(|method| method.info().name)
        .collect();
    assert_eq!(names.len(), runner::METHODS.len(), "a name stands twice");
    let members = workspace();
    let (_, needed) = &members["runner"];
    for (name, (manifest, _)) in &members {
        assert!(
            !manifest.contains("/crates/methods/") || needed.contains(name),
            "the method crate {name} is not in the registry"
        );
    }
    for entry in std::fs::read_dir(root).expect("sources").flatten() {
        let source = std::fs::read_to_string(entry.path()).expect("a source");
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let said = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            // The folder of what a trial saves bears the word of the command line, `predict --adapter`.
            .filter(|line| !line.contains(".join(\"adapter\")"));
        for line in said {
            let named = names
                .iter()
                .find(|name| line.contains(&format!("\"{name}\"")));
            assert!(
                named.is_none(),
                "{} names a method: {line}",
                entry.path().display()
            );
        }
    }
}
