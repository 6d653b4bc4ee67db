//! Tests: folders of tokenizer files are read as transformers reads them (`scripts/reference_tokenizers.py`,
//! `scripts/reference_sentencepiece.py`).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value, json};

use super::*;
use crate::config::Config;
use crate::load::LoadError;
use crate::shape::{Architecture, Shape};

/// transformers refuses these, for the want of a conversion that its version 4 had.
const READ_HERE: [&str; 1] = ["special_tokens_map.json with objects"];

/// A folder that is gone after the test.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new(model_type: &str) -> Folder {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "adaptbench-tokenizer-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = Folder(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0).unwrap();
        folder.write(
            "config.json",
            json!({"model_type": model_type}).to_string().as_bytes(),
        );
        folder
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.join(name), bytes).unwrap();
    }

    /// Its tokenizer, for a model with as many embeddings as are wanted.
    pub(super) fn read(&self) -> Result<Tokenizer, LoadError> {
        let config = Config::read(&self.0).unwrap();
        let model_type = config.text("model_type", None).unwrap();
        Tokenizer::read(&self.0, &shape(&model_type), &config)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a tokenizer asks of a model.
pub(super) fn shape(model_type: &str) -> Shape {
    let bert = fixture("oracle/bert");
    let bert = Config::read(&bert).unwrap().shape().unwrap();
    Shape {
        architecture: match model_type {
            "roberta" | "xlm-roberta" | "camembert" => Architecture::Roberta,
            _ => Architecture::Bert,
        },
        vocab: 1_000,
        ..bert
    }
}

pub(super) fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures");
    root.join(name)
}

/// A folder, and what transformers makes of it.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) folder: Folder,
    expected: Value,
    texts: Value,
    /// Place of the pair that was cut too.
    cut: Option<usize>,
}

fn reference(name: &str) -> Value {
    let text = std::fs::read_to_string(fixture(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

/// Folders of tokenizer.json and word lists.
pub(super) fn json_cases() -> Vec<Case> {
    let reference = reference("tokenizers.json");
    let cases = reference["cases"].as_array().unwrap().iter();
    let cases = cases.map(|case| {
        let folder = Folder::new(text(&case["model_type"]));
        for (name, at) in object(&case["files"]) {
            let content = &reference["contents"][at.as_u64().unwrap() as usize];
            folder.write(name, text(content).as_bytes());
        }
        Case {
            name: text(&case["name"]).to_owned(),
            folder,
            expected: case.clone(),
            texts: reference["texts"].clone(),
            cut: Some(5),
        }
    });
    cases.collect()
}

/// Folders of SentencePiece models.
pub(super) fn piece_cases() -> Vec<Case> {
    let reference = reference("sentencepiece.json");
    let cases = reference["cases"].as_array().unwrap().iter();
    let cases = cases.map(|case| {
        let folder = Folder::new(text(&case["model_type"]));
        let model = text(&reference["models"][text(&case["model"])]);
        folder.write(text(&case["file"]), &base64::decode(model).unwrap());
        for (name, content) in object(&case["files"]) {
            folder.write(name, text(content).as_bytes());
        }
        Case {
            name: text(&case["name"]).to_owned(),
            folder,
            expected: case.clone(),
            texts: reference["texts"].clone(),
            cut: None,
        }
    });
    cases.collect()
}

impl Case {
    /// What differs from the reference, by name.
    fn differences(&self, tokenizer: &Tokenizer) -> Vec<String> {
        let mut found = Vec::new();
        let expected = &self.expected;
        let mut compare = |what: String, ours: Value, expected: &Value| {
            if ours != *expected {
                found.push(format!(
                    "{}: {what}: {ours} instead of {expected}",
                    self.name
                ));
            }
        };
        for (at, pair) in self.texts.as_array().unwrap().iter().enumerate() {
            let (a, b) = (text(&pair[0]), pair[1].as_str());
            let encoded = &tokenizer.encode(&[(a, b)], 200).unwrap()[0];
            // No row is without a token here.
            if !expected["ids"][at].as_array().unwrap().is_empty() {
                let ids = encoded.ids.clone().into();
                compare(format!("ids of {pair}"), ids, &expected["ids"][at]);
                if let Some(types) = expected.get("types") {
                    let ours = encoded.types.clone().into();
                    compare(format!("types of {pair}"), ours, &types[at]);
                }
            }
            let plain = tokenizer.encode_plain(a).unwrap();
            compare(
                format!("plain ids of {a:?}"),
                plain.into(),
                &expected["plain"][at],
            );
        }
        if let Some(at) = self.cut {
            let (a, b) = (&self.texts[at][0], &self.texts[at][1]);
            let cut = tokenizer.encode(&[(text(a), b.as_str())], 8).unwrap();
            compare(
                "cut pair".to_owned(),
                cut[0].ids.clone().into(),
                &expected["cut"],
            );
        }
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
            let expected = &expected["special"][name];
            if !expected.is_null() {
                compare(format!("the {name} id"), id.into(), expected);
            }
        }
        found
    }

    /// What is wrong with it.
    fn check(&self) -> Vec<String> {
        let refused = self.expected.get("refused");
        match (self.folder.read(), refused) {
            (Ok(_), Some(_)) if READ_HERE.contains(&&self.name[..]) => Vec::new(),
            (Ok(_), Some(reason)) => {
                let name = &self.name;
                vec![format!(
                    "{name}: read, and transformers refuses it: {reason}"
                )]
            }
            (Ok(tokenizer), None) => self.differences(&tokenizer),
            (Err(LoadError::Tokenizer(_)), Some(_)) => Vec::new(),
            (Err(error), _) => vec![format!("{}: {error}", self.name)],
        }
    }
}

#[test]
fn tokens_are_those_of_transformers_whatever_files_say_them() {
    let cases = json_cases();
    assert!(cases.len() > 130);
    let wrong: Vec<String> = cases.iter().flat_map(Case::check).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sentencepiece_models_give_the_tokens_that_transformers_gives() {
    let cases = piece_cases();
    assert!(cases.len() > 20);
    let wrong: Vec<String> = cases.iter().flat_map(Case::check).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
