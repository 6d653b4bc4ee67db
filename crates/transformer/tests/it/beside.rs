//! What files of the families hold beside the backbone: heads of pretraining and of tasks, poolers, constants of older versions.

use burn::module::Module;
use safetensors::Dtype;
use serde_json::json;
use transformer::{LanguageHead, Precision, PretrainedBackbone, load_backbone, save_weights};

use crate::fixtures::*;
use crate::tiny::{self, Shake, configs};

/// A tiny model of this kind with its language head, written and changed.
fn changed(
    kind: &str,
    test: &str,
    change: impl FnOnce(&mut Vec<Raw>),
) -> Result<PretrainedBackbone, String> {
    let (_, mut config) = configs().into_iter().find(|one| one.0 == kind).unwrap();
    config["tie_word_embeddings"] = json!(true);
    let dir = scratch(&format!("beside-{test}"));
    std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
    let model = tiny::model(&transformer::load_shape(&dir).unwrap());
    let head = LanguageHead::random(&model, 5).map(&mut Shake(9));
    let file = dir.join("model.safetensors");
    save_weights(&file, &model, Some(&head), Precision::F32).unwrap();
    edit_tensors(&dir, change);
    load_backbone(&dir, &device()).map_err(|error| error.to_string())
}

fn add(tensors: &mut Vec<Raw>, name: &str, dims: &[usize]) {
    let count = dims.iter().product();
    let values: Vec<f32> = (0..count).map(|at| at as f32 * 0.01).collect();
    tensors.push((name.to_owned(), Dtype::F32, dims.to_vec(), floats(&values)));
}

fn leave_out(tensors: &mut Vec<Raw>, start: &str) {
    let before = tensors.len();
    tensors.retain(|tensor| !tensor.0.starts_with(start));
    assert!(tensors.len() < before, "nothing begins with {start}");
}

#[test]
fn a_discriminator_has_no_language_head_and_its_own_is_named() {
    let model = changed("electra", "discriminator", |tensors| {
        leave_out(tensors, "generator_");
        add(tensors, "discriminator_predictions.dense.bias", &[24]);
        add(
            tensors,
            "discriminator_predictions.dense_prediction.weight",
            &[1, 24],
        );
    })
    .unwrap();
    assert!(model.language_head.is_none());
    assert_eq!(
        model.warnings,
        [
            "tensors that are not used: discriminator_predictions.dense.bias, discriminator_predictions.dense_prediction.weight"
        ]
    );
}

#[test]
fn poolers_are_read_under_the_names_of_their_families() {
    for (kind, name) in [
        ("albert", "albert.pooler"),
        ("mpnet", "mpnet.pooler.dense"),
        ("deberta-v2", "pooler.dense"), // In classifiers, where it is a module of its own.
    ] {
        let test = format!("pooler-{kind}");
        assert!(changed(kind, &test, |_| {}).unwrap().pooler.is_none());
        let model = changed(kind, &test, |tensors| {
            add(tensors, &format!("{name}.weight"), &[24, 24]);
            add(tensors, &format!("{name}.bias"), &[24]);
        })
        .unwrap();
        let bias = values(model.pooler.unwrap().dense.bias.unwrap().val());
        assert_eq!(bias[3], 0.03, "{kind}");
        assert_eq!(model.warnings, Vec::<String>::new(), "{kind}");
    }
}

#[test]
fn constants_and_unused_tables_of_older_files_pass_silently() {
    for (kind, name) in [
        ("gpt_neox", "gpt_neox.layers.1.attention.bias"),
        ("gpt_neox", "gpt_neox.layers.1.attention.masked_bias"),
        (
            "gpt_neox",
            "gpt_neox.layers.0.attention.rotary_emb.inv_freq",
        ),
        ("mistral", "model.layers.0.self_attn.rotary_emb.inv_freq"),
        ("mpnet", "mpnet.embeddings.position_ids"),
        ("electra", "electra.embeddings.token_type_ids"),
        (
            "deberta-v2",
            "deberta.embeddings.position_embeddings.weight",
        ),
    ] {
        let model = changed(kind, "constants", |tensors| add(tensors, name, &[2, 3]));
        let warnings = model
            .unwrap_or_else(|said| panic!("{name}: {said}"))
            .warnings;
        assert_eq!(warnings, Vec::<String>::new(), "{name}");
    }
    let said = changed("gpt_neox", "strangers", |tensors| {
        add(tensors, "gpt_neox.layers.1.attention.slopes", &[2]);
    })
    .unwrap_err();
    assert!(said.contains("has no place in the model"), "{said}");
}

#[test]
fn heads_are_found_under_each_of_their_names() {
    let renamed = |kind: &'static str, from: &'static str, to: &'static str| {
        let rename = |tensors: &mut Vec<Raw>| {
            let of_head = tensors.iter_mut().filter(|one| one.0.starts_with(from));
            let count = of_head
                .map(|one| one.0 = one.0.replacen(from, to, 1))
                .count();
            assert!(count > 0, "{kind}: nothing begins with {from}");
        };
        let test = format!("renamed-{kind}");
        let plain = changed(kind, &test, |_| {}).unwrap().language_head.unwrap();
        let model = changed(kind, &test, rename).unwrap();
        assert_eq!(model.warnings, Vec::<String>::new(), "{kind}");
        let bias = |head: &LanguageHead| head.bias.as_ref().map(|bias| values(bias.val()));
        assert_eq!(bias(&model.language_head.unwrap()), bias(&plain), "{kind}");
    };
    renamed("mpnet", "lm_head.bias", "lm_head.decoder.bias");
    renamed("albert", "predictions.bias", "predictions.decoder.bias");

    let legacy = changed("deberta-v2", "legacy", |tensors| {
        for (name, ..) in tensors.iter_mut() {
            *name = name
                .replace("lm_predictions.lm_head.bias", "cls.predictions.bias")
                .replace("lm_predictions.lm_head", "cls.predictions.transform");
        }
    })
    .unwrap();
    assert!(legacy.language_head.unwrap().transform.is_some());
    assert_eq!(legacy.warnings, Vec::<String>::new());
}

#[test]
fn a_classifier_of_modernbert_has_a_head_without_a_bias_and_says_so() {
    let of_classifier = |tensors: &mut Vec<Raw>| {
        leave_out(tensors, "decoder.bias");
        add(tensors, "classifier.weight", &[2, 24]);
    };
    for (kind, head) in [("modernbert", "head"), ("modernbert-decoder", "lm_head")] {
        let model = changed(kind, "classifier", |tensors| {
            of_classifier(tensors);
            for (name, ..) in tensors.iter_mut() {
                *name = name.replace(&format!("{head}."), "head.");
            }
        })
        .unwrap();
        let found = model.language_head.unwrap();
        assert!(found.transform.is_some() && found.bias.is_none(), "{kind}");
        assert_eq!(
            model.warnings,
            [
                "\"decoder.bias\" is missing: the head is taken for a classifier's, and as a language head it has no bias",
                "tensors that are not used: classifier.weight"
            ],
            "{kind}"
        );
    }
}
