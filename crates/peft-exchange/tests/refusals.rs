//! What is not supported is refused by name: the fixtures' checkpoints, each with one thing changed.
#![allow(missing_docs)]

use adapt::Predictor;
use burn::tensor::Device;
use peft_exchange::{CONFIG_FILE, PeftPredictor, TENSORS_FILE, read};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use task::Example;
use transformer::{Pretrained, load};

type Stored = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    root.join(name)
}

fn base(family: &str) -> Pretrained {
    load(&fixture("oracle").join(family), &Device::flex()).unwrap()
}

fn stored(case: &str) -> (Value, Stored) {
    let config = std::fs::read(fixture(case).join(CONFIG_FILE)).unwrap();
    let bytes = std::fs::read(fixture(case).join(TENSORS_FILE)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = file.tensors().into_iter().map(|(name, view)| {
        let kept = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
        (name, kept)
    });
    (serde_json::from_slice(&config).unwrap(), tensors.collect())
}

fn read_changed(
    case: &str,
    base: &Pretrained,
    change: impl FnOnce(&mut Value, &mut Stored),
) -> Result<PeftPredictor, String> {
    let (mut config, mut tensors) = stored(case);
    change(&mut config, &mut tensors);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(CONFIG_FILE), config.to_string()).unwrap();
    let views = tensors.iter().map(|(name, (kind, shape, bytes))| {
        let view = TensorView::new(*kind, shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    let bytes = safetensors::serialize(views, None).unwrap();
    std::fs::write(dir.path().join(TENSORS_FILE), bytes).unwrap();
    read(dir.path(), base).map_err(|error| error.to_string())
}

fn refused(message: Result<PeftPredictor, String>, words: &[&str]) {
    let message = message.err().expect("a refusal");
    for word in words {
        assert!(message.contains(word), "no \"{word}\" in: {message}");
    }
}

#[test]
fn a_setting_that_changes_the_mathematics_is_refused_by_name() {
    let bert = base("bert");
    let cases = [
        ("peft_type", json!("LOHA"), "LN_TUNING"),
        ("peft_type", json!(null), "LORA"),
        ("task_type", json!("CAUSAL_LM"), "SEQ_CLS"),
        ("bias", json!("all"), "lora_only"),
        ("use_qalora", json!(true), "merge_and_unload"),
        ("layer_replication", json!([[0, 2]]), "merge_and_unload"),
        ("trainable_token_indices", json!([3]), "merge_and_unload"),
        ("invented_in_2030", json!(0.5), "absence"),
        ("init_lora_weights", json!("pissa_niter_4"), "gaussian"),
        ("target_modules", json!("(?!x).*query"), "look-around"),
        ("rank_pattern", json!({"query": "big"}), "numbers"),
        ("r", json!(0), "whole number"),
        ("lora_alpha", json!(null), "a number"),
    ];
    for (key, value, word) in cases {
        let read = read_changed("oracle/bert/adapters/lora-qv", &bert, |config, _| {
            config[key] = value;
        });
        refused(read, &[key, word]);
    }
    let dora_with_bias = read_changed("oracle/bert/adapters/dora", &bert, |config, _| {
        config["lora_bias"] = json!(true);
    });
    refused(dora_with_bias, &["lora_bias", "use_dora"]);
}

#[test]
fn a_tensor_that_is_missing_does_not_fit_or_has_no_place_is_refused_by_name() {
    let bert = base("bert");
    let lora = "oracle/bert/adapters/lora-qv";
    let key = "base_model.model.bert.encoder.layer.1.attention.self.query.lora_B.weight";
    let without = read_changed(lora, &bert, |_, tensors| {
        tensors.remove(key);
    });
    refused(without, &[key, "missing"]);
    let head = "base_model.model.classifier.weight";
    let headless = read_changed(lora, &bert, |_, tensors| {
        tensors.remove(head);
    });
    refused(headless, &[head, "no classification head", "SEQ_CLS"]);
    let extra = read_changed(lora, &bert, |_, tensors| {
        let copy = tensors[key].clone();
        tensors.insert("base_model.model.bert.embeddings.extra".to_owned(), copy);
    });
    refused(extra, &["1 tensors", "bert.embeddings.extra", "LORA"]);
    let other_rank = read_changed(lora, &bert, |config, _| config["r"] = json!(5));
    refused(
        other_rank,
        &["lora_A.weight", "[4, 48]", "[5, 48]", "rank 5"],
    );
    let fewer_targets = read_changed(lora, &bert, |config, _| {
        config["target_modules"] = json!(["query"]);
    });
    refused(fewer_targets, &["no place", "value.lora_A.weight"]);
    let more_targets = read_changed(lora, &bert, |config, _| {
        config["target_modules"] = json!(["query", "value", "key"]);
    });
    refused(more_targets, &["key.lora_A.weight", "missing"]);
    let dora_forgotten = read_changed("oracle/bert/adapters/dora", &bert, |config, _| {
        config["use_dora"] = json!(false);
    });
    refused(dora_forgotten, &["no place", "lora_magnitude_vector"]);
    let magnitude_missing = read_changed(lora, &bert, |config, _| {
        config["use_dora"] = json!(true);
    });
    refused(magnitude_missing, &["lora_magnitude_vector", "use_dora"]);
    let other_kind = read_changed("oracle/bert/adapters/ia3", &bert, |config, _| {
        config["feedforward_modules"] = json!([]);
    });
    refused(other_kind, &["ia3_l", "[48, 1]", "feedforward_modules"]);
    let unsaved = read_changed("peft/bert/vera", &bert, |_, tensors| {
        tensors.remove("base_model.vera_A");
    });
    refused(unsaved, &["vera_A", "save_projection=True"]);
    let fewer_tokens = read_changed("oracle/bert/adapters/prefix", &bert, |config, _| {
        config["num_virtual_tokens"] = json!(4);
    });
    refused(fewer_tokens, &["prompt_embeddings", "[5, 288]", "[4, 288]"]);
    let own_bias = "base_model.model.bert.encoder.layer.2.attention.self.value.base_layer.bias";
    let bias_missing = read_changed("peft/bert/lora-biases", &bert, |_, tensors| {
        tensors.remove(own_bias);
    });
    refused(bias_missing, &[own_bias, "lora_only"]);
    let whole_numbers = read_changed(lora, &bert, |_, tensors| {
        tensors.get_mut(key).unwrap().0 = Dtype::I32;
    });
    refused(whole_numbers, &[key, "I32", "BF16"]);
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let gpt2 = base("gpt2");
    let other = read_changed("oracle/llama/adapters/lora-qv", &gpt2, |config, _| {
        config["target_modules"] = json!([]);
    });
    refused(other, &["no place in gpt2", "q_proj"]);
    let headless = Pretrained {
        pooler: None,
        ..base("bert")
    };
    let other = read_changed("oracle/bert/adapters/lora-qv", &headless, |_, _| ());
    refused(other, &["pooler.dense"]);
}

#[test]
fn a_missing_file_is_named_with_what_stands_there_instead() {
    let bert = base("bert");
    let dir = tempfile::tempdir().unwrap();
    let error = read(dir.path(), &bert).err().unwrap().to_string();
    assert!(error.contains(CONFIG_FILE), "{error}");
    let config = fixture("oracle/bert/adapters/lora-qv").join(CONFIG_FILE);
    std::fs::copy(config, dir.path().join(CONFIG_FILE)).unwrap();
    std::fs::write(dir.path().join("adapter_model.bin"), b"").unwrap();
    let error = read(dir.path(), &bert).err().unwrap().to_string();
    assert!(error.contains(TENSORS_FILE), "{error}");
    assert!(error.contains("adapter_model.bin is there"), "{error}");
    std::fs::write(dir.path().join(TENSORS_FILE), b"nonsense").unwrap();
    let error = read(dir.path(), &bert).err().unwrap().to_string();
    assert!(error.contains("is broken"), "{error}");
}

#[test]
fn numbers_of_half_and_double_width_are_read() {
    let bert = base("bert");
    let lora = "oracle/bert/adapters/lora-qv";
    let logits = |change: fn(f32) -> (Dtype, Vec<u8>)| {
        let read = read_changed(lora, &bert, |_, tensors| {
            for (kind, _, bytes) in tensors.values_mut() {
                let values = bytes.chunks_exact(4);
                let values = values.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                let changed: Vec<(Dtype, Vec<u8>)> = values.map(change).collect();
                *kind = changed[0].0;
                *bytes = changed.into_iter().flat_map(|(_, bytes)| bytes).collect();
            }
        });
        let example = Example {
            row: 0,
            text: "a gripping film".to_owned(),
            second: None,
            label: 0,
        };
        let all = read.unwrap().class_logits(&[example]).unwrap();
        all.concat()
    };
    let single = logits(|value| (Dtype::F32, value.to_le_bytes().to_vec()));
    let double = logits(|value| (Dtype::F64, f64::from(value).to_le_bytes().to_vec()));
    let brain = logits(|value| (Dtype::BF16, value.to_le_bytes()[2..].to_vec()));
    assert_eq!(single, double);
    assert_ne!(single, brain);
    let pairs = single.iter().zip(&brain);
    assert!(
        pairs.into_iter().all(|(a, b)| (a - b).abs() < 0.05),
        "{single:?} {brain:?}"
    );
}
