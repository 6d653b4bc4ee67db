//! Every field of every oracle's config.json, changed to another value: what is computed changes, the model is refused, or the field stands
//! in a list of those without effect, with the reason. A field that is read past silently is none of these.

use crate::compare::{Arrangement, Computed, compute};
use crate::folders::{Oracle, oracles};
use crate::without_effect::reason;
use serde_json::{Map, Value, json};
use std::path::Path;
use transformer::load_backbone;

/// Which model this is, and by whom it was written: not settings of it.
const NO_SETTINGS: [&str; 3] = ["model_type", "architectures", "transformers_version"];

const HALVED: [&str; 2] = ["local_attention", "max_position_embeddings"];

/// Fields whose length or divisibility depends on a size.
const SECOND: [&str; 4] = ["head_dim", "layer_types", "no_rope_layers", "short_factor"];

#[test]
fn every_field_changes_the_result_or_is_refused_or_known_to_do_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (mut faults, mut tried) = (Vec::new(), 0);
    for oracle in oracles() {
        let ids = oracle.ids();
        oracle.copy_with(&oracle.config, dir.path());
        let plain = states(dir.path(), &ids).unwrap();
        for (path, changed) in mutations(&oracle.config) {
            let text = Value::from(changed.clone()).to_string();
            std::fs::write(dir.path().join("config.json"), text).unwrap();
            faults.extend(fault(
                &oracle,
                &path,
                &changed,
                &plain,
                states(dir.path(), &ids),
            ));
            tried += 1;
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(tried > 500, "{tried} changes");
}

fn states(dir: &Path, ids: &[Vec<i64>]) -> Result<Computed, String> {
    let model = load_backbone(dir, &ops::test_device()).map_err(|error| error.to_string())?;
    let head = model.language_head.as_ref();
    // One by one: of longrope's angles, short texts show one kind and long ones the other.
    Ok(compute(
        &model.backbone,
        head,
        ids,
        &Arrangement::single(ids.len()),
    ))
}

/// What is wrong with how this change was taken.
fn fault(
    oracle: &Oracle,
    path: &[&str],
    changed: &Map<String, Value>,
    plain: &Computed,
    found: Result<Computed, String>,
) -> Option<String> {
    let field = path.join(".");
    let value = path[1..]
        .iter()
        .fold(&changed[path[0]], |within, key| &within[*key]);
    let what = format!("{}: \"{field}\" = {value}", oracle.name);
    let listed = reason(&field, &oracle.config);
    match found {
        Err(said) => {
            // By the field's name, by a tensor that then has another shape, or by a second field that no longer goes with it.
            let mut reasons = path.iter().chain(&SECOND).chain(&["tensor"]);
            let named = reasons.any(|word| said.contains(word));
            (!named).then(|| format!("{what}: the refusal does not say why: {said}"))
        }
        Ok(found) => {
            let same = found.hidden == plain.hidden && found.logits == plain.logits;
            match (same, listed) {
                (true, None) => Some(format!("{what} changes nothing and is not refused")),
                (false, Some(reason)) => {
                    Some(format!("{what} has an effect, and is listed: {reason}"))
                }
                _ => None,
            }
        }
    }
}

/// The path of each field, and the configuration with that field changed alone.
fn mutations(config: &Map<String, Value>) -> Vec<(Vec<&str>, Map<String, Value>)> {
    let mut all = Vec::new();
    for (key, value) in config {
        if NO_SETTINGS.contains(&key.as_str()) {
            continue;
        }
        for (within, other) in others(key, value) {
            let mut changed = config.clone();
            changed[key] = other;
            all.push((below(key, within), changed));
        }
    }
    all
}

/// Other values of a field, with the path inside it of what differs.
fn others<'a>(key: &str, value: &'a Value) -> Vec<(Vec<&'a str>, Value)> {
    let Value::Object(fields) = value else {
        return vec![(Vec::new(), other(key, value))];
    };
    let mut all = Vec::new();
    for (inner, value) in fields {
        for (within, other) in others(inner, value) {
            let mut changed = fields.clone();
            changed[inner] = other;
            if inner == "rope_type" {
                changed.insert("factor".to_owned(), json!(4.0));
            }
            all.push((below(inner, within), Value::Object(changed)));
        }
    }
    all
}

/// A path one level further up.
fn below<'a>(key: &'a str, within: Vec<&'a str>) -> Vec<&'a str> {
    std::iter::once(key).chain(within).collect()
}

fn other(key: &str, value: &Value) -> Value {
    match value {
        Value::Bool(flag) => json!(!flag),
        Value::Null => other_than_null(key),
        Value::String(text) => json!(other_text(key, text)),
        // One of DeBERTa's two terms.
        Value::Array(list) if key == "pos_att_type" => {
            json!([if list.len() == 2 { "c2p" } else { "p2c" }])
        }
        Value::Array(list) => {
            Value::Array(list.iter().map(|entry| other_entry(key, entry)).collect())
        }
        Value::Number(number) if key.contains("theta") => json!(number.as_f64().unwrap() * 0.05),
        Value::Number(number) => match number.as_i64() {
            Some(-1) => json!(12),
            Some(0) => json!(3),
            // Divisors of others stay divisors; a window or a length must differ by enough to be noticed.
            Some(whole)
                if key.contains("heads") || key.contains("window") || HALVED.contains(&key) =>
            {
                json!(if whole % 2 == 0 { whole / 2 } else { whole * 2 })
            }
            Some(whole) => json!(whole + 1),
            None if number.as_f64() == Some(0.5) => json!(0.25),
            None if number.as_f64().unwrap().abs() >= 1.0 => json!(number.as_f64().unwrap() * 0.5),
            None => json!(0.5),
        },
        Value::Object(_) => unreachable!("changed field by field"),
    }
}

fn other_than_null(key: &str) -> Value {
    match key {
        "use_bidirectional_attention" => json!(true),
        "summary_activation" => json!("tanh"),
        _ if key.contains("softcapping") => json!(2.0),
        _ if key.contains("dropout") => json!(0.3),
        _ => json!(3),
    }
}

fn other_text(key: &str, text: &str) -> &'static str {
    match (key, text) {
        ("dtype", _) => "bfloat16",
        ("rope_type", _) => "linear",
        ("norm_rel_ebd", _) => "none",
        ("classifier_pooling", _) => "late",
        ("summary_type", _) => "last",
        (_, "relu") => "silu",
        _ => "relu",
    }
}

fn other_entry(key: &str, entry: &Value) -> Value {
    match entry {
        Value::String(text) if text == "full_attention" => json!("sliding_attention"),
        Value::String(text) if text == "sliding_attention" => json!("full_attention"),
        Value::Number(number) if key == "no_rope_layers" => json!(1 - number.as_i64().unwrap()),
        Value::Number(number) => json!(number.as_f64().unwrap() * 1.5),
        entry => panic!("\"{key}\" holds {entry}: say here what else it may be"),
    }
}
