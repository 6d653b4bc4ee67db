//! Each field of config.json changed alone: what is loaded computes what `transformers` computes from the same file, or is refused.
//! The fixture is made by `scripts/reference_config_fields.py`.

use serde_json::Value;
use transformer::{Pass, Side, load_backbone};

use crate::fixtures::*;

/// A dozen values of the states where the mask is 1, as the fixture has them.
fn sample(states: &[f32]) -> Vec<f32> {
    let last = (states.len() - 1) as f32;
    let at = (0..12).map(|place| {
        // As torch.linspace: from both ends to the middle, in single precision.
        let step = last / 11.0;
        if place < 6 {
            (step * place as f32) as usize
        } else {
            (last - step * (11 - place) as f32) as usize
        }
    });
    at.map(|at| states[at]).collect()
}

fn floats_of(value: &Value) -> Vec<f32> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap() as f32).collect()
}

/// Loaded with these fields: states, dropout rates and warnings, or what is said.
fn load_with(
    test: &str,
    family: &str,
    changes: &Value,
) -> Result<(Vec<f32>, [f64; 2], String), String> {
    let plain = pretrained(family); // For its tokenizer.
    let dir = copy_of(family, &format!("config-fields-{test}"));
    set_config(&dir, changes.clone());
    let model = load_backbone(&dir, &device()).map_err(|error| error.to_string())?;
    let rates = [model.shape.hidden_dropout, model.shape.attention_dropout];
    let batch = batch(&plain, &texts(family), Side::Right);
    let states = model.backbone.forward(&batch, &Pass::plain()).x;
    let states = real_rows(states, batch.mask);
    Ok((sample(&states), rates, model.warnings.join("\n")))
}

#[test]
fn a_changed_field_gives_what_transformers_gives_or_is_refused() {
    const TEST: &str = "changed";
    let text = std::fs::read_to_string(fixture("config_fields.json")).unwrap();
    let fixture: Value = serde_json::from_str(&text).unwrap();
    let mut loaded = 0;
    for family in FAMILIES {
        let reference = &fixture["architectures"][family];
        let (plain, rates, warnings) = load_with(TEST, family, &serde_json::json!({})).unwrap();
        assert_eq!(warnings, "");
        assert_close(&plain, &floats_of(&reference["states"]), 1e-4, family);
        for mutation in reference["mutations"].as_array().unwrap() {
            let (changes, effect) = (&mutation[0], mutation[1].as_str().unwrap());
            let what = format!("{family} with {changes}");
            let key = changes.as_object().unwrap().keys().next().unwrap();
            let (found, found_rates, warnings) = match load_with(TEST, family, changes) {
                Ok(found) => found,
                Err(said) => {
                    let within = changes[key].as_object().into_iter().flatten();
                    let mut keys = within
                        .map(|(key, _)| key.as_str())
                        .chain([key.as_str(), "tensor"]);
                    let named = keys.any(|key| said.contains(key));
                    let second = [
                        "hidden_size",
                        "num_attention_heads",
                        "num_hidden_layers",
                        "max_position_embeddings",
                    ];
                    assert!(named || second.contains(&key.as_str()), "{what}: {said}");
                    continue;
                }
            };
            loaded += 1;
            let expected = match effect {
                "states" => floats_of(&mutation[2]),
                _ => plain.clone(),
            };
            if effect != "error" {
                assert_close(&found, &expected, 1e-4, &what);
            }
            match effect {
                // Only which random numbers are drawn.
                "training"
                    if ["attn_implementation", "chunk_size_feed_forward"]
                        .contains(&key.as_str()) => {}
                "training" => assert!(
                    found_rates != rates || warnings.contains(key.as_str()),
                    "{what}"
                ),
                "dtype" => assert!(
                    warnings.contains("float32; transformers would"),
                    "{what}: {warnings}"
                ),
                _ => {}
            }
        }
    }
    assert!(loaded > 250, "{loaded}");
}

#[test]
fn what_transformers_ignores_is_not_refused() {
    const TEST: &str = "ignored";
    for (family, changes) in [
        (
            "bert",
            serde_json::json!({"is_causal": false, "classifier_dropout": 0.3, "use_cache": false}),
        ),
        (
            "distilbert",
            serde_json::json!({"is_decoder": true, "sinusoidal_pos_embds": true}),
        ),
        (
            "gpt2",
            serde_json::json!({"is_causal": true, "n_ctx": 64, "task_specific_params": {"a": 1}}),
        ),
        (
            "llama",
            serde_json::json!({"pretraining_tp": 4, "layer_types": ["full_attention", "full_attention"]}),
        ),
    ] {
        let changed = load_with(TEST, family, &changes).unwrap();
        assert_eq!(
            changed,
            load_with(TEST, family, &serde_json::json!({})).unwrap(),
            "{family}"
        );
    }
}
