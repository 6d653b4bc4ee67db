//! Tiny models of every family, as `transformers` writes them: every tensor has its place, and what `transformers` computes otherwise from
//! a changed config.json is described otherwise here, or refused. Made by `scripts/reference_config_fields.py`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::super::heads;
use crate::config::Config;
use crate::shape::{ClassifierSettings, Rotation, ScoreBias, Shape};

/// The records of models that the script made.
fn records() -> Vec<(String, Value)> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/config_fields.json");
    let text = std::fs::read_to_string(file).unwrap();
    let fixture: Value = serde_json::from_str(&text).unwrap();
    let all = fixture["architectures"].as_object().unwrap().clone();
    let made = all
        .into_iter()
        .filter(|(_, record)| record["config"].is_object());
    made.collect()
}

fn parsed(record: &Value, changes: &Value) -> Config {
    let mut fields: Map<String, Value> = record["config"].as_object().unwrap().clone();
    fields.extend(changes.as_object().unwrap().clone());
    Config::from_fields(PathBuf::from("config.json"), fields)
}

#[test]
fn every_tensor_of_every_family_has_its_place() {
    let records = records();
    for (model_type, record) in &records {
        let shape = parsed(record, &serde_json::json!({})).shape().unwrap();
        let words = super::words(shape.architecture);
        let mut prefixes = super::prefixes(shape.architecture).iter();
        let is_there = |prefix: &&&str| !record["tensors"][format!("{prefix}{words}")].is_null();
        let prefix = prefixes.find(is_there).unwrap();
        let backbone = super::backbone(&shape).map(|name| {
            let dims = name.stored_dims();
            (format!("{prefix}{}", name.tensor), dims)
        });
        let head = heads::head_names(&shape, shape.tied_embeddings).into_iter();
        let mut places: Vec<(String, Vec<usize>)> = backbone
            .chain(head.map(|name| (name.tensor.clone(), name.stored_dims())))
            .collect();
        places.sort();
        places.dedup(); // Maps side by side in one tensor.
        let tensors = record["tensors"].as_object().unwrap().iter();
        let dims = |dims: &Value| {
            let sizes = dims.as_array().unwrap().iter();
            sizes.map(|size| size.as_u64().unwrap() as usize).collect()
        };
        let mut stored: Vec<(String, Vec<usize>)> = tensors
            .map(|(name, sizes)| (name.clone(), dims(sizes)))
            .collect();
        stored.sort();
        assert_eq!(places, stored, "{model_type}");
    }
    assert!(records.len() > 18, "{}", records.len());
}

/// Each stored number goes to one place: maps of one tensor divide its rows, columns or heads among them.
#[test]
fn maps_of_one_tensor_cover_it_once() {
    for (model_type, record) in &records() {
        let shape = parsed(record, &serde_json::json!({})).shape().unwrap();
        let mut covered: std::collections::BTreeMap<String, Vec<usize>> = Default::default();
        for name in super::backbone(&shape) {
            let total: usize = name.stored_dims().iter().product();
            let own: usize = name.dims.iter().product();
            let counts = covered.entry(name.tensor).or_insert_with(|| vec![total]);
            counts.push(own);
        }
        for (tensor, counts) in covered {
            assert_eq!(
                counts[1..].iter().sum::<usize>(),
                counts[0],
                "{model_type}: {tensor}"
            );
        }
    }
}

/// What decides the hidden states.
fn computing(shape: &Shape) -> Shape {
    Shape {
        max_length: 0,
        initializer_range: 0.0,
        pad_id: None,
        tied_embeddings: true,
        logit_cap: None,
        attention_dropout: 0.0,
        hidden_dropout: 0.0,
        classifier: ClassifierSettings::default(),
        ..shape.clone()
    }
}

/// What decides them for texts of 15 tokens, which do not show how far distances are told apart.
fn near(shape: &Shape) -> Shape {
    let mut near = computing(shape);
    if let ScoreBias::Disentangled { farthest, .. } = &mut near.score_bias {
        *farthest = 0;
    }
    near
}

/// Whether the tensors of the record are those of this shape; else it is refused when they are read.
fn fits(shape: &Shape, record: &Value) -> bool {
    let tensors = record["tensors"].as_object().unwrap();
    let dims = |name: &str| {
        let dims = tensors.get(name)?.as_array()?.iter();
        dims.map(|size| size.as_u64().map(|size| size as usize))
            .collect::<Option<Vec<usize>>>()
    };
    let prefixes = super::prefixes(shape.architecture);
    prefixes.iter().any(|prefix| {
        let mut names = std::collections::BTreeSet::new();
        let fit = super::backbone(shape).all(|name| {
            let tensor = format!("{prefix}{}", name.tensor);
            let fits = dims(&tensor).is_some_and(|dims| dims == name.stored_dims());
            names.insert(tensor);
            fits
        });
        let inside = tensors.keys().filter(|name| {
            let inner = name.strip_prefix(prefix);
            inner.is_some_and(|inner| heads::is_inside_backbone(shape.architecture, inner))
        });
        fit && inside.count() == names.len()
    })
}

#[test]
fn a_changed_field_changes_the_shape_where_it_changes_what_transformers_computes() {
    let (mut same, mut other, mut refused) = (0, 0, 0);
    let mut wrong = Vec::new();
    for (model_type, record) in &records() {
        let plain = parsed(record, &serde_json::json!({})).shape().unwrap();
        if !fits(&plain, record) {
            wrong.push(format!("{model_type} has other tensors"));
            continue;
        }
        for mutation in record["mutations"].as_array().unwrap() {
            let (changes, effect) = (&mutation[0], mutation[1].as_str().unwrap());
            let what = format!("{model_type} with {changes}: {effect}");
            let config = parsed(record, changes);
            let shape = match config.shape() {
                Ok(shape) if fits(&shape, record) => shape,
                _ => {
                    refused += 1;
                    continue;
                }
            };
            let is_same = computing(&shape) == computing(&plain);
            match effect {
                "states" if is_same && !changes_format(changes) => wrong.push(what.clone()),
                "nothing" | "training" | "dtype" if near(&shape) != near(&plain) => {
                    wrong.push(what.clone());
                }
                _ => {}
            }
            same += usize::from(is_same);
            other += usize::from(!is_same);
            if effect == "training" {
                wrong.extend(unsaid_dropout(&config, [&shape, &plain], changes, &what));
            }
            if let Some(angles) = mutation.get(3).filter(|angles| !angles.is_null()) {
                for (at, kind) in ["full_attention", "sliding_attention"]
                    .into_iter()
                    .enumerate()
                {
                    let rotation = shape.rotations.get(at);
                    wrong.extend(other_angles(rotation, &angles[kind], &what));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(
        same > 500 && other > 150 && refused > 500,
        "{same} {other} {refused}"
    );
}

/// Whether only the format of the numbers changes, which alters some states of tiny models more than the script allows for.
fn changes_format(changes: &Value) -> bool {
    let mut keys = changes.as_object().unwrap().keys();
    keys.any(|key| key == "dtype" || key == "torch_dtype")
}

/// What is dropped in training and is neither a rate here nor noted.
fn unsaid_dropout(
    config: &Config,
    shapes: [&Shape; 2],
    changes: &Value,
    what: &str,
) -> Option<String> {
    let key = changes.as_object().unwrap().keys().next().unwrap();
    let rates = shapes.map(|shape| [shape.hidden_dropout, shape.attention_dropout]);
    let notes = config.notes(shapes[0], None).unwrap().join("\n");
    // These two change only which random numbers are drawn.
    let is_exempt = ["attn_implementation", "chunk_size_feed_forward"].contains(&key.as_str());
    let is_said = rates[0] != rates[1] || notes.contains(key);
    (!is_exempt && !is_said).then(|| format!("{what}: unsaid"))
}

/// What differs from the angles with which `transformers` turned 15 tokens.
fn other_angles(rotation: Option<&Rotation>, expected: &Value, what: &str) -> Option<String> {
    let expected = expected.as_array()?; // Else one rotation serves all, or no layer is of this kind.
    let rotation = rotation?;
    let found = match &rotation.long {
        Some(long) if long.beyond < 15 => &long.inverse_frequencies,
        _ => &rotation.inverse_frequencies,
    };
    let angles = expected[0].as_array()?;
    let close = |found: f64, expected: &Value| {
        let expected = expected.as_f64().unwrap();
        (found / expected - 1.0).abs() < 5e-6
    };
    let mut pairs = found.iter().zip(angles);
    let all = found.len() == angles.len() && pairs.all(|(found, angle)| close(*found, angle));
    let same = all && close(rotation.factor, &expected[1]);
    (!same).then(|| format!("{what}: {rotation:?}, expected {expected:?}"))
}
