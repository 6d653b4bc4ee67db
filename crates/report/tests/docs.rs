//! The documentation keeps what it promises: figures have a source in the records, links a target, code an origin.
//!
//! A figure is a number with a unit, a percentage or a decimal, in the prose of README.md and docs/src. Its source is the next comment on its line:
//! `<!-- from: PATH#PART & PART -->` names the one line of a file that holds all parts, and the figure must be a number of that line.
//! Between `<!-- results:NAME -->` markers, every row of a table must be one of results/NAME/summary.md.
//! `<!-- code: PATH -->` before a block of Rust names the file that holds its lines.

mod documents;

use documents::{
    documentation, figure_faults, figures, generated, link_faults, markdown_in, read, root,
};
use std::collections::BTreeSet;
use std::fs;

const README_LINES: usize = 150;
#[test]
fn typed_figures_are_in_the_source_they_name() {
    let faults: Vec<String> = documentation()
        .iter()
        .flat_map(|path| figure_faults(path, &read(path)))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_wrong_figure_is_found() {
    let faults = |line: &str| figure_faults("x.md", line).len();
    let source = "<!-- from: results/race/summary.md#| step 16x128 lora | PyTorch | -->";
    assert_eq!(faults(&format!("LoRA takes 0.35 of the time. {source}")), 0);
    assert_eq!(
        faults(&format!(
            "LoRA takes 0.34 of its time {source} or 0.33 {source}"
        )),
        2
    );
    assert_eq!(
        figures("It takes 12 minutes, 57 % or 0.35."),
        ["12", "57", "0.35"]
    );
    assert_eq!(faults("It takes 12 minutes."), 1);
    assert_eq!(
        faults("GPT-2 on x86-64 with 1,000 labels, batch 16x128, `0.1`"),
        0
    );
    assert_eq!(
        faults(&format!("0.35 {}", source.replace("lora |", "nothing |"))),
        1
    );
    assert_eq!(
        faults("0.35 <!-- from: results/race/summary.md#PyTorch -->"),
        1
    );
    assert_eq!(
        faults("<!-- results:x -->\n0.35\n<!-- /results:x -->\n0.35"),
        1
    );
}

#[test]
fn generated_tables_are_those_of_the_records() {
    let readme = read("README.md");
    let methods = generated(&readme).into_iter().find(|b| b.0 == "methods");
    for path in documentation() {
        for (name, lines) in generated(&read(&path)) {
            if name == "methods" {
                assert!(
                    methods.as_ref().is_some_and(|block| block.1 == lines),
                    "{path}: other methods than README.md; cargo run -p runner -- methods --readme {path}"
                );
                continue;
            }
            let summary = read(&format!("results/{name}/summary.md"));
            let known: BTreeSet<&str> = summary.lines().collect();
            let unknown: Vec<&&str> = lines
                .iter()
                .filter(|l| l.starts_with('|') && !known.contains(*l))
                .collect();
            assert!(
                unknown.is_empty(),
                "{path}: not in results/{name}/summary.md; cargo run -p runner -- report results/* --readme {path}: {unknown:#?}"
            );
        }
    }
}

#[test]
fn links_lead_somewhere() {
    let crates = ["crates", "crates/methods"].map(|dir| {
        let entries = fs::read_dir(root().join(dir)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .map(|name| format!("{dir}/{name}/README.md"))
            .collect::<Vec<_>>()
    });
    let beside = [
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "results/README.md",
    ]
    .map(str::to_owned);
    let readmes = crates
        .concat()
        .into_iter()
        .filter(|path| root().join(path).exists());
    let files = documentation().into_iter().chain(beside).chain(readmes);
    let faults: Vec<String> = files.flat_map(|path| link_faults(&path)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_chapter_is_in_the_table_of_contents() {
    let contents = read("docs/src/SUMMARY.md");
    for path in markdown_in("docs/src") {
        let name = path.rsplit('/').next().unwrap();
        assert!(
            name == "SUMMARY.md" || contents.contains(&format!("]({name})")),
            "{path}"
        );
    }
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(
        lines <= README_LINES,
        "{lines} lines, at most {README_LINES}; details belong into docs/src"
    );
}

#[test]
fn rust_is_quoted_from_files_that_compile() {
    for path in documentation() {
        let text = read(&path);
        let lines: Vec<&str> = text.lines().collect();
        for at in (0..lines.len()).filter(|&at| lines[at] == "```rust") {
            let origin = lines[..at].iter().rev().find(|line| !line.is_empty());
            let origin =
                origin.and_then(|line| line.strip_prefix("<!-- code: ")?.strip_suffix(" -->"));
            let origin = origin
                .unwrap_or_else(|| panic!("{path}:{}: no <!-- code: PATH --> before it", at + 1));
            let quoted: Vec<&str> = lines[at + 1..]
                .iter()
                .take_while(|l| **l != "```")
                .map(|l| l.trim())
                .collect();
            let source = read(origin);
            let source: Vec<&str> = source.lines().map(str::trim).collect();
            let there = source.windows(quoted.len()).any(|window| window == quoted);
            assert!(there, "{path}:{}: these lines are not in {origin}", at + 1);
        }
    }
}
