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

#[test]
fn a_tensor_with_a_value_that_is_no_number_is_refused_by_name_and_file() {
    let bert = base("bert");
    let lora = "oracle/bert/adapters/lora-qv";
    let key = "base_model.model.bert.encoder.layer.1.attention.self.query.lora_B.weight";
    for (name, kind, wrong) in [
        (key, Dtype::F32, f32::NAN.to_le_bytes().to_vec()),
        (key, Dtype::F32, f32::INFINITY.to_le_bytes().to_vec()),
        (
            "base_model.model.classifier.bias",
            Dtype::F32,
            f32::NAN.to_le_bytes().to_vec(),
        ),
        // Finite in f64, too large for f32.
        (
            "base_model.model.classifier.bias",
            Dtype::F64,
            1e300f64.to_le_bytes().to_vec(),
        ),
    ] {
        let read = read_changed(lora, &bert, |_, tensors| {
            let tensor = tensors.get_mut(name).unwrap();
            let values = tensor.1.iter().product();
            tensor.0 = kind;
            tensor.2 = wrong.repeat(values);
        });
        refused(read, &[name, TENSORS_FILE, "expected finite numbers"]);
    }
}

#[test]
fn a_scale_that_overflows_is_refused_and_a_negative_one_is_read_as_peft_reads_it() {
    let bert = base("bert");
    let lora = "oracle/bert/adapters/lora-qv";
    let with_alpha = |alpha: f64| {
        read_changed(lora, &bert, |config, _| {
            config["lora_alpha"] = json!(alpha);
        })
    };
    for huge in [1e300, -1e300, 1e40] {
        refused(
            with_alpha(huge),
            &["attention.self.query", "lora_alpha", "overflow"],
        );
    }
    assert!(with_alpha(-3.0).is_ok());
    assert!(with_alpha(0.0).is_ok());
    let by_pattern = read_changed(lora, &bert, |config, _| {
        config["alpha_pattern"] = json!({"1.attention.self.query": 1e300});
    });
    refused(by_pattern, &["layer.1.attention.self.query", "overflow"]);
}

#[test]
fn sizes_and_patterns_that_peft_refuses_are_refused_by_name() {
    let bert = base("bert");
    let cases = [
        ("r", json!(u64::MAX)),
        ("r", json!(-4)),
        ("r", json!(4.5)),
        ("rank_pattern", json!({"query": 0})),
        ("rank_pattern", json!({"query": 4.5})),
        ("rank_pattern", json!({"query": 1e300})),
        ("layers_pattern", json!("layer")),
    ];
    for (key, value) in cases {
        let read = read_changed("oracle/bert/adapters/lora-qv", &bert, |config, _| {
            config[key] = value;
        });
        refused(read, &[key, CONFIG_FILE]);
    }
    for pattern in ["(zz)?layer", "(layer)", "(?P<a>layer)"] {
        let read = read_changed("oracle/bert/adapters/lora-qv", &bert, |config, _| {
            config["layers_to_transform"] = json!([0, 1, 2]);
            config["layers_pattern"] = json!(pattern);
        });
        refused(read, &["layers_pattern", "without groups"]);
    }
    let without = read_changed("oracle/bert/adapters/lora-qv", &bert, |config, _| {
        config["layers_to_transform"] = json!([0, 1, 2]);
        config["layers_pattern"] = json!("(?:zz)?layer");
    });
    assert!(without.is_ok(), "{:?}", without.err());
    let no_class = read_changed("oracle/bert/adapters/lora-qv", &bert, |_, tensors| {
        let head = tensors
            .get_mut("base_model.model.classifier.weight")
            .unwrap();
        head.1[0] = 0;
        head.2.clear();
    });
    refused(no_class, &["classifier.weight"]);
}

#[test]
fn a_field_that_the_kind_does_not_have_is_refused_unless_it_is_off() {
    let bert = base("bert");
    for (case, key, value) in [
        (
            "oracle/bert/adapters/ia3",
            "layers_to_transform",
            json!([0]),
        ),
        ("oracle/bert/adapters/ia3", "use_dora", json!(true)),
        ("peft/bert/vera", "exclude_modules", json!(["query"])),
        ("peft/bert/layer-norm", "layers_to_transform", json!([0])),
        (
            "oracle/bert/adapters/prefix",
            "target_modules",
            json!(["query"]),
        ),
    ] {
        let changed = |value: Value| read_changed(case, &bert, |config, _| config[key] = value);
        refused(changed(value), &[key, "absence"]);
        assert!(changed(Value::Null).is_ok(), "{case} {key}");
    }
}

#[test]
fn sizes_that_peft_takes_from_the_configuration_must_be_those_of_the_model() {
    let bert = base("bert");
    for (case, key, wrong) in [
        ("oracle/bert/adapters/prefix", "token_dim", 24),
        ("oracle/bert/adapters/prefix", "num_layers", 2),
        ("oracle/bert/adapters/prefix", "num_attention_heads", 2),
        ("oracle/bert/adapters/prompt", "token_dim", 24),
    ] {
        let changed = |value: Value| read_changed(case, &bert, |config, _| config[key] = value);
        refused(
            changed(json!(wrong)),
            &[key, &wrong.to_string(), "the model's"],
        );
        assert!(changed(Value::Null).is_ok(), "{case} {key}");
    }
}

#[test]
fn the_name_of_the_base_model_is_never_read_as_a_file() {
    let bert = base("bert");
    for name in ["/dev/zero", "../../../../etc/passwd", "no/such/model"] {
        let read = read_changed("oracle/bert/adapters/lora-qv", &bert, |config, _| {
            config["base_model_name_or_path"] = json!(name);
        });
        assert!(read.is_ok(), "{name}: {:?}", read.err());
    }
}

#[test]
fn files_that_could_be_read_forever_are_refused() {
    let bert = base("bert");
    for name in [CONFIG_FILE, TENSORS_FILE, "labels.txt"] {
        let dir = tempfile::tempdir().unwrap();
        for file in [CONFIG_FILE, TENSORS_FILE] {
            let from = fixture("oracle/bert/adapters/lora-qv").join(file);
            std::fs::copy(from, dir.path().join(file)).unwrap();
        }
        let path = dir.path().join(name);
        let _ = std::fs::remove_file(&path);
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let error = read(dir.path(), &bert)
            .err()
            .expect("a refusal")
            .to_string();
        assert!(error.contains(name) && error.contains("pipe"), "{error}");
    }
}
