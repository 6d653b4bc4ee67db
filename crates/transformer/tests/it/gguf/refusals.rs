//! What is refused of a sound file, and that every number in it counts.

use std::path::Path;

use burn::tensor::{Int, Tensor, TensorData};
use transformer::{Batch, Pass, load_backbone};

use super::file::{BOOL, F32, LIST, Parts, TEXT, U32, text};
use super::{MODELS, changed, one_file, said};
use crate::fixtures::*;

#[test]
fn what_is_not_read_is_refused_by_name_with_the_next_step() {
    let flag = |value: bool| [u8::from(value)];
    let word = |value: &str| text(value);
    type Change = Box<dyn FnOnce(&mut Parts)>;
    let cases: [(&str, &str, Change, &str); 13] = [
        (
            "architecture",
            "qwen2",
            Box::new(move |parts| parts.set("general.architecture", TEXT, &word("mamba"))),
            "m.gguf has the architecture \"mamba\", which is not read; read are llama, qwen2, qwen3, smollm3",
        ),
        (
            "parts",
            "qwen2",
            Box::new(|parts| parts.set("split.count", U32, &3u32.to_le_bytes())),
            "m.gguf is one of 3 parts of a model; put them together with `llama-gguf-split --merge`",
        ),
        (
            "adapter",
            "qwen2",
            Box::new(move |parts| parts.set("general.type", TEXT, &word("adapter"))),
            "m.gguf holds no model (\"general.type\" is \"adapter\")",
        ),
        (
            "format",
            "qwen2",
            Box::new(|parts| parts.tensor("blk.0.attn_q.weight").kind = 10),
            "tensor \"blk.0.attn_q.weight\" in m.gguf is stored as Q2_K; read are F32, F16, BF16, Q8_0",
        ),
        (
            "experts",
            "llama",
            Box::new(|parts| parts.set("llama.expert_count", U32, &8u32.to_le_bytes())),
            "\"llama.expert_count\" in m.gguf is 8, expected 0, the only value that is implemented",
        ),
        (
            "both-ways",
            "llama",
            Box::new(move |parts| parts.set("llama.attention.causal", BOOL, &flag(false))),
            "\"llama.attention.causal\" in m.gguf is false, expected true, as the architecture \"llama\" is",
        ),
        (
            "window",
            "olmo2",
            Box::new(|parts| parts.set("olmo2.attention.sliding_window", U32, &9u32.to_le_bytes())),
            "\"olmo2.attention.sliding_window\" in m.gguf is 9, expected 0 for the architecture \"olmo2\"",
        ),
        (
            "stranger",
            "llama",
            Box::new(|parts| {
                parts.tensor("blk.1.ffn_up.weight").name = "blk.1.ffn_up_exps.weight".to_owned()
            }),
            "tensor \"blk.1.ffn_up_exps.weight\" in m.gguf has no place in a model of the architecture \"llama\"",
        ),
        (
            "missing",
            "llama",
            Box::new(|parts| {
                parts
                    .tensors
                    .retain(|tensor| tensor.name != "blk.1.ffn_up.weight")
            }),
            "tensor \"model.layers.1.mlp.up_proj.weight\" is missing from m.gguf",
        ),
        (
            "cut",
            "llama",
            Box::new(move |parts| parts.set("tokenizer.ggml.pre", TEXT, &word("default"))),
            "\"tokenizer.ggml.pre\" in m.gguf is \"default\", expected how texts are cut into words, of which these names are known: gpt-2",
        ),
        (
            "kind",
            "llama",
            Box::new(move |parts| parts.set("tokenizer.ggml.model", TEXT, &word("t5"))),
            "m.gguf has a tokenizer of the kind \"t5\"; read are gpt2",
        ),
        (
            "scaling",
            "qwen2",
            Box::new(move |parts| parts.set("qwen2.rope.scaling.type", TEXT, &word("dynamic"))),
            "m.gguf scales its rotation by \"dynamic\"; read are none, linear, yarn",
        ),
        (
            "values",
            "qwen3",
            Box::new(|parts| parts.set("qwen3.attention.value_length", U32, &8u32.to_le_bytes())),
            "\"qwen3.attention.value_length\" in m.gguf is 8, expected 12, as \"qwen3.attention.key_length\"",
        ),
    ];
    for (test, name, change, expected) in cases {
        let said = said(test, name, change);
        assert!(said.starts_with(expected), "{said}");
    }
}

#[test]
fn every_number_of_the_metadata_counts() {
    // One that is read without an effect would be a model of another kind under the name of this one.
    let states = |file: &Path, ids: &[i64]| {
        let model = load_backbone(file, &device()).map_err(|error| error.to_string())?;
        let dims = [1, ids.len()];
        let batch = Batch {
            ids: Tensor::<2, Int>::from_data(TensorData::new(ids.to_vec(), dims), &device()),
            types: None,
            mask: Tensor::ones(dims, &device()),
        };
        let head = model.language_head;
        let x = model.backbone.forward(&batch, &Pass::plain()).x;
        let logits = head.map(|head| values(head.logits(x.clone())));
        Ok::<_, String>((values(x), logits))
    };
    // Longer than what Phi-3's short angles are for, and by so little that two more are not.
    let ids: Vec<i64> = (0..25).map(|i| 3 + i * 7 % 140).collect();
    for name in MODELS {
        let whole = Parts::read(&one_file(name));
        let (_, _, architecture) = &whole.entries[0];
        let architecture = String::from_utf8(architecture[8..].to_vec()).unwrap();
        let before = states(&one_file(name), &ids).unwrap();
        for (key, kind, bytes) in whole.entries.clone() {
            let Some(inner) = key.strip_prefix(&format!("{architecture}.")) else {
                continue;
            };
            // The first is the length of the words' list, the second says how long texts may be, the third how vectors are made.
            let idle = ["vocab_size", "context_length", "pooling_type"];
            if idle.contains(&inner) || ![U32, F32, BOOL].contains(&kind) {
                continue;
            }
            let value = u32::from_le_bytes(*[&bytes[..], &[0; 3]].concat().first_chunk().unwrap());
            let other = match kind {
                F32 => (f32::from_bits(value) * 1.5 + 0.01).to_le_bytes().to_vec(),
                BOOL => vec![1 - bytes[0]],
                _ => (value + 2).to_le_bytes().to_vec(),
            };
            let file = changed("counts", name, |parts| parts.set(&key, kind, &other));
            match states(&file, &ids) {
                Err(said) => assert!(!said.is_empty()),
                Ok(after) => assert!(after != before, "{name}: {key} changes nothing"),
            }
        }
    }
}

#[test]
fn lists_that_do_not_fit_the_tokens_are_refused() {
    let short = |kind: u32| [&kind.to_le_bytes()[..], &0u64.to_le_bytes()].concat();
    let said_of = |key: &'static str, kind: u32| {
        said("lists", "mistral", |parts| {
            parts.set(key, LIST, &short(kind))
        })
    };
    assert!(said_of("tokenizer.ggml.token_type", 5).contains("expected one for each of "));
    assert!(said_of("tokenizer.ggml.scores", 6).contains("expected a score for each of "));
    let beyond = said("beyond", "mistral", |parts| {
        parts.set("tokenizer.ggml.bos_token_id", U32, &70_000u32.to_le_bytes());
    });
    assert!(
        beyond.contains("is 70000, expected the id of one of "),
        "{beyond}"
    );
    let nothing = said("nothing", "mistral", |parts| {
        parts.remove("tokenizer.ggml.bos_token_id");
    });
    let expected = "\"tokenizer.ggml.bos_token_id\" in m.gguf is missing, expected the token that the file wants around every text";
    assert_eq!(nothing, expected);
}
