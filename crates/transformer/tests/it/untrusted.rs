//! Models from anywhere: sizes beyond the tensors, numbers out of range, files that are none, headers that lie.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use transformer::{load_backbone, locate};

use crate::fixtures::*;
use crate::refusals::{damaged, refusal, with_config};

const BILLIONS: [u64; 4] = [1 << 31, (1 << 31) - 1, 1 << 40, u64::MAX];

#[test]
fn sizes_beyond_the_tensors_are_refused_before_anything_is_made_of_them() {
    let sizes: [(&str, &[&str]); 5] = [
        (
            "bert",
            &[
                "vocab_size",
                "hidden_size",
                "num_hidden_layers",
                "num_attention_heads",
                "intermediate_size",
                "max_position_embeddings",
                "type_vocab_size",
            ],
        ),
        (
            "distilbert",
            &[
                "vocab_size",
                "dim",
                "n_layers",
                "n_heads",
                "hidden_dim",
                "max_position_embeddings",
            ],
        ),
        ("roberta", &["max_position_embeddings", "pad_token_id"]),
        (
            "gpt2",
            &[
                "vocab_size",
                "n_embd",
                "n_layer",
                "n_head",
                "n_inner",
                "n_positions",
            ],
        ),
        (
            "llama",
            &[
                "vocab_size",
                "hidden_size",
                "num_hidden_layers",
                "num_attention_heads",
                "num_key_value_heads",
                "head_dim",
                "intermediate_size",
            ],
        ),
    ];
    for (family, fields) in sizes {
        let dir = copy_of(family, "untrusted-sizes");
        let good: Value =
            serde_json::from_str(&std::fs::read_to_string(dir.join("config.json")).unwrap())
                .unwrap();
        for field in fields {
            // The last two are even, as a width of heads must be, and no size of these models.
            for size in BILLIONS.into_iter().chain([65_536, 1 << 30]) {
                set_config(&dir, good.clone());
                set_config(&dir, json!({*field: size}));
                let start = Instant::now();
                let said = refusal(&dir);
                let took = start.elapsed();
                assert!(
                    took < Duration::from_secs(1),
                    "{family} {field} {size}: {took:?}"
                );
                assert!(
                    said.contains(*field) || said.contains("tensor \""),
                    "{family} {field} {size}: {said}"
                );
            }
        }
    }
    let said = with_config("layers", "gpt2", json!({"n_layer": 1_u64 << 31}));
    assert_eq!(
        said,
        "\"n_layer\" in config.json is 2147483648, expected at most 65536"
    );
    let said = with_config("more-layers", "gpt2", json!({"n_layer": 1_u64 << 16}));
    assert_eq!(
        said,
        "tensor \"transformer.h.3.attn.c_attn.weight\" is missing from model.safetensors; config.json calls for it"
    );
}

#[test]
fn numbers_out_of_their_range_are_refused_by_name() {
    let probability = "expected a probability, from 0 to below 1";
    for (family, field, values, expected) in [
        (
            "bert",
            "hidden_dropout_prob",
            vec![json!(2), json!(1.0), json!(-1), json!("NaN")],
            probability,
        ),
        (
            "bert",
            "attention_probs_dropout_prob",
            vec![json!(1), json!(-0.1)],
            probability,
        ),
        ("distilbert", "dropout", vec![json!(1.0)], probability),
        (
            "distilbert",
            "attention_dropout",
            vec![json!(7)],
            probability,
        ),
        ("gpt2", "resid_pdrop", vec![json!(-1)], probability),
        ("gpt2", "embd_pdrop", vec![json!(3)], probability),
        ("gpt2", "attn_pdrop", vec![json!(1)], probability),
        (
            "llama",
            "attention_dropout",
            vec![json!(1e300)],
            probability,
        ),
        (
            "roberta",
            "layer_norm_eps",
            vec![json!(-1), json!(1e300)],
            "expected a number from 0 to 1",
        ),
        (
            "gpt2",
            "layer_norm_epsilon",
            vec![json!(-1e-5)],
            "expected a number from 0 to 1",
        ),
        (
            "llama",
            "rms_norm_eps",
            vec![json!(-1), json!(true)],
            "expected a number from 0 to 1",
        ),
        (
            "bert",
            "initializer_range",
            vec![json!(-0.02), json!(1e39)],
            "expected a number of at least 0",
        ),
    ] {
        for value in values {
            let said = with_config("range", family, json!({field: value}));
            assert_eq!(
                said,
                format!("\"{field}\" in config.json is {value}, {expected}")
            );
        }
    }
    let rope =
        |fields: Value| with_config("rope-range", "llama", json!({"rope_parameters": fields}));
    for (field, value) in [
        ("rope_theta", json!(0)),
        ("rope_theta", json!(-1e4)),
        ("rope_theta", json!(1e300)),
        ("factor", json!(0)),
        ("factor", json!(-4.0)),
    ] {
        let mut fields = json!({"rope_type": "linear", "factor": 2.0});
        fields[field] = value.clone();
        assert_eq!(
            rope(fields),
            format!("\"{field}\" in config.json is {value}, expected a number above 0")
        );
    }
    let crossed = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 4.0});
    assert_eq!(
        rope(crossed),
        "\"high_freq_factor\" in config.json is 4.0, expected more than low_freq_factor"
    );
    assert_eq!(
        rope(json!({"rope_type": "default", "unheard_of": 2.0})),
        "\"rope_parameters.unheard_of\": 2.0 in config.json is not supported: no such key is known"
    );
}

#[test]
fn numbers_of_python_are_refused_where_they_are_read_and_passed_over_elsewhere() {
    let with_text = |test: &str, field: &str, text: &str| {
        let dir = copy_of("bert", &format!("python-{test}"));
        let config = std::fs::read_to_string(dir.join("config.json")).unwrap();
        let config = config.replacen('{', &format!("{{\"{field}\": {text}, "), 1);
        std::fs::write(dir.join("config.json"), config).unwrap();
        dir
    };
    let plain = load_backbone(&with_text("other", "my_threshold", "-Infinity"), &device()).unwrap();
    assert_eq!(plain.warnings, Vec::<String>::new());
    let dir = with_text("read", "unused", "[NaN, {\"a\": Infinity}]");
    let config = std::fs::read_to_string(dir.join("config.json")).unwrap();
    std::fs::write(
        dir.join("config.json"),
        config.replace("\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": Infinity"),
    )
    .unwrap();
    assert_eq!(
        refusal(&dir),
        "\"layer_norm_eps\" in config.json is \"Infinity\", expected a number from 0 to 1"
    );
}

/// In a directory whose name is short, as names of sockets must be.
fn socket() -> PathBuf {
    std::env::temp_dir().join(format!("adaptbench-{}.socket", std::process::id()))
}

/// Puts something that is no plain file in a file's place.
fn put(kind: &str, file: &Path) {
    let _ = std::fs::remove_file(file);
    match kind {
        "a pipe" => assert!(Command::new("mkfifo").arg(file).status().unwrap().success()),
        "a device" => symlink("/dev/zero", file).unwrap(),
        "a directory" => std::fs::create_dir(file).unwrap(),
        _ => symlink(socket(), file).unwrap(),
    }
}

#[test]
fn what_is_no_plain_file_is_refused_without_waiting() {
    let sharded = |dir: &Path| {
        let tensors = raw_tensors(&dir.join("model.safetensors"));
        let map: serde_json::Map<_, _> = tensors
            .iter()
            .map(|tensor| (tensor.0.clone(), json!("one.safetensors")))
            .collect();
        std::fs::rename(dir.join("model.safetensors"), dir.join("one.safetensors")).unwrap();
        std::fs::write(
            dir.join("model.safetensors.index.json"),
            json!({"weight_map": map}).to_string(),
        )
        .unwrap();
    };
    let _socket = UnixListener::bind(socket()).unwrap();
    for kind in ["a pipe", "a device", "a socket", "a directory"] {
        for name in [
            "config.json",
            "model.safetensors",
            "model.safetensors.index.json",
            "one.safetensors",
        ] {
            let dir = copy_of("bert", "untrusted-kinds");
            if !["config.json", "model.safetensors"].contains(&name) {
                sharded(&dir);
            }
            put(kind, &dir.join(name));
            let expected = format!("cannot read {name}: is {kind}, expected a regular file");
            assert_eq!(refusal(&dir), expected);
            // Others read them too, who come later.
            if kind != "a directory" {
                let said = locate(dir.to_str().unwrap()).unwrap_err().to_string();
                assert_eq!(said.replace(&format!("{}/", dir.display()), ""), expected);
            }
        }
    }
    std::fs::remove_file(socket()).unwrap();
}

#[test]
fn headers_that_lie_are_refused_before_memory_is_taken() {
    let with_header = |test: &str, header: &str, data: usize| {
        damaged(test, "bert", |dir| {
            let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
            bytes.extend(header.as_bytes());
            bytes.resize(bytes.len() + data, 0);
            std::fs::write(dir.join("model.safetensors"), bytes).unwrap();
        })
    };
    let tensor = |shape: &str, from: u64, to: u64| {
        format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#)
    };
    for (test, header) in [
        (
            "overlap",
            format!(
                r#"{{"a":{},"b":{}}}"#,
                tensor("[2]", 0, 8),
                tensor("[2]", 4, 12)
            ),
        ),
        (
            "gap",
            format!(
                r#"{{"a":{},"b":{}}}"#,
                tensor("[2]", 0, 8),
                tensor("[2]", 12, 20)
            ),
        ),
        ("backwards", format!(r#"{{"a":{}}}"#, tensor("[2]", 8, 0))),
        (
            "overflow",
            format!(
                r#"{{"a":{}}}"#,
                tensor("[4294967296,4294967296,4294967296]", 0, 0)
            ),
        ),
        (
            "size",
            format!(r#"{{"a":{}}}"#, tensor("[1099511627776]", 0, 8)),
        ),
        (
            "twice",
            format!(
                r#"{{"a":{},"a":{}}}"#,
                tensor("[2]", 0, 8),
                tensor("[2]", 8, 16)
            ),
        ),
    ] {
        let said = with_header(&format!("header-{test}"), &header, 20);
        assert!(
            said.starts_with(
                "model.safetensors is not a safetensors file: its header is damaged: "
            ),
            "{test}: {said}"
        );
    }
    let said = with_header("header-nothing", "{}", 0);
    assert!(
        said.contains("it holds no tensor; fetch it again"),
        "{said}"
    );
    // Beyond the file, and within a file as large as it says.
    let said = damaged("header-long", "bert", |dir| {
        let file = dir.join("model.safetensors");
        std::fs::write(&file, [&(80_u64 << 20).to_le_bytes()[..], b"{"].concat()).unwrap();
        let file = std::fs::File::options().write(true).open(file).unwrap();
        file.set_len(100 << 20).unwrap();
    });
    assert_eq!(
        said,
        "model.safetensors is not a safetensors file: its first 8 bytes give a header of 83886080 bytes, expected at most 16777216"
    );
}

#[test]
fn an_index_without_tensors_or_with_other_kinds_in_it_is_refused() {
    for (test, text, expected) in [
        (
            "empty",
            r#"{"weight_map": {}}"#,
            "model.safetensors.index.json names no tensor: its \"weight_map\" is empty; fetch it again",
        ),
        (
            "none",
            "{}",
            "model.safetensors.index.json is not an index of shards: missing field `weight_map` at line 1 column 2",
        ),
        (
            "kind",
            r#"{"weight_map": {"a": 1}}"#,
            "model.safetensors.index.json is not an index of shards: invalid type: integer `1`, expected a string at line 1 column 22",
        ),
        (
            "up",
            r#"{"weight_map": {"a": ".."}}"#,
            "model.safetensors.index.json: the name \"..\" leads out of its folder, expected a relative path without \"..\"; do not use this copy, its maker can't be trusted",
        ),
    ] {
        let said = damaged(&format!("index-{test}"), "bert", |dir| {
            std::fs::remove_file(dir.join("model.safetensors")).unwrap();
            std::fs::write(dir.join("model.safetensors.index.json"), text).unwrap();
        });
        assert_eq!(said, expected);
    }
}
