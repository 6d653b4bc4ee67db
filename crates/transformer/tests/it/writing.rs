//! What is written is read again bit for bit, however the family's files store it: maps together, heads alternating, gains less one.

use burn::module::Module;
use serde_json::json;
use transformer::{LanguageHead, Pass, Precision, Side, load_backbone, save_weights};

use crate::fixtures::*;
use crate::tiny::{self, Shake, batch_of, configs, parameters, text};

#[test]
fn every_kind_is_read_as_it_was_written() {
    for (name, mut config) in configs() {
        let dir = scratch(&format!("written-{}", name.replace(' ', "-")));
        config["tie_word_embeddings"] = json!(true);
        std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
        let shape = transformer::load_shape(&dir).unwrap();
        let model = tiny::model(&shape);
        let head = LanguageHead::random(&model, 5).map(&mut Shake(9));
        let file = dir.join("model.safetensors");
        save_weights(&file, &model, Some(&head), Precision::F32).unwrap();

        let read = load_backbone(&dir, &device()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (found, expected) = (parameters(&read.backbone), parameters(&model));
        let paths =
            |all: &[(String, Vec<f32>)]| all.iter().map(|one| one.0.clone()).collect::<Vec<_>>();
        assert_eq!(paths(&found), paths(&expected), "{name}");
        for ((path, found), (_, expected)) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{name}: {path}");
        }
        // Written once more, the file is the same: no part of a tensor that several maps share is lost.
        let again = dir.join("again.safetensors");
        save_weights(&again, &read.backbone, Some(&head), Precision::F32).unwrap();
        let same = std::fs::read(&again).unwrap() == std::fs::read(&file).unwrap();
        assert!(same, "{name}: the second file differs");

        let Some(read_head) = read.language_head else {
            // A matrix alone that is the word embedding is no head of a model that sees both ways.
            assert!(!shape.causal && head.transform.is_none(), "{name}: no head");
            continue;
        };
        let batch = batch_of(&[&text(11, 1)], 13, Side::Right);
        let logits = |model: &transformer::Backbone, head: &LanguageHead| {
            let x = model.forward(&batch, &Pass::plain()).x;
            values(head.logits_tied(x, &model.embeddings.word))
        };
        assert_eq!(
            logits(&read.backbone, &read_head),
            logits(&model, &head),
            "{name}: logits"
        );
    }
}

#[test]
fn maps_that_a_family_keeps_together_stand_in_one_tensor() {
    let expected = [
        ("modernbert", "layers.1.attn.Wqkv.weight", vec![72, 24]),
        ("modernbert", "layers.1.mlp.Wi.weight", vec![80, 24]),
        ("phi3", "layers.1.self_attn.qkv_proj.weight", vec![40, 24]),
        ("phi3", "layers.1.mlp.gate_up_proj.weight", vec![80, 24]),
        (
            "gpt_neox",
            "layers.1.attention.query_key_value.weight",
            vec![72, 24],
        ),
        (
            "gpt_neox",
            "layers.1.attention.query_key_value.bias",
            vec![72],
        ),
        ("gpt2", "h.1.attn.c_attn.weight", vec![24, 72]),
    ];
    for (name, tensor, dims) in expected {
        let dir = scratch(&format!("together-{name}-{}", dims.len()));
        let file = dir.join("model.safetensors");
        let model = tiny::model(&tiny::shape(name));
        save_weights(&file, &model, None, Precision::F32).unwrap();
        let stored = tensors(&file);
        let found = stored.get(tensor).map(|(dims, _)| dims);
        assert_eq!(
            found,
            Some(&dims),
            "{name}: {tensor} in {:?}",
            stored.keys()
        );
    }
    // ModernBERT's halves: the one with the activation, which is our gate, first.
    let dir = scratch("together-halves");
    let file = dir.join("model.safetensors");
    let model = tiny::model(&tiny::shape("modernbert"));
    save_weights(&file, &model, None, Precision::F32).unwrap();
    let (_, both) = &tensors(&file)["layers.1.mlp.Wi.weight"];
    let gate = model.blocks[1].feed_forward.gate.as_ref().unwrap();
    let gate = values(gate.weight.val().transpose());
    assert_eq!(both[..gate.len()], gate);
}
