//! `methods`, `models`, `tasks` and `devices`: what there is, as a table or as JSON.

use crate::cli::{ListArgs, MethodsArgs};
use crate::commands::method_docs;
use crate::registry::Methods;
use crate::run::probe;
use crate::sources::bundled;
use crate::sources::devices::DEVICES;
use crate::terminal::{self, say};
use adapt::Method;
use serde_json::{Value, json};

/// Lists the methods, or writes what the documentation says of them.
///
/// # Errors
/// A file that cannot be read or written, or lacks the marks.
pub(crate) fn methods(methods: Methods, arguments: &MethodsArgs) -> anyhow::Result<()> {
    for readme in &arguments.readme {
        method_docs::rewrite_methods_table(methods, readme)?;
    }
    if let Some(dir) = &arguments.readmes {
        method_docs::rewrite_settings(methods, dir)?;
    }
    if !arguments.readme.is_empty() || arguments.readmes.is_some() {
        return Ok(());
    }
    let rows = methods
        .iter()
        .map(|method| describe(*method))
        .collect::<anyhow::Result<Vec<Value>>>()?;
    if arguments.list.json {
        return print_json(&rows);
    }
    print_table(&rows, &["name", "level", "definition"]);
    print_words("Settings, for --set METHOD.KEY=VALUE:");
    for row in &rows {
        say(terminal::wrapped(&settings(row), terminal::width(), "    "));
    }
    Ok(())
}

fn describe(method: &dyn Method) -> anyhow::Result<Value> {
    let info = method.info();
    let ranges = method.search_ranges();
    let searched: Vec<Value> = ranges
        .iter()
        .map(|range| {
            let scale = format!("{:?}", range.scale).to_lowercase();
            json!({"setting": range.setting, "low": range.low, "high": range.high, "scale": scale})
        })
        .collect();
    Ok(json!({
        "name": info.name, "definition": info.definition, "paper": info.paper, "level": info.level.as_str(),
        "uses_model": info.uses_model, "settings": method.plan(Value::Null)?.resolved(), "searched": searched,
    }))
}

/// Lists the bundled models.
///
/// # Errors
/// Rows that are no JSON.
pub(crate) fn models(list: ListArgs) -> anyhow::Result<()> {
    let rows: Vec<Value> = bundled::models().map(bundle).collect();
    if list.json {
        return print_json(&rows);
    }
    print_table(&rows, &["name", "bytes", "summary"]);
    print_words(&format!(
        "--model also takes a directory in Hugging Face layout (config.json, model.safetensors or shards, tokenizer.json), a GGUF file or a \
         Hub id (org/name). Architectures: {}",
        transformer::MODEL_TYPES.join(", ")
    ));
    Ok(())
}

/// Lists the bundled tasks.
///
/// # Errors
/// A bundled task that cannot be read.
pub(crate) fn tasks(list: ListArgs) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for found in bundled::tasks() {
        let task = task::from_bytes(found.name, found.files)?;
        let mut row = bundle(found);
        row["classes"] = json!(task.classes.len());
        row["pairs"] = json!(task.pairs);
        row["train"] = json!(task.train.len());
        row["validation"] = json!(task.validation.len());
        row["test"] = json!(task.test.len());
        rows.push(row);
    }
    if list.json {
        return print_json(&rows);
    }
    print_table(
        &rows,
        &["name", "classes", "train", "validation", "test", "summary"],
    );
    print_words(
        "--task also takes a directory with train, validation and test files (.tsv, .csv, .jsonl, .parquet; columns text,label or \
         text_a,text_b,label) or a Hub data set id (org/name).",
    );
    Ok(())
}

/// Lists the devices; each that is compiled in is tried in a process of its own.
///
/// # Errors
/// Rows that are no JSON.
pub(crate) fn devices(list: ListArgs) -> anyhow::Result<()> {
    let rows: Vec<Value> = DEVICES
        .iter()
        .map(|device| {
            let state = match device.is_compiled() {
                false => format!("not compiled in: cargo run -p runner --features {}", device.name),
                true => match probe::ask(device.name, None, Vec::new()) {
                    Ok(_) => "works".to_owned(),
                    Err(error) => format!("{error:#}"),
                },
            };
            let works = state == "works";
            json!({"name": device.name, "definition": device.definition, "compiled": device.is_compiled(), "works": works, "state": state})
        })
        .collect();
    if list.json {
        return print_json(&rows);
    }
    print_table(&rows, &["name", "definition", "state"]);
    Ok(())
}

fn bundle(bundle: &bundled::Bundle) -> Value {
    json!({"name": bundle.name, "bytes": bundle.bytes(), "summary": bundle.summary()})
}

pub(crate) fn print_json(rows: &[Value]) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(rows)?);
    Ok(())
}

pub(crate) fn print_table(rows: &[Value], columns: &[&str]) {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().map(|column| text(&row[*column])).collect())
        .collect();
    say(terminal::table(columns, &cells, terminal::width()).trim_end());
}

/// A paragraph after a blank line.
pub(crate) fn print_words(words: &str) {
    say(format!(
        "\n{}",
        terminal::wrapped(words, terminal::width(), "")
    ));
}

/// `lora: rank=8, alpha=16`, as `--set` takes them.
fn settings(row: &Value) -> String {
    let settings = row["settings"].as_object().into_iter().flatten();
    let settings: Vec<String> = settings
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    match settings.as_slice() {
        [] => format!("{}: none", text(&row["name"])),
        all => format!("{}: {}", text(&row["name"]), all.join(", ")),
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
