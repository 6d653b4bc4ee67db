//! Models in one GGUF file against what `transformers` computes with the numbers that the package `gguf` reads from them, and what is
//! refused of such files. Fixtures: scripts/reference_gguf.py.

mod file;
mod hostile;
mod refusals;

use std::path::PathBuf;

use burn::tensor::{Int, Tensor, TensorData};
use serde_json::{Value, json};
use transformer::{Backbone, Batch, Pass, Pretrained, load, load_backbone, locate, model_digest};

use crate::fixtures::*;
use file::{Parts, U32, text};

const MODELS: [&str; 14] = [
    "llama",
    "llama-biases",
    "mistral",
    "qwen2",
    "qwen3",
    "smollm3",
    "olmo2",
    "phi3",
    "gemma2",
    "gemma3",
    "gpt2",
    "gpt_neox",
    "bert",
    "nomic_bert",
];

fn one_file(name: &str) -> PathBuf {
    fixture("gguf").join(format!("{name}.gguf"))
}

fn about(name: &str) -> Value {
    let file = fixture("gguf").join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn read(name: &str) -> Pretrained {
    load(&one_file(name), &device()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A copy of a model, changed.
fn changed(test: &str, name: &str, change: impl FnOnce(&mut Parts)) -> PathBuf {
    let mut parts = Parts::read(&one_file(name));
    change(&mut parts);
    let file = scratch(&format!("gguf-{test}")).join("m.gguf");
    std::fs::write(&file, parts.to_bytes()).unwrap();
    file
}

/// What is said of a model that cannot be read, the folder left out.
fn said(test: &str, name: &str, change: impl FnOnce(&mut Parts)) -> String {
    let file = changed(test, name, change);
    let error = load(&file, &device()).expect_err("a refusal").to_string();
    error.replace(&format!("{}/", file.parent().unwrap().display()), "")
}

#[test]
fn ids_and_states_are_those_of_transformers() {
    for name in MODELS {
        let (model, about) = (read(name), about(name));
        let texts = about["texts"].as_array().unwrap().iter();
        let texts: Vec<(&str, Option<&str>)> =
            texts.map(|text| (text.as_str().unwrap(), None)).collect();
        let encoded = model.tokenizer.encode(&texts, 90).unwrap();
        for (own, expected) in encoded.iter().zip(about["ids"].as_array().unwrap()) {
            assert_eq!(json!(own.ids), *expected, "{name}");
        }
        let pair = [&about["pair"][0], &about["pair"][1]].map(|text| text.as_str().unwrap());
        let pair = model
            .tokenizer
            .encode(&[(pair[0], Some(pair[1]))], 90)
            .unwrap();
        assert_eq!(json!(pair[0].ids), about["pair_ids"], "{name}");

        let expected = tensors(&fixture("gguf").join(format!("{name}.safetensors")));
        let (dims, ids) = &expected["ids"];
        let ids = ids.iter().map(|id| *id as i64).collect::<Vec<_>>();
        let dims = [dims[0], dims[1]];
        let batch = Batch {
            ids: Tensor::<2, Int>::from_data(TensorData::new(ids, dims), &device()),
            types: None,
            mask: tensor(&expected["mask"]),
        };
        let states = model.backbone.forward(&batch, &Pass::plain()).x;
        let mask = &expected["mask"].1;
        let apart = difference(&values(states.clone()), &expected["hidden"].1, mask);
        println!("{name}: states {apart:.1e} of the largest value");
        assert!(apart < 2e-5, "{name}: states {apart:e}");
        assert_eq!(
            model.language_head.is_some(),
            expected.contains_key("logits")
        );
        if let Some(head) = model.language_head {
            let tokens: Vec<usize> = mask
                .chunks(dims[1])
                .map(|row| row.iter().sum::<f32>() as usize)
                .collect();
            let last = tokens
                .iter()
                .enumerate()
                .map(|(row, tokens)| states.clone().slice([row..row + 1, tokens - 1..*tokens]));
            let last = Tensor::cat(last.collect(), 0);
            let apart = difference(
                &values(head.logits(last)),
                &expected["logits"].1,
                &vec![1.0; tokens.len()],
            );
            assert!(apart < 1e-4, "{name}: logits {apart:e}");
        }
    }
}

#[test]
fn a_file_is_the_folder_of_the_same_model_bit_by_bit() {
    let (file, folder) = (read("llama"), fixture("gguf/llama"));
    let folder = load(&folder, &device()).unwrap();
    // The stretched frequencies stand in one as factors of float32.
    let [own, other] = [&file.shape, &folder.shape].map(|shape| {
        let rotations = shape.rotations.iter();
        let all = rotations.flat_map(|rotation| rotation.inverse_frequencies.clone());
        all.map(|frequency| frequency as f32).collect::<Vec<_>>()
    });
    assert_close(&own, &other, 1e-6, "frequencies");
    let mut shape = file.shape.clone();
    shape.rotations = folder.shape.rotations.clone();
    assert_eq!(shape, folder.shape);
    let parameters = |backbone: &Backbone| {
        let mut all = floats_of(backbone);
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    let (own, other) = (parameters(&file.backbone), parameters(&folder.backbone));
    assert_eq!(own.len(), other.len());
    for (own, other) in own.iter().zip(&other) {
        assert_eq!(own.0, other.0);
        assert!(own.1 == other.1, "{} differs", own.0);
    }
    for words in ["The old bridge", "a<|end|> <think>b", "12  eggs"] {
        let ids = |model: &Pretrained| model.tokenizer.encode_plain(words).unwrap();
        assert_eq!(ids(&file), ids(&folder), "{words}");
    }
    let special = |model: &Pretrained| {
        let t = &model.tokenizer;
        (t.bos_id(), t.eos_id(), t.unk_id(), t.pad_id())
    };
    assert_eq!(special(&file), special(&folder));
}

fn floats_of(backbone: &Backbone) -> Vec<(String, Vec<f32>)> {
    use burn::module::{Module, ModuleVisitor, Param};
    #[derive(Default)]
    struct Visit {
        path: Vec<String>,
        found: Vec<(String, Vec<f32>)>,
    }
    impl ModuleVisitor for Visit {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.found.push((self.path.join("."), values(param.val())));
        }
        fn enter_module(&mut self, name: &str, _: &str) {
            self.path.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.path.pop();
        }
    }
    let mut visit = Visit::default();
    backbone.visit(&mut visit);
    visit.found
}

#[test]
fn the_formats_of_the_weights_stand_beside_the_results() {
    let notes = read("llama").warnings;
    let [note] = &notes[..] else {
        panic!("{notes:?}");
    };
    let start = "the weights are those of llama, dequantised from Q8_0 (";
    assert!(note.starts_with(start), "{note}");
    for kind in [
        "Q4_1 (", "Q5_0 (", "F16 (", "Q5_1 (", "BF16 (", "Q4_0 (", "F32 (",
    ] {
        assert!(note.contains(kind), "{note}");
    }
    let plain = "the weights are those of qwen2, stored as F32, and used as float32";
    assert_eq!(read("qwen2").warnings, [plain]);
    let notes = read("bert").warnings;
    assert!(
        notes[1].contains("makes vectors of texts by the mean"),
        "{notes:?}"
    );
    let unknown = changed("unread", "qwen2", |parts| {
        parts.set("qwen2.new_switch", U32, &3u32.to_le_bytes());
    });
    let notes = load(&unknown, &device()).unwrap().warnings;
    assert_eq!(
        notes[1],
        "entries of the file's metadata that are not read: \"qwen2.new_switch\""
    );
}

#[test]
fn a_file_is_known_by_its_own_digest_and_name() {
    let model = read("gpt2");
    let digest = model_digest(&one_file("gpt2")).unwrap();
    assert_eq!(model.name, "gpt2");
    for own in [
        &model.digest,
        &model.files_digest,
        &model.config_digest,
        &model.tokenizer_digest,
    ] {
        assert_eq!(*own, digest);
    }
    let other = changed("digest", "gpt2", |parts| {
        parts.tensor("output_norm.bias").data[0] ^= 1;
    });
    assert_ne!(model_digest(&other).unwrap(), digest);
}

#[test]
fn a_file_is_found_by_its_path_and_in_a_folder_that_is_no_model() {
    let file = one_file("qwen3");
    let of = |path: &std::path::Path| {
        let found = locate(path.to_str().unwrap());
        found.map_err(|error| error.to_string())
    };
    assert_eq!(of(&file), Ok(file.clone()));
    let dir = scratch("gguf-folder");
    let own = dir.join("Q3.GGUF");
    std::fs::copy(&file, &own).unwrap();
    assert_eq!(of(&dir), Ok(own.clone()));
    assert_eq!(load(&dir, &device()).unwrap().name, "Q3");
    let renamed = dir.join("model.bin");
    std::fs::copy(&file, &renamed).unwrap();
    assert_eq!(of(&renamed), Ok(renamed));
    std::fs::copy(&file, dir.join("a.gguf")).unwrap();
    let shown = dir.display();
    assert_eq!(
        of(&dir),
        Err(format!(
            "the directory {shown} holds 2 GGUF files; give one of them, such as {shown}/Q3.GGUF"
        ))
    );
    // A folder in Hugging Face layout is a model by itself.
    let folder = copy_of("llama", "gguf-beside");
    std::fs::copy(&file, folder.join("a.gguf")).unwrap();
    assert_eq!(of(&folder), Ok(folder.clone()));
    assert_eq!(load_backbone(&folder, &device()).unwrap().shape.vocab, 380);
}
