//! What is read from a directory: storage formats, shards, prefixes, variants of config.json; and every refusal's text.

use std::path::Path;

use burn::tensor::{bf16, f16};
use safetensors::Dtype;
use serde_json::json;
use transformer::{
    Architecture, Backbone, Pass, Positions, Pretrained, Shape, Side, load, load_backbone,
    load_shape,
};

use crate::fixtures::*;

fn hidden(model: &Pretrained, family: &str) -> Vec<f32> {
    let batch = batch(model, &texts(family), Side::Right);
    let out = model.backbone.forward(&batch, &Pass::plain());
    real_rows(out.x, batch.mask)
}

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

/// The message of a load that must fail, with the directory taken out.
fn refusal(dir: &Path) -> String {
    let error = load_backbone(dir, &device())
        .expect_err("a refusal")
        .to_string();
    error
        .replace(&format!("{}/", dir.display()), "")
        .replace(&dir.display().to_string(), "DIR")
}

/// Damages a copy of BERT and returns what loading it says.
fn damaged(test: &str, family: &str, damage: impl FnOnce(&Path)) -> String {
    let dir = copy_of(family, &format!("refusal-{test}"));
    damage(&dir);
    refusal(&dir)
}

fn with_config(test: &str, family: &str, fields: serde_json::Value) -> String {
    damaged(test, family, |dir| set_config(dir, fields))
}

#[test]
fn damaged_weights_are_named_with_what_was_found_and_expected() {
    let weights = |test: &str, damage: fn(&mut Vec<Raw>)| {
        damaged(test, "distilbert", |dir| edit_tensors(dir, damage))
    };
    let lin1 = "transformer.layer.1.ffn.lin1.weight";
    assert_eq!(
        weights("shape", |tensors| {
            let tensor = tensors
                .iter_mut()
                .find(|t| t.0 == "transformer.layer.1.ffn.lin1.weight")
                .unwrap();
            tensor.2.reverse();
        }),
        format!("tensor \"{lin1}\" in model.safetensors has shape [40, 80], expected [80, 40]")
    );
    assert_eq!(
        weights("missing", |tensors| tensors
            .retain(|t| t.0 != "transformer.layer.1.ffn.lin1.weight")),
        format!("tensor \"{lin1}\" is missing from model.safetensors; config.json calls for it")
    );
    assert_eq!(
        weights("unexpected", |tensors| {
            tensors.push((
                "transformer.layer.1.ffn.lin3.bias".into(),
                Dtype::F32,
                vec![1],
                floats(&[0.0]),
            ));
        }),
        "tensor \"transformer.layer.1.ffn.lin3.bias\" in model.safetensors has no place in the model that config.json \
         describes; is config.json of another model?"
    );
    assert_eq!(
        weights("nan", |tensors| {
            let tensor = tensors
                .iter_mut()
                .find(|t| t.0 == "transformer.layer.1.ffn.lin1.weight")
                .unwrap();
            tensor.3[4 * 77..4 * 78].copy_from_slice(&f32::NAN.to_le_bytes());
        }),
        format!(
            "tensor \"{lin1}\" in model.safetensors holds NaN at element 77; these weights are damaged or their training diverged"
        )
    );
    assert_eq!(
        weights("integers", |tensors| {
            let tensor = tensors
                .iter_mut()
                .find(|t| t.0 == "transformer.layer.1.ffn.lin1.weight")
                .unwrap();
            tensor.1 = Dtype::I8;
            tensor.3.truncate(80 * 40);
        }),
        format!(
            "tensor \"{lin1}\" in model.safetensors is stored as I8; supported are F32, F16, BF16 and F64"
        )
    );
    assert_eq!(
        with_config("fewer-layers", "distilbert", json!({"n_layers": 1})),
        "tensor \"transformer.layer.1.attention.k_lin.bias\" in model.safetensors has no place in the model that config.json \
         describes; is config.json of another model?"
    );
    assert_eq!(
        with_config("more-layers", "bert", json!({"num_hidden_layers": 4})),
        "tensor \"encoder.layer.3.attention.self.query.weight\" is missing from model.safetensors; config.json calls for it"
    );
}

#[test]
fn damaged_files_are_named_with_the_next_step() {
    let cut = |test: &str, bytes: usize| {
        damaged(test, "bert", |dir| {
            let file = dir.join("model.safetensors");
            let content = std::fs::read(&file).unwrap();
            std::fs::write(&file, &content[..bytes]).unwrap();
        })
    };
    assert_eq!(
        cut("truncated", 200_000),
        "model.safetensors has 200000 bytes, expected 305600 by its header; the download was cut short or the file is damaged, \
         fetch it again"
    );
    assert_eq!(
        cut("truncated-header", 100),
        "model.safetensors has 100 bytes, expected 5696 by its header; the download was cut short or the file is damaged, fetch it \
         again"
    );
    assert_eq!(
        cut("empty", 0),
        "model.safetensors is not a safetensors file: it has only 0 bytes; fetch it again"
    );
    let holding = |test: &str, content: &'static [u8]| {
        damaged(test, "bert", |dir| {
            std::fs::write(dir.join("model.safetensors"), content).unwrap()
        })
    };
    assert_eq!(
        holding(
            "lfs",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 305600\n"
        ),
        "model.safetensors is not a safetensors file: it is a Git LFS pointer, not the weights; run `git lfs pull`"
    );
    assert_eq!(
        holding("zip", b"PK\x03\x04\x00\x00\x00\x00 and so on"),
        "model.safetensors is not a safetensors file: it does not begin with a header; is it of another format, renamed?"
    );
    assert_eq!(
        damaged("no-weights", "bert", |dir| {
            std::fs::rename(dir.join("model.safetensors"), dir.join("pytorch_model.bin")).unwrap();
        }),
        "DIR holds neither model.safetensors nor model.safetensors.index.json; it has pytorch_model.bin: convert it with \
         `save_pretrained` of transformers"
    );
    assert_eq!(
        damaged("no-config", "bert", |dir| std::fs::remove_file(
            dir.join("config.json")
        )
        .unwrap()),
        "DIR holds no config.json; a model directory in Hugging Face layout has config.json, model.safetensors and tokenizer.json"
    );
    assert_eq!(
        damaged("broken-config", "bert", |dir| std::fs::write(
            dir.join("config.json"),
            "{\"model_type\": "
        )
        .unwrap()),
        "config.json is not valid JSON: EOF while parsing a value at line 1 column 15"
    );
}

#[test]
fn unsupported_configurations_are_refused_by_name() {
    assert_eq!(
        with_config("model-type", "bert", json!({"model_type": "t5"})),
        "model_type \"t5\" in config.json is not supported; supported are bert, distilbert, roberta, xlm-roberta, camembert, gpt2, \
         llama"
    );
    assert_eq!(
        with_config(
            "positions",
            "bert",
            json!({"position_embedding_type": "relative_key"})
        ),
        "\"position_embedding_type\": \"relative_key\" in config.json is not supported: only \"absolute\" is"
    );
    assert_eq!(
        with_config("decoder", "bert", json!({"is_decoder": true})),
        "\"is_decoder\": true in config.json is not supported: only false is"
    );
    assert_eq!(
        with_config(
            "rope",
            "llama",
            json!({"rope_parameters": {"rope_type": "yarn", "factor": 2.0}})
        ),
        "\"rope_parameters\": \"yarn\" in config.json is not supported: supported types are default, linear and llama3"
    );
    assert_eq!(
        with_config(
            "rope-old",
            "llama",
            json!({"rope_parameters": null, "rope_scaling": {"type": "dynamic", "factor": 2.0}})
        ),
        "\"rope_scaling\": \"dynamic\" in config.json is not supported: supported types are default, linear and llama3"
    );
    assert_eq!(
        with_config("activation", "bert", json!({"hidden_act": "mish"})),
        "\"hidden_act\": \"mish\" in config.json is not supported: supported are gelu, gelu_new, gelu_pytorch_tanh, gelu_fast, \
         silu, swish, relu and tanh"
    );
    assert_eq!(
        with_config("heads", "bert", json!({"num_attention_heads": 5})),
        "\"hidden_size\" in config.json is 48, expected a multiple of num_attention_heads (5)"
    );
    assert_eq!(
        with_config("groups", "llama", json!({"num_key_value_heads": 3})),
        "\"num_attention_heads\" in config.json is 4, expected a multiple of num_key_value_heads (3)"
    );
    assert_eq!(
        with_config("missing-field", "gpt2", json!({"n_layer": null})),
        "\"n_layer\" in config.json is null, expected a whole number above 0"
    );
    assert_eq!(
        with_config("wrong-kind", "gpt2", json!({"n_embd": "48"})),
        "\"n_embd\" in config.json is \"48\", expected a whole number above 0"
    );
    assert_eq!(
        with_config("cross", "gpt2", json!({"add_cross_attention": true})),
        "\"add_cross_attention\": true in config.json is not supported: only false is"
    );
    assert_eq!(
        with_config("pruned", "bert", json!({"pruned_heads": {"1": [0, 2]}})),
        "\"pruned_heads\": {\"1\":[0,2]} in config.json is not supported: every block must have all of its heads"
    );
}

fn shape_with(test: &str, family: &str, fields: serde_json::Value) -> Shape {
    let dir = copy_of(family, &format!("shape-{test}"));
    set_config(&dir, fields);
    load_shape(&dir).unwrap()
}

#[test]
fn configuration_variants_mean_the_same() {
    let plain = load_shape(&oracle("llama")).unwrap();
    let old = json!({"rope_parameters": null, "rope_theta": 10000.0, "rope_scaling": null, "head_dim": null});
    assert_eq!(shape_with("rope-theta", "llama", old), plain);
    let theta = json!({"rope_parameters": null, "rope_theta": 500000.0});
    assert_ne!(shape_with("rope-other", "llama", theta), plain);

    let gpt2 = load_shape(&oracle("gpt2")).unwrap();
    assert_eq!((gpt2.intermediate, gpt2.max_length), (192, 64));
    assert_eq!(
        shape_with("n-inner", "gpt2", json!({"n_inner": 100})).intermediate,
        100
    );
    assert_eq!(
        shape_with(
            "tanh",
            "gpt2",
            json!({"activation_function": "gelu_pytorch_tanh"})
        ),
        gpt2
    );

    let roberta = load_shape(&oracle("roberta")).unwrap();
    assert_eq!(
        roberta.positions,
        Positions::Learned {
            rows: 66,
            offset: 2
        }
    );
    assert_eq!(roberta.max_length, 64);
    let xlm = shape_with("xlm", "roberta", json!({"model_type": "xlm-roberta"}));
    assert_eq!(xlm, roberta);
    assert_eq!(xlm.architecture, Architecture::Roberta);
}

/// Against `ROPE_INIT_FUNCTIONS` of transformers 5.23.0 with head_dim 12 and theta 10000.
#[test]
fn stretched_rotary_frequencies_equal_transformers() {
    let llama3 = json!({"rope_parameters": {"rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 512}});
    let linear = json!({"rope_parameters": null, "rope_theta": 10000.0, "rope_scaling": {"type": "linear", "factor": 4.0}});
    for (name, fields, expected) in [("llama3", llama3, LLAMA3), ("linear", linear, LINEAR)] {
        let shape = shape_with(name, "llama", fields);
        let Positions::Rotary {
            inverse_frequencies,
        } = shape.positions
        else {
            panic!("rotary")
        };
        for (found, expected) in inverse_frequencies.iter().zip(expected) {
            assert!(
                (found / expected - 1.0).abs() < 1e-6,
                "{name}: {inverse_frequencies:?}"
            );
        }
    }
}

const LLAMA3: [f64; 6] = [
    1.0,
    0.2154434472322464,
    0.04346875473856926,
    0.0012499999720603228,
    0.0002693042915780097,
    5.801986844744533e-05,
];
const LINEAR: [f64; 6] = [
    0.25,
    0.0538608618080616,
    0.011603971011936665,
    0.0024999999441206455,
    0.0005386085831560194,
    0.00011603973689489067,
];

#[test]
fn gpt2_attention_scaling_switches_change_the_scores() {
    let plain = load_shape(&oracle("gpt2")).unwrap();
    assert_eq!(plain.attention_scale(2), 1.0 / 12f64.sqrt());
    let inverse = shape_with(
        "inverse",
        "gpt2",
        json!({"scale_attn_by_inverse_layer_idx": true}),
    );
    assert_eq!(inverse.attention_scale(2), 1.0 / 12f64.sqrt() / 3.0);
    let unscaled = shape_with("unscaled", "gpt2", json!({"scale_attn_weights": false}));
    assert_eq!(unscaled.attention_scale(2), 1.0);
}

#[test]
fn llama_biases_are_read_where_the_configuration_has_them() {
    let dir = copy_of("llama", "llama-biases");
    set_config(&dir, json!({"attention_bias": true, "mlp_bias": true}));
    assert!(
        refusal(&dir).starts_with("tensor \"model.layers.0.self_attn.q_proj.bias\" is missing")
    );
    edit_tensors(&dir, |tensors| {
        let mut more = Vec::new();
        for (name, _, dims, _) in tensors.iter().filter(|t| t.0.ends_with("_proj.weight")) {
            let name = name.replace(".weight", ".bias");
            more.push((name, Dtype::F32, vec![dims[0]], floats(&vec![0.0; dims[0]])));
        }
        tensors.extend(more);
    });
    let zero = load(&dir, &device()).unwrap();
    assert_eq!(
        hidden(&zero, "llama"),
        hidden(&pretrained("llama"), "llama")
    );
    edit_tensors(&dir, |tensors| {
        let bias = tensors
            .iter_mut()
            .find(|t| t.0 == "model.layers.1.mlp.down_proj.bias")
            .unwrap();
        bias.3 = floats(&[0.5; 48]);
    });
    let half = load(&dir, &device()).unwrap();
    let bias = half.backbone.blocks[1]
        .feed_forward
        .down
        .bias
        .as_ref()
        .unwrap();
    assert_eq!(values(bias.val()), [0.5; 48]);
    assert_ne!(hidden(&half, "llama"), hidden(&zero, "llama"));
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
