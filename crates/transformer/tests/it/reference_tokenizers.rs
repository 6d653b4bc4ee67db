//! Folders of tokenizer files, read as transformers reads them: `scripts/reference_tokenizers.py`.

use std::path::PathBuf;

use serde_json::Value;
use transformer::{LoadError, Pretrained, load};

use crate::fixtures::*;

/// transformers refuses these, for the want of a conversion that its version 4 had.
const READ_HERE: [&str; 1] = ["special_tokens_map.json with objects"];

fn reference() -> Value {
    let text = std::fs::read_to_string(fixture("tokenizers.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The folder of a case, with the weights of the same family.
fn folder(reference: &Value, case: &Value, at: usize) -> PathBuf {
    let model_type = case["model_type"].as_str().unwrap();
    let family = match model_type {
        "xlm-roberta" | "camembert" => "roberta",
        family => family,
    };
    let dir = scratch(&format!("tokenizer-{at}"));
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(oracle(family).join(name), dir.join(name)).unwrap();
    }
    set_config(&dir, serde_json::json!({"model_type": model_type}));
    for (name, content) in case["files"].as_object().unwrap() {
        let text = reference["contents"][content.as_u64().unwrap() as usize].as_str();
        std::fs::write(dir.join(name), text.unwrap()).unwrap();
    }
    dir
}

/// What differs from the reference, by name.
fn differences(reference: &Value, case: &Value, model: &Pretrained) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |what: String, ours: Value, expected: &Value| {
        if ours != *expected {
            found.push(format!("{what}: {ours} instead of {expected}"));
        }
    };
    let tokenizer = &model.tokenizer;
    for (at, pair) in reference["texts"].as_array().unwrap().iter().enumerate() {
        let (a, b) = (pair[0].as_str().unwrap(), pair[1].as_str());
        let encoded = &tokenizer.encode(&[(a, b)], 200).unwrap()[0];
        // No row is without a token here.
        if !case["ids"][at].as_array().unwrap().is_empty() {
            compare(
                format!("ids of {pair}"),
                encoded.ids.clone().into(),
                &case["ids"][at],
            );
            compare(
                format!("types of {pair}"),
                encoded.types.clone().into(),
                &case["types"][at],
            );
        }
        let plain = tokenizer.encode_plain(a).unwrap();
        compare(
            format!("plain ids of {a:?}"),
            plain.into(),
            &case["plain"][at],
        );
    }
    let (a, b) = (&reference["texts"][5][0], &reference["texts"][5][1]);
    let cut = tokenizer.encode(&[(a.as_str().unwrap(), b.as_str())], 8);
    compare(
        "cut pair".to_owned(),
        cut.unwrap()[0].ids.clone().into(),
        &case["cut"],
    );
    let special = [
        ("pad", Some(tokenizer.pad_id())),
        ("mask", tokenizer.mask_id()),
        ("bos", tokenizer.bos_id()),
        ("eos", tokenizer.eos_id()),
        ("cls", tokenizer.cls_id()),
        ("sep", tokenizer.sep_id()),
        ("unk", tokenizer.unk_id()),
    ];
    for (name, id) in special {
        let expected = &case["special"][name];
        if !expected.is_null() {
            compare(format!("the {name} id"), id.into(), expected);
        }
    }
    found
}

#[test]
fn tokens_are_those_of_transformers_whatever_files_say_them() {
    let reference = reference();
    let cases = reference["cases"].as_array().unwrap();
    let mut wrong = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        let name = case["name"].as_str().unwrap();
        let read = load(&folder(&reference, case, at), &device());
        match (read, case.get("refused")) {
            (Ok(_), Some(reason)) if !READ_HERE.contains(&name) => {
                wrong.push(format!(
                    "{name}: read, and transformers refuses it: {reason}"
                ));
            }
            (Ok(_), Some(_)) => {}
            (Ok(model), None) => {
                let found = differences(&reference, case, &model);
                wrong.extend(found.into_iter().map(|one| format!("{name}: {one}")));
            }
            (Err(LoadError::Tokenizer(error)), Some(_)) => {
                assert!(error.to_string().contains("merges.txt"), "{name}: {error}");
            }
            (Err(error), _) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(cases.len() > 80);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
