//! The lists are complete, and both dialects say the same.

use std::path::{Path, PathBuf};

use super::*;
use crate::shape::Shape;
use serde_json::Map;

/// Fields that the tokenizer reads, or the report of a model.
const READ_ELSEWHERE: [&str; 3] = ["bos_token_id", "eos_token_id", "model_type"];

/// Names, heads of tasks, what is given back beside the hidden states, memory and speed.
const WITHOUT_EFFECT: [&str; 28] = [
    "_name_or_path",
    "architectures",
    "attention_chunk_size", // Of layers that are not "full_attention", as the next two.
    "kv_sharing_modes",
    "sliding_window",
    "chunk_size_feed_forward",
    "classifier_dropout",
    "cls_token_id",
    "gradient_checkpointing",
    "id2label",
    "is_encoder_decoder",
    "label2id",
    "mask_token_id",
    "mlp_layer_types",
    "mtp_layer_types",
    "num_heads", // Of no family that is read.
    "num_labels",
    "output_attentions",
    "output_cross_attentions",
    "output_hidden_states",
    "problem_type",
    "return_dict",
    "sep_token_id",
    "transformers_version",
    "use_cache",
    "vision_aspect_ratio",
    "vision_feature_layer",
    "vision_feature_select_strategy",
];

const OF_MODERNBERT: [&str; 7] = [
    "deterministic_flash_attn",
    "initializer_cutoff_factor",
    "is_decoder",
    "reference_compile",
    "rope_theta", // It has two bases, of other names.
    "sparse_pred_ignore_index",
    "sparse_prediction",
];

fn without_effect(architecture: Architecture) -> &'static [&'static str] {
    match architecture {
        Architecture::Bert | Architecture::Roberta => &["head_dim", "rope_parameters"],
        Architecture::DistilBert => &[
            "head_dim",
            "qa_dropout",
            "rope_parameters",
            "seq_classif_dropout",
            "sinusoidal_pos_embds", // The file has the table.
        ],
        Architecture::Electra => &[
            "head_dim",
            "rope_parameters",
            "summary_activation",
            "summary_last_dropout",
            "summary_type",
            "summary_use_proj",
        ],
        Architecture::Albert => &["classifier_dropout_prob", "head_dim", "rope_parameters"],
        Architecture::Mpnet => &["head_dim", "rope_parameters"],
        Architecture::DebertaV2 => &["head_dim", "legacy", "pooler_dropout", "rope_parameters"],
        Architecture::ModernBert | Architecture::ModernBertDecoder => &OF_MODERNBERT,
        Architecture::Gpt2 => &[
            "head_dim",
            "reorder_and_upcast_attn",
            "rope_parameters",
            "summary_activation",
            "summary_first_dropout",
            "summary_proj_to_labels",
            "summary_type",
            "summary_use_proj",
        ],
        Architecture::Opt => &["head_dim", "intermediate_size", "rope_parameters"],
        Architecture::GptNeoX => &["is_decoder", "rope_theta", "partial_rotary_factor"],
        Architecture::Phi3 => &["embd_pdrop"],
        Architecture::Gemma3 => &["_sliding_window_pattern"],
        Architecture::Llama | Architecture::EuroBert => &["pretraining_tp"],
        _ => &[],
    }
}

/// What `transformers` says of each family; made by `scripts/reference_config_fields.py`.
fn fixture() -> Map<String, Value> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/config_fields.json");
    let text = std::fs::read_to_string(file).unwrap();
    let fixture: Value = serde_json::from_str(&text).unwrap();
    fixture["architectures"].as_object().unwrap().clone()
}

/// The config.json that a record of the fixture is about.
fn config_of(model_type: &str, record: &Value) -> Map<String, Value> {
    if let Some(config) = record["config"].as_object() {
        return config.clone();
    }
    let oracles = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/oracle");
    let text = std::fs::read_to_string(oracles.join(model_type).join("config.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn parsed(fields: &Map<String, Value>) -> Config {
    Config::from_fields(PathBuf::from("config.json"), fields.clone())
}

#[test]
fn every_field_that_transformers_looks_up_is_read_or_refused_or_without_effect() {
    let fixture = fixture();
    let mut unlisted = Vec::new();
    for (model_type, record) in &fixture {
        let config = parsed(&config_of(model_type, record));
        let architecture = config.architecture().unwrap();
        let shape = config.shape().unwrap();
        config.notes(&shape, None).unwrap();
        let asked = config.asked.borrow().clone();
        let read = without_effect(architecture).iter();
        unlisted.extend(
            read.filter(|name| asked.contains(**name))
                .map(|name| format!("{model_type}: {name} is read")),
        );
        let defaults = record["defaults"].as_object().unwrap().keys();
        let looked_up = record["looked_up"].as_array().unwrap().iter();
        let looked_up = looked_up.map(|name| name.as_str().unwrap());
        let mut count = 0;
        for name in defaults.map(String::as_str).chain(looked_up) {
            let lists = [
                &READ_ELSEWHERE,
                &WITHOUT_EFFECT[..],
                without_effect(architecture),
            ];
            let is_listed = lists.iter().any(|list| list.contains(&name));
            let (seconds, _) = second_names(architecture);
            let is_second = seconds.iter().any(|(second, _)| *second == name);
            let is_refused = restricted(architecture).any(|only| only.key == name);
            let is_read = asked.contains(name);
            if !(is_read || is_refused || is_second || is_listed) {
                unlisted.push(format!("{model_type}: {name}"));
            }
            count += 1;
        }
        assert!(count > 60, "{model_type}: {count}");
    }
    assert_eq!(unlisted, Vec::<String>::new());
    let all: Vec<&str> = fixture.keys().map(String::as_str).collect();
    for (name, architecture) in crate::config::FAMILIES {
        let same = |other: &str| crate::config::FAMILIES.contains(&(other, architecture));
        assert!(all.iter().any(|other| same(other)), "{name} has no record");
    }
}

/// The same in the words of `transformers` 4.
fn older(model_type: &str, fields: &Map<String, Value>, plain: &Shape) -> Map<String, Value> {
    let mut older = fields.clone();
    let rotation = older.remove("rope_parameters");
    let by_kind = |kind: &str| {
        rotation
            .as_ref()
            .map(|rotation| rotation[kind]["rope_theta"].clone())
    };
    match model_type {
        "modernbert" | "modernbert-decoder" => {
            older.insert(
                "global_rope_theta".into(),
                by_kind("full_attention").unwrap(),
            );
            older.insert(
                "local_rope_theta".into(),
                by_kind("sliding_attention").unwrap(),
            );
            older.insert("global_attn_every_n_layers".into(), 3.into());
            older.remove("sliding_window");
            older.remove("layer_types");
        }
        "gemma3_text" => {
            older.insert("rope_theta".into(), by_kind("full_attention").unwrap());
            older.insert(
                "rope_local_base_freq".into(),
                by_kind("sliding_attention").unwrap(),
            );
            older.insert("sliding_window_pattern".into(), 3.into());
            older.remove("layer_types");
        }
        _ => {
            older.remove("layer_types");
            let Some(rotation) = rotation else {
                return older;
            };
            let mut rotation = rotation.as_object().unwrap().clone();
            let (theta, part) = match plain.architecture {
                Architecture::GptNeoX => ("rotary_emb_base", "rotary_pct"),
                _ => ("rope_theta", "partial_rotary_factor"),
            };
            older.extend(
                rotation
                    .remove("rope_theta")
                    .map(|value| (theta.into(), value)),
            );
            let value = rotation.remove("partial_rotary_factor");
            older.extend(value.map(|value| (part.into(), value)));
            let kind = rotation
                .remove("rope_type")
                .filter(|kind| kind != "default");
            if let Some(kind) = kind {
                rotation.insert("type".to_owned(), kind);
                rotation.remove("original_max_position_embeddings");
                older.insert("rope_scaling".to_owned(), rotation.into());
            }
        }
    }
    older
}

#[test]
fn both_dialects_describe_the_same_model() {
    for (model_type, record) in &fixture() {
        let fields = config_of(model_type, record);
        let plain = parsed(&fields).shape().unwrap();
        let older = older(model_type, &fields, &plain);
        assert!(!older.contains_key("rope_parameters") && !older.contains_key("layer_types"));
        assert_eq!(
            parsed(&older).shape().unwrap(),
            plain,
            "{model_type}: {older:?}"
        );
    }
}

/// What follows from other fields where the file does not say.
const DERIVED: [&str; 5] = [
    "head_dim",
    "layer_types",
    "no_rope_layers",
    "num_key_value_heads",
    "sliding_window",
];

#[test]
fn a_field_that_is_left_out_has_the_default_of_transformers() {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (model_type, record) in &fixture() {
        let fields = config_of(model_type, record);
        for (key, default) in record["defaults"].as_object().unwrap() {
            let mut without = fields.clone();
            let had = without.remove(key).is_some();
            let mut with = fields.clone();
            with.insert(key.clone(), default.clone());
            let shapes = (parsed(&without).shape(), parsed(&with).shape());
            if !had || DERIVED.contains(&key.as_str()) {
                continue;
            }
            // Sizes must be said.
            if let (Ok(without), Ok(with)) = shapes {
                compared += 1;
                // Padding is hidden whatever its id, and a file that names none has none here.
                let padded = |shape: Shape| Shape {
                    pad_id: None,
                    ..shape
                };
                if padded(without) != padded(with) {
                    wrong.push(format!("{model_type}: {key}"));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(compared > 400, "{compared}");
}
