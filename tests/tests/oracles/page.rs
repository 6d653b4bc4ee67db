//! The chapter on models names every type that is read, with what it was compared with.

use crate::folders::fixtures;
use std::collections::BTreeSet;
use std::fs;
use transformer::MODEL_TYPES;

fn read(path: &str) -> String {
    let file = fixtures().join("../..").join(path);
    fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

#[test]
fn the_chapter_on_models_names_every_type_that_is_read() {
    let summary = read("results/models/summary.md");
    let rows: Vec<&str> = summary
        .lines()
        .filter(|line| line.starts_with('|'))
        .collect();
    let named = rows.iter().flat_map(|row| types(row));
    let named: BTreeSet<&str> = named.filter(|name| *name != "model_type").collect(); // the heading
    let all: BTreeSet<&str> = MODEL_TYPES.into_iter().collect();
    assert_eq!(
        named, all,
        "scripts/models_table.py makes results/models/summary.md"
    );
    let chapter = read("docs/src/models.md");
    for row in rows {
        assert!(
            chapter.lines().any(|line| line == row),
            "not in docs/src/models.md: {row}"
        );
    }
}

/// What stands in the row's second cell between backticks.
fn types(row: &str) -> Vec<&str> {
    let cell = row.split('|').nth(2).unwrap_or_default();
    cell.split('`').skip(1).step_by(2).collect()
}
