//! Checkpoints of which a setting is changed, beside what transformers computes from them (tests/fixtures/mutations.json, written by
//! scripts/reference_mutations.py), and damaged tables beside what Python reads (scripts/reference_damaged_tables.py).

use serde::Deserialize;
use serde_json::{Map, Value};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use transformer::{Pass, Side, collate};

/// A damaged file of texts, and what Python reads from it.
#[derive(Deserialize)]
struct Table {
    file: String,
    holds: String,
    /// `None`: an error.
    texts: Option<Vec<String>>,
}

#[test]
fn a_damaged_table_gives_the_texts_that_python_reads_or_none() {
    let text = fs::read_to_string(fixtures().join("mutated_tables.json")).unwrap();
    let tables: Vec<Table> = serde_json::from_str(&text).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (mut same, mut refused) = (0, 0);
    let mut wrong = Vec::new();
    for Table { file, holds, texts } in &tables {
        let path = dir.path().join(file);
        fs::write(&path, holds).unwrap();
        let read = task::read_texts(&path);
        let found = read.map(|read| {
            read.rows
                .into_iter()
                .map(|row| row.text)
                .collect::<Vec<_>>()
        });
        match found {
            Err(_) => refused += 1,
            Ok(found) if Some(&found) == texts.as_ref() => same += 1,
            Ok(found) => wrong.push(format!("{holds:?}\n  gives {found:?}\n  python {texts:?}")),
        }
    }
    println!(
        "{} damaged tables: {same} as Python reads them, {refused} refused",
        tables.len()
    );
    assert!(same > tables.len() / 4, "only {same} are read");
    assert!(
        wrong.is_empty(),
        "{} are read otherwise than by Python:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// What transformers computes from checkpoints with changed settings.
#[derive(Deserialize)]
struct Reference {
    about: About,
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct About {
    texts: Vec<String>,
}

/// Changes of one file of a checkpoint.
#[derive(Deserialize)]
struct Group {
    family: String,
    /// `json`: tokenizer.json; `words`: vocab.txt; `pairs`: vocab.json and merges.txt.
    layout: String,
    file: String,
    unchanged: Vec<f32>,
    changes: Vec<(Map<String, Value>, There)>,
}

/// What transformers makes of a change.
#[derive(Deserialize)]
#[serde(untagged)]
enum There {
    /// `null`: it refuses.
    Refused(()),
    /// `true`: no difference.
    Same(bool),
    Computed(Vec<f32>),
}

/// What is computed here.
enum Here {
    Refused,
    Warned,
    Computed(Vec<f32>),
}

/// Largest difference from transformers.
const TOLERANCE: f32 = 1e-4;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

#[test]
fn a_changed_setting_is_computed_as_transformers_does_or_refused_or_warned_of() {
    let text = fs::read_to_string(fixtures().join("mutations.json")).unwrap();
    let reference: Reference = serde_json::from_str(&text).unwrap();
    let texts = &reference.about.texts;
    let (mut all, mut same, mut refused, mut warned, mut unknown) = (0, 0, 0, 0, 0);
    let mut wrong = Vec::new();
    for group in &reference.groups {
        let Group {
            family,
            layout,
            file,
            ..
        } = group;
        let usual = usual_warnings(group);
        for (set, there) in &group.changes {
            all += 1;
            let here = compute(group, set, texts, &usual);
            match (here, there) {
                (Here::Refused, _) => refused += 1,
                (Here::Warned, _) => warned += 1,
                (Here::Computed(_), There::Refused(())) => unknown += 1,
                (Here::Computed(found), There::Same(true)) if close(&found, &group.unchanged) => {
                    same += 1
                }
                (Here::Computed(found), There::Computed(expected)) if close(&found, expected) => {
                    same += 1
                }
                (Here::Computed(found), there) => {
                    let set = Value::from(set.clone());
                    let ignored = if close(&found, &group.unchanged) {
                        "as if unchanged here"
                    } else if matches!(there, There::Same(_)) {
                        "as if unchanged in transformers"
                    } else {
                        "changed in both, to other values"
                    };
                    wrong.push(format!("{family} ({layout}) {file}: {set} {ignored}"));
                }
            }
        }
    }
    println!(
        "{all} changed checkpoints: {same} as transformers, {refused} refused, {warned} warned of, {unknown} read here and not by transformers"
    );
    assert!(same > all / 4, "only {same} of {all} are computed");
    assert!(
        wrong.is_empty(),
        "{} are computed otherwise than by transformers, without a word:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

fn close(found: &[f32], expected: &[f32]) -> bool {
    let mut pairs = found.iter().zip(expected);
    found.len() == expected.len() && pairs.all(|(a, b)| (a - b).abs() <= TOLERANCE)
}

/// The warnings of the unchanged checkpoint.
fn usual_warnings(group: &Group) -> Vec<String> {
    let dir = lay(group, &Map::new());
    let read = transformer::load(dir.path(), &ops::test_device());
    read.unwrap_or_else(|error| panic!("{} ({}): {error}", group.family, group.layout))
        .warnings
}

fn compute(group: &Group, set: &Map<String, Value>, texts: &[String], usual: &[String]) -> Here {
    let (dir, device) = (lay(group, set), ops::test_device());
    let Ok(base) = transformer::load(dir.path(), &device) else {
        return Here::Refused;
    };
    // A warning counts that says of what: the setting, or the file.
    let names = |warning: &String| {
        let mut names = set.keys().chain([&group.file]);
        !usual.contains(warning) && names.any(|name| warning.contains(name.as_str()))
    };
    if base.warnings.iter().any(names) {
        return Here::Warned;
    }
    let mut values = Vec::new();
    for text in texts {
        let Ok(encoded) = base
            .tokenizer
            .encode(&[(text, None)], base.shape.max_length)
        else {
            return Here::Refused;
        };
        if encoded[0].truncated_tokens > 0 {
            return Here::Warned; // every command counts what it cuts
        }
        let tokens = encoded[0].ids.len();
        let batch = collate(
            &[&encoded[0]],
            base.tokenizer.pad_id(),
            Side::Right,
            &device,
        );
        let states = adapt::to_floats(base.backbone.forward(&batch, &Pass::plain()).x);
        values.extend(&states[(tokens - 1) * base.shape.hidden..][..4]);
    }
    Here::Computed(values)
}

/// The checkpoint in its layout, with the change; as scripts/reference_mutations.py lays it.
fn lay(group: &Group, set: &Map<String, Value>) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let from = fixtures().join("oracle").join(&group.family);
    for name in [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ] {
        symlink(from.join(name), dir.path().join(name)).unwrap();
    }
    if group.layout != "json" {
        lay_old_tokenizer(dir.path(), group);
    }
    change(&dir.path().join(&group.file), set);
    dir
}

fn change(file: &Path, set: &Map<String, Value>) {
    if set.is_empty() {
        return;
    }
    let content = fs::read(file).unwrap_or_else(|_| b"{}".to_vec());
    let mut content: Map<String, Value> = serde_json::from_slice(&content).unwrap();
    for (key, value) in set {
        if value == "<remove>" {
            content.shift_remove(key);
        } else {
            content.insert(key.clone(), value.clone());
        }
    }
    // It may be a link to the fixture.
    let _ = fs::remove_file(file);
    fs::write(file, Value::from(content).to_string()).unwrap();
}

fn lay_old_tokenizer(dir: &Path, group: &Group) {
    let class = match group.family.as_str() {
        "bert" => "BertTokenizer",
        "distilbert" => "DistilBertTokenizer",
        "roberta" => "RobertaTokenizer",
        _ => "GPT2Tokenizer",
    };
    let class = Map::from_iter([("tokenizer_class".to_owned(), Value::from(class))]);
    change(&dir.join("tokenizer_config.json"), &class);
    let tokenizer = dir.join("tokenizer.json");
    let read: Value = serde_json::from_slice(&fs::read(&tokenizer).unwrap()).unwrap();
    fs::remove_file(tokenizer).unwrap();
    let model = &read["model"];
    if group.layout == "words" {
        let mut words: Vec<(&String, &Value)> =
            model["vocab"].as_object().unwrap().iter().collect();
        words.sort_by_key(|(_, id)| id.as_u64());
        let lines: String = words.iter().map(|(word, _)| format!("{word}\n")).collect();
        fs::write(dir.join("vocab.txt"), lines).unwrap();
    } else {
        fs::write(dir.join("vocab.json"), model["vocab"].to_string()).unwrap();
        let merge = |pair: &Value| match pair {
            Value::Array(two) => format!(
                "{} {}\n",
                two[0].as_str().unwrap(),
                two[1].as_str().unwrap()
            ),
            other => format!("{}\n", other.as_str().unwrap()),
        };
        let lines: String = model["merges"]
            .as_array()
            .unwrap()
            .iter()
            .map(merge)
            .collect();
        fs::write(dir.join("merges.txt"), format!("#version: 0.2\n{lines}")).unwrap();
    }
}
