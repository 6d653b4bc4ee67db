//! What is read from a directory: storage formats, shards, prefixes, old names, digests; and fresh weights.

use std::path::Path;

use burn::tensor::{bf16, f16};
use safetensors::Dtype;
use serde_json::json;
use transformer::{Backbone, Pretrained, load, load_shape};

use crate::fixtures::*;

#[test]
fn half_precision_storage_is_read_to_its_last_bit() {
    for family in ["bert", "gpt2"] {
        for format in [Dtype::F16, Dtype::BF16] {
            let dir = copy_of(family, &format!("storage-{family}-{format:?}"));
            edit_tensors(&dir, |tensors| {
                for (_, stored, _, bytes) in tensors {
                    let values = bytes
                        .as_chunks::<4>()
                        .0
                        .iter()
                        .map(|&b| f32::from_le_bytes(b));
                    *bytes = values
                        .flat_map(|value| match format {
                            Dtype::F16 => f16::from_f32(value).to_le_bytes(),
                            _ => bf16::from_f32(value).to_le_bytes(),
                        })
                        .collect();
                    *stored = format;
                }
            });
            let model = load(&dir, &device()).unwrap();
            let exact = pretrained(family);
            let words = |model: &Pretrained| values(model.backbone.embeddings.word.weight.val());
            let rounded = words(&exact).into_iter().map(|value| match format {
                Dtype::F16 => f16::from_f32(value).to_f32(),
                _ => bf16::from_f32(value).to_f32(),
            });
            assert_eq!(words(&model), rounded.collect::<Vec<_>>());
            let tolerance = if format == Dtype::F16 { 5e-3 } else { 5e-2 };
            let what = format!("{family} in {format:?}");
            assert_close(
                &hidden(&model, family),
                &hidden(&exact, family),
                tolerance,
                &what,
            );
        }
    }
}

/// Two shards with an index, as `save_pretrained(max_shard_size=..)` writes them.
fn shard(dir: &Path) {
    let tensors = raw_tensors(&dir.join("model.safetensors"));
    std::fs::remove_file(dir.join("model.safetensors")).unwrap();
    let (first, second) = tensors.split_at(tensors.len() / 2);
    let mut map = serde_json::Map::new();
    for (name, part) in [
        ("model-00001-of-00002.safetensors", first),
        ("model-00002-of-00002.safetensors", second),
    ] {
        write_tensors(&dir.join(name), part);
        map.extend(part.iter().map(|tensor| (tensor.0.clone(), json!(name))));
    }
    let index = json!({"metadata": {"total_size": 1}, "weight_map": map});
    std::fs::write(dir.join("model.safetensors.index.json"), index.to_string()).unwrap();
}

#[test]
fn shards_equal_one_file() {
    let dir = copy_of("llama", "shards");
    shard(&dir);
    let model = load(&dir, &device()).unwrap();
    assert_eq!(
        hidden(&model, "llama"),
        hidden(&pretrained("llama"), "llama")
    );
    assert_ne!(model.digest, pretrained("llama").digest);

    std::fs::remove_file(dir.join("model-00002-of-00002.safetensors")).unwrap();
    let error = load(&dir, &device()).unwrap_err().to_string();
    let index = dir.join("model.safetensors.index.json");
    assert_eq!(
        error,
        format!(
            "{} names the shard \"model-00002-of-00002.safetensors\", which is not in the directory; fetch it",
            index.display()
        )
    );
    std::fs::copy(
        dir.join("model-00001-of-00002.safetensors"),
        dir.join("model-00002-of-00002.safetensors"),
    )
    .unwrap();
    let error = load(&dir, &device()).unwrap_err().to_string();
    assert!(
        error.contains("is in \"model-0000") && error.contains("and it is not there"),
        "{error}"
    );
}

#[test]
fn shards_outside_the_models_directory_are_refused_by_name() {
    let dir = copy_of("llama", "shards-outside");
    let whole = dir.join("model.safetensors");
    let kept = dir.parent().unwrap().join("shards-outside.safetensors");
    std::fs::rename(&whole, &kept).unwrap();
    let index = dir.join("model.safetensors.index.json");
    for outside in ["../shards-outside.safetensors", kept.to_str().unwrap()] {
        let map: serde_json::Map<_, _> = raw_tensors(&kept)
            .into_iter()
            .map(|tensor| (tensor.0, json!(outside)))
            .collect();
        std::fs::write(&index, json!({"weight_map": map}).to_string()).unwrap();
        let error = load(&dir, &device()).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "{}: the name \"{outside}\" leads out of its folder, expected a relative path without \"..\"; do not use this copy, its maker \
                 can't be trusted",
                index.display()
            )
        );
    }
}

#[test]
fn every_common_prefix_is_recognised() {
    for (family, prefix) in [
        ("bert", "bert."),
        ("distilbert", "distilbert."),
        ("roberta", "roberta."),
    ] {
        let dir = copy_of(family, &format!("prefix-{family}"));
        edit_tensors(&dir, |tensors| {
            tensors
                .iter_mut()
                .for_each(|tensor| tensor.0.insert_str(0, prefix))
        });
        let model = load(&dir, &device()).unwrap();
        assert_eq!(hidden(&model, family), hidden(&pretrained(family), family));
    }
    for (family, prefix) in [("gpt2", "transformer."), ("llama", "model.")] {
        let dir = copy_of(family, &format!("prefix-{family}"));
        edit_tensors(&dir, |tensors| {
            tensors.retain(|tensor| tensor.0 != "lm_head.weight");
            tensors
                .iter_mut()
                .for_each(|tensor| tensor.0 = tensor.0.strip_prefix(prefix).unwrap().to_owned());
        });
        let model = load(&dir, &device()).unwrap();
        assert_eq!(hidden(&model, family), hidden(&pretrained(family), family));
        // GPT-2's head is its embedding; Llama's was a matrix of its own and is gone.
        assert_eq!(model.language_head.is_some(), family == "gpt2");
    }
}

#[test]
fn old_names_buffers_and_task_heads_are_accounted_for() {
    let dir = copy_of("bert", "old-names");
    edit_tensors(&dir, |tensors| {
        for (name, ..) in tensors.iter_mut() {
            *name = format!("bert.{name}");
            *name = name
                .replace("LayerNorm.weight", "LayerNorm.gamma")
                .replace("LayerNorm.bias", "LayerNorm.beta");
        }
        let ids: Vec<u8> = (0..64i64).flat_map(i64::to_le_bytes).collect();
        tensors.push((
            "bert.embeddings.position_ids".into(),
            Dtype::I64,
            vec![1, 64],
            ids,
        ));
        for name in ["cls.seq_relationship.weight", "classifier.bias"] {
            tensors.push((name.into(), Dtype::F32, vec![2], floats(&[1.0, 2.0])));
        }
    });
    let model = load(&dir, &device()).unwrap();
    assert_eq!(
        model.warnings,
        ["tensors that are not used: classifier.bias, cls.seq_relationship.weight"]
    );
    assert_eq!(hidden(&model, "bert"), hidden(&pretrained("bert"), "bert"));

    let dir = copy_of("gpt2", "old-buffers");
    edit_tensors(&dir, |tensors| {
        tensors.push((
            "transformer.h.1.attn.bias".into(),
            Dtype::U8,
            vec![1, 1, 2, 2],
            vec![1, 0, 1, 1],
        ));
        tensors.push((
            "transformer.h.1.attn.masked_bias".into(),
            Dtype::F32,
            vec![],
            floats(&[-1e4]),
        ));
        let words = tensors
            .iter()
            .find(|tensor| tensor.0 == "transformer.wte.weight")
            .unwrap()
            .clone();
        tensors.push(("lm_head.weight".into(), words.1, words.2, words.3));
    });
    assert_eq!(
        load(&dir, &device()).unwrap().warnings,
        Vec::<String>::new()
    );
}

#[test]
fn digest_is_that_of_the_file_and_the_name_that_of_the_directory() {
    let model = pretrained("bert");
    let output = std::process::Command::new("sha256sum")
        .arg(oracle("bert").join("model.safetensors"))
        .output();
    let output = String::from_utf8(output.unwrap().stdout).unwrap();
    assert!(
        output.starts_with(&model.digest),
        "{output} {}",
        model.digest
    );
    assert_eq!(model.digest.len(), 64);
    assert_ne!(model.config_digest, model.tokenizer_digest);
    assert_eq!(model.name, "bert");
}

#[test]
fn fresh_weights_repeat_with_their_seed_and_have_the_configured_spread() {
    for family in FAMILIES {
        let shape = load_shape(&oracle(family)).unwrap();
        let words = |seed| {
            let backbone = Backbone::random(&shape, seed, &device());
            assert_eq!(
                backbone.num_params_named(),
                pretrained(family).backbone.num_params_named()
            );
            values(backbone.embeddings.word.weight.val())
        };
        assert_eq!(words(1), words(1));
        assert_ne!(words(1), words(2));
        let drawn = words(1);
        let variance = drawn.iter().map(|x| f64::from(x * x)).sum::<f64>() / drawn.len() as f64;
        assert!(
            (variance.sqrt() - 0.02).abs() < 0.001,
            "{family}: {}",
            variance.sqrt()
        );
    }
}

/// Number of scalars, by the module tree and by the list of names, which must agree.
trait Count {
    fn num_params_named(&self) -> usize;
}

impl Count for Backbone {
    fn num_params_named(&self) -> usize {
        let names = self.parameter_names().into_iter();
        let listed: usize = names.map(|name| name.dims.iter().product::<usize>()).sum();
        assert_eq!(burn::module::Module::num_params(self), listed);
        listed
    }
}
