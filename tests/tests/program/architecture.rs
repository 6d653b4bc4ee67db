//! The arrows between crates, and the one list of methods.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each crate of the foundation may depend on. `files`, `hub` and `kernels` know nobody.
const ALLOWED: [(&str, &[&str]); 16] = [
    ("files", &[]),
    ("hub", &[]),
    ("kernels", &[]),
    ("linear", &["files"]),
    ("record", &["files"]),
    ("remote", &["files"]),
    ("task", &["files", "hub"]),
    ("ops", &["kernels"]),
    ("training", &["ops"]),
    ("transformer", &["files", "hub", "ops"]),
    ("measure", &["record"]),
    ("report", &["files", "record"]),
    (
        "adapt",
        &["files", "linear", "ops", "task", "training", "transformer"],
    ),
    ("prompt", &["adapt", "task", "transformer"]),
    (
        "pretrain",
        &["files", "kernels", "ops", "task", "training", "transformer"],
    ),
    (
        "peft-exchange",
        &["adapt", "files", "ops", "task", "transformer"],
    ),
];

/// What a method may depend on: the seam and what is below it, never another method but as [`COMPOSED`] says, never what measures it.
const BELOW_METHODS: [&str; 10] = [
    "adapt",
    "files",
    "kernels",
    "linear",
    "ops",
    "prompt",
    "record",
    "remote",
    "task",
    "transformer",
];

/// Methods that train by other methods what they train, and those.
const COMPOSED: [(&str, &[&str]); 1] = [("setfit", &["finetune", "lora"])];

/// Members that see everything: the program, and what looks at it from outside.
const ABOVE: [&str; 4] = ["runner", "serve", "tests", "benches"];

/// Every member's folder and what it depends on, development aside.
fn workspace() -> BTreeMap<String, (String, Vec<String>)> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let done = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root())
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
        let composed = COMPOSED.iter().find(|(member, _)| member == name);
        let parts = composed.map_or(&[] as &[&str], |(_, parts)| parts);
        let wrong: Vec<&&str> = own
            .iter()
            .filter(|other| !allowed.contains(other) && !parts.contains(other))
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
    for name in [
        "files", "hub", "task", "record", "remote", "measure", "report", "kernels", "linear",
    ] {
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
fn the_comparison_builds_no_web_server() {
    let of_server = ["axum", "minijinja", "serve", "tokio"];
    let looks_at_it = ["serve", "tests"];
    let members = workspace();
    let others = members
        .iter()
        .filter(|(name, _)| !looks_at_it.contains(&name.as_str()));
    for (name, (_, needed)) in others {
        let found = needed
            .iter()
            .find(|other| of_server.contains(&other.as_str()));
        assert_eq!(found, None, "{name} depends on it");
    }
}

#[test]
fn every_method_crate_is_registered_and_none_is_named_elsewhere() {
    let root = root();
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
    let named = |text: &str| {
        let quoted = |name: &&&str| text.contains(&format!("\"{name}\""));
        names.iter().find(quoted).copied()
    };
    let mut sources = 0;
    for (name, (manifest, _)) in &members {
        let folder = Path::new(manifest).parent().expect("a folder");
        if !folder.starts_with(root.join("crates"))
            || folder.starts_with(root.join("crates/methods"))
        {
            continue; // a method's crate names its own methods, and depends on no other
        }
        for file in sources_in(&folder.join("src")) {
            sources += 1;
            let source = std::fs::read_to_string(&file).expect("a source");
            for line in code_of(&source) {
                let method = named(line);
                assert!(
                    method.is_none(),
                    "{name}: {} names a method: {line}",
                    file.display()
                );
            }
        }
    }
    assert!(sources > 100, "{sources} sources");
}

/// The plan of the default comparison is the one place beside `METHODS` that names methods: it holds rates tuned for the bundled models.
/// The run says which methods it leaves out.
#[test]
fn no_plan_but_the_bundled_one_names_a_method() {
    let plans = root().join("crates/runner/plans");
    for entry in std::fs::read_dir(plans).expect("plans").flatten() {
        let plan = std::fs::read_to_string(entry.path()).expect("a plan");
        let names = runner::METHODS.iter().map(|method| method.info().name);
        let keys = names.flat_map(|name| [format!("[settings.{name}]"), format!("\"{name}\"")]);
        let named: Vec<String> = keys.filter(|key| plan.contains(key)).collect();
        let bundled = entry.file_name() == "bundled.toml";
        assert_eq!(
            bundled,
            !named.is_empty(),
            "{}: {named:?}",
            entry.path().display()
        );
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.canonicalize().expect("the workspace")
}

/// Every source below a folder; tests that are files of their own aside.
fn sources_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources_in(&path));
        } else if path.extension().is_some_and(|end| end == "rs")
            && path.file_stem().is_some_and(|stem| stem != "tests")
        {
            found.push(path);
        }
    }
    found
}

/// The lines of a source that are neither tests nor comments.
fn code_of(source: &str) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        // The folder of what a trial saves bears the word of the command line, `predict --adapter`.
        .filter(|line| !line.contains(".join(\"adapter\")"))
}
