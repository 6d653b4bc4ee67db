//! The commands in the documentation exist: every option of every `cargo run -p runner` in a block of shell.

use crate::harness::run;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The documents whose commands a reader copies.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let chapters = fs::read_dir(root.join("docs/src")).expect("the chapters");
    let chapters = chapters.map(|entry| entry.unwrap().path());
    let chapters = chapters.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let others = ["README.md", "CONTRIBUTING.md"].map(|name| root.join(name));
    chapters.chain(others).collect()
}

/// The arguments of every call of the program in the blocks `sh` and `console` of a text.
fn calls(text: &str) -> Vec<Vec<String>> {
    let mut block = "";
    let mut calls = Vec::new();
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            block = language;
        } else if ["sh", "console"].contains(&block) {
            let command = line.trim_start_matches("$ ");
            let Some(options) = command.strip_prefix("cargo run -p runner") else {
                continue;
            };
            let arguments = options.split_once(" -- ").map_or("", |(_, after)| after);
            let arguments = arguments.split(" #").next().unwrap_or_default();
            calls.push(arguments.split_whitespace().map(str::to_owned).collect());
        }
    }
    calls
}

/// Names of the options that a subcommand's help lists, and the names of subcommands that the program's does.
fn listed(help: &str) -> Vec<String> {
    let words = help.lines().flat_map(|line| {
        let line = line.trim_start();
        let command = line.split_whitespace().next();
        let option = line.split([' ', ',']).find(|word| word.starts_with("--"));
        [command, option]
    });
    words.flatten().map(str::to_owned).collect()
}

/// What is wrong with a call.
fn fault(call: &[String], helps: &mut BTreeMap<String, Vec<String>>) -> Option<String> {
    let (command, arguments) = call.split_first()?;
    if !listed(&run(&["--help"]).stdout).contains(command) {
        return Some(format!("no command \"{command}\""));
    }
    let known = helps
        .entry(command.clone())
        .or_insert_with(|| listed(&run(&[command, "--help"]).stdout));
    let options = arguments.iter().filter(|word| word.starts_with("--"));
    let mut names = options.map(|word| word.split('=').next().unwrap_or(word));
    let unknown = names.find(|name| !known.iter().any(|known| known == name))?;
    Some(format!("\"{command}\" has no option {unknown}"))
}

#[test]
fn commands_in_the_documentation_exist() {
    let mut helps = BTreeMap::new();
    let mut seen = 0;
    for path in documents() {
        for call in calls(&fs::read_to_string(&path).expect("a document")) {
            seen += 1;
            let found = fault(&call, &mut helps);
            assert_eq!(found, None, "{}: {}", path.display(), call.join(" "));
        }
    }
    assert!(seen > 15, "{seen} calls found");
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    let text = "```sh\ncargo run -p runner -- run --quick # ok\ncargo run -p runner -- run --quik\ncargo run -p runner -- rn\n```\n";
    let mut helps = BTreeMap::new();
    let faults = calls(text)
        .iter()
        .map(|call| fault(call, &mut helps))
        .collect::<Vec<_>>();
    let expected = [
        None,
        Some("\"run\" has no option --quik".to_owned()),
        Some("no command \"rn\"".to_owned()),
    ];
    assert_eq!(faults, expected);
}
