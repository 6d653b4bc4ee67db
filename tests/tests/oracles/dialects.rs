//! `config.json` as transformers 4 wrote it describes the same model: both spellings are on the Hub.

use crate::compare::{Arrangement, compute};
use crate::folders::oracles;
use serde_json::{Map, Value, json};
use transformer::load;

#[test]
fn the_older_spelling_of_every_configuration_computes_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let mut rotated = 0;
    for oracle in oracles() {
        let name = &oracle.name;
        let older = older(&oracle.config);
        rotated += usize::from(oracle.config.contains_key("rope_parameters"));
        oracle.copy_with(&older, dir.path());
        let model = oracle.load().unwrap();
        let read = load(dir.path(), &ops::test_device());
        let read = read.unwrap_or_else(|error| panic!("{name} in its older spelling: {error}"));
        assert_eq!(read.shape, model.shape, "{name}");
        let ids = oracle.ids();
        let [found, expected] = [&read, &model].map(|model| {
            let head = model.language_head.as_ref();
            compute(&model.backbone, head, &ids, &Arrangement::plain(ids.len()))
        });
        assert_eq!(found.hidden, expected.hidden, "{name}");
        assert_eq!(found.logits, expected.logits, "{name}");
    }
    assert!(rotated > 10, "{rotated} configurations with a rotation");
}

/// The same configuration as transformers 4 wrote it.
fn older(config: &Map<String, Value>) -> Map<String, Value> {
    let mut older = config.clone();
    let model_type = config["model_type"].as_str().unwrap();
    older.insert("transformers_version".into(), json!("4.48.0"));
    if let Some(format) = older.remove("dtype") {
        older.insert("torch_dtype".into(), format);
    }
    match older.remove("rope_parameters") {
        Some(Value::Object(rotations)) if rotations.contains_key("full_attention") => {
            older.extend(older_by_kind(model_type, &rotations));
        }
        Some(Value::Object(rotation)) => older.extend(older_rotation(model_type, rotation)),
        _ => {}
    }
    if let Some(Value::Array(kinds)) = older.get("layer_types").cloned() {
        // What the kinds follow from was written, and not the kinds.
        let every = kinds.iter().position(|kind| kind == "full_attention");
        if model_type.starts_with("modernbert") {
            let full = kinds
                .iter()
                .skip(1)
                .position(|kind| kind == "full_attention");
            let every = full.map_or(kinds.len(), |between| between + 1);
            older.insert("global_attn_every_n_layers".into(), json!(every));
            older.remove("layer_types");
        } else if model_type == "gemma3_text" {
            let every = every.map_or(kinds.len(), |before| before + 1);
            older.insert("sliding_window_pattern".into(), json!(every));
            older.remove("_sliding_window_pattern");
            older.remove("layer_types");
        } else {
            older.remove("layer_types");
        }
    }
    if let Some(Value::Array(terms)) = older.get("pos_att_type").cloned() {
        let terms: Vec<&str> = terms.iter().filter_map(Value::as_str).collect();
        older.insert("pos_att_type".into(), json!(terms.join("|")));
    }
    older
}

/// One rotation for each kind of layer.
fn older_by_kind(model_type: &str, rotations: &Map<String, Value>) -> Vec<(String, Value)> {
    let names = if model_type == "gemma3_text" {
        ["rope_theta", "rope_local_base_freq"]
    } else {
        ["global_rope_theta", "local_rope_theta"]
    };
    let kinds = ["full_attention", "sliding_attention"]
        .into_iter()
        .zip(names);
    kinds
        .map(|(kind, name)| {
            assert_eq!(rotations[kind]["rope_type"], "default");
            (name.to_owned(), rotations[kind]["rope_theta"].clone())
        })
        .collect()
}

fn older_rotation(model_type: &str, mut rotation: Map<String, Value>) -> Vec<(String, Value)> {
    let names = if model_type == "gpt_neox" {
        ["rotary_emb_base", "rotary_pct"]
    } else {
        ["rope_theta", "partial_rotary_factor"]
    };
    let keys = ["rope_theta", "partial_rotary_factor"]
        .into_iter()
        .zip(names);
    let mut fields: Vec<(String, Value)> = keys
        .filter_map(|(key, name)| Some((name.to_owned(), rotation.remove(key)?)))
        .collect();
    let scaling = match rotation.remove("rope_type") {
        Some(kind) if kind != "default" => {
            rotation.insert("type".into(), kind);
            // Beside the object in Phi-3's files, where it wins.
            rotation.remove("original_max_position_embeddings");
            Value::Object(rotation)
        }
        _ => Value::Null,
    };
    fields.push(("rope_scaling".to_owned(), scaling));
    fields
}
