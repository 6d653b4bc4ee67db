//! Directories that are nearly models: wrapped names, adapters, weights of other formats.

use std::path::Path;

use serde_json::json;
use transformer::{load, locate};

use crate::fixtures::*;
use crate::refusals::damaged;

/// Puts `lead` before every name.
fn wrap(dir: &Path, lead: &str) {
    edit_tensors(dir, |tensors| {
        tensors
            .iter_mut()
            .for_each(|tensor| tensor.0.insert_str(0, lead));
    });
}

#[test]
fn known_wrappers_around_a_model_are_taken_off_and_noted() {
    for (family, lead) in [
        ("bert", "_orig_mod."),
        ("bert", "module."),
        ("bert", "0.auto_model."),
        ("bert", "base_model.model.bert."),
        ("bert", "encoder."),
        ("distilbert", "module._orig_mod.distilbert."),
        ("roberta", "model.roberta."),
        ("gpt2", "_orig_mod."),
        ("gpt2", "module.model."),
        ("llama", "base_model.model."),
        ("llama", "_forward_module."),
    ] {
        let dir = copy_of(family, "wrapped");
        wrap(&dir, lead);
        let model = load(&dir, &device()).unwrap_or_else(|error| panic!("{lead}: {error}"));
        assert_eq!(
            hidden(&model, family),
            hidden(&pretrained(family), family),
            "{family} {lead}"
        );
        assert_eq!(
            model.language_head.is_some(),
            pretrained(family).language_head.is_some()
        );
        let [warning] = &model.warnings[..] else {
            panic!("{lead}: {:?}", model.warnings)
        };
        assert!(
            warning.starts_with("names of tensors are read without the \""),
            "{warning}"
        );
    }
}

#[test]
fn names_of_another_family_are_said_with_what_stands_there() {
    let words = "embeddings.word_embeddings.weight";
    let expected = format!(
        "no tensor in model.safetensors is called \"{words}\", the word embeddings of model_type \"bert\"; "
    );
    assert_eq!(
        damaged("unknown-lead", "bert", |dir| wrap(dir, "critic.")),
        format!(
            "{expected}it stands there as \"critic.{words}\": save the model that lies inside, with its own save_pretrained()"
        )
    );
    assert_eq!(
        damaged("two-models", "bert", |dir| edit_tensors(dir, |tensors| {
            let mut second = tensors.clone();
            second
                .iter_mut()
                .for_each(|tensor| tensor.0.insert_str(0, "model.bert."));
            tensors
                .iter_mut()
                .for_each(|tensor| tensor.0.insert_str(0, "encoder.bert."));
            tensors.extend(second);
        })),
        format!(
            "{expected}it stands there more than once, as \"encoder.bert.{words}\" and \"model.bert.{words}\": save the model that is meant, \
                 with its own save_pretrained()"
        )
    );
    let said = damaged("other-family", "bert", |dir| {
        std::fs::copy(
            oracle("gpt2").join("model.safetensors"),
            dir.join("model.safetensors"),
        )
        .unwrap();
    });
    assert!(
        said.ends_with(
            "names is \"transformer.h.0.attn.c_attn.bias\"; is config.json of another model?"
        ),
        "{said}"
    );
    let said = damaged("adapter-weights", "bert", |dir| {
        std::fs::copy(
            oracle("bert").join("adapters/lora-qv/adapter_model.safetensors"),
            dir.join("model.safetensors"),
        )
        .unwrap();
    });
    assert!(
        said.contains("these are the weights of a PEFT adapter, which goes to --adapter"),
        "{said}"
    );
    let said = damaged("peft-whole", "bert", |dir| {
        edit_tensors(dir, |tensors| {
            for tensor in tensors
                .iter_mut()
                .filter(|tensor| tensor.0.contains("self.query.weight"))
            {
                tensor.0 = tensor.0.replace("query.weight", "query.base_layer.weight");
            }
        })
    });
    assert!(said.ends_with("is there: this is a PEFT model saved whole: call merge_and_unload() before save_pretrained()"), "{said}");
}

/// What locating a directory says, with its place taken out.
fn located(dir: &Path) -> String {
    let said = locate(dir.to_str().unwrap()).unwrap_err().to_string();
    said.replace(dir.to_str().unwrap(), "DIR")
}

#[test]
fn an_adapter_is_told_from_a_model() {
    let dir = scratch("adapter-as-model");
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        std::fs::copy(
            oracle("bert").join("adapters/lora-qv").join(name),
            dir.join(name),
        )
        .unwrap();
    }
    let config = dir.join("adapter_config.json");
    std::fs::write(
        &config,
        json!({"base_model_name_or_path": "org/base"}).to_string(),
    )
    .unwrap();
    let said = "this is an adapter of PEFT, not a model; give it to predict as --adapter DIR with --model org/base";
    assert_eq!(located(&dir), said);
    // With the configuration of its model, which some trainers put there.
    std::fs::copy(oracle("bert").join("config.json"), dir.join("config.json")).unwrap();
    let error = load(&dir, &device()).unwrap_err().to_string();
    assert!(error.contains("tokenizer"), "{error}");
    std::fs::copy(
        oracle("bert").join("tokenizer.json"),
        dir.join("tokenizer.json"),
    )
    .unwrap();
    let error = load(&dir, &device()).unwrap_err().to_string();
    assert!(
        error.ends_with(&said.replace("DIR", dir.to_str().unwrap())),
        "{error}"
    );
    // Beside the weights of a model.
    std::fs::copy(
        oracle("bert").join("model.safetensors"),
        dir.join("model.safetensors"),
    )
    .unwrap();
    let warnings = load(&dir, &device()).unwrap().warnings;
    assert!(
        warnings
            .iter()
            .any(|warning| warning
                .contains("adapter_config.json in the model's directory is not used")),
        "{warnings:?}"
    );

    let parent = scratch("adapter-within");
    std::fs::create_dir(parent.join("default")).unwrap();
    std::fs::write(parent.join("default/adapter_config.json"), "{}").unwrap();
    assert_eq!(
        located(&parent),
        "the directory DIR holds no config.json; give a model directory in Hugging Face layout; in DIR/default: this is an adapter of PEFT, \
         not a model; give it to predict as --adapter DIR/default with --model the model that it was trained on"
    );
}

#[test]
fn files_and_directories_near_a_model_are_told_where_it_is() {
    let parent = scratch("near");
    for step in ["checkpoint-500", "checkpoint-1000"] {
        std::fs::create_dir(parent.join(step)).unwrap();
        std::fs::write(parent.join(step).join("config.json"), "{}").unwrap();
    }
    assert_eq!(
        located(&parent),
        "the directory DIR holds no config.json; give a model directory in Hugging Face layout; did you mean DIR/checkpoint-1000?"
    );
    let file = parent.join("checkpoint-500/config.json");
    assert_eq!(
        locate(file.to_str().unwrap())
            .unwrap_err()
            .to_string()
            .replace(parent.to_str().unwrap(), "DIR"),
        "DIR/checkpoint-500/config.json is a file; give the directory that holds config.json and model.safetensors: DIR/checkpoint-500"
    );
}

#[test]
fn weights_of_other_formats_are_named_with_the_next_step() {
    let holding = |names: &[&str]| {
        damaged("formats", "bert", |dir| {
            std::fs::remove_file(dir.join("model.safetensors")).unwrap();
            names
                .iter()
                .for_each(|name| std::fs::write(dir.join(name), "x").unwrap());
        })
    };
    let lead = "DIR holds neither model.safetensors nor model.safetensors.index.json";
    assert_eq!(holding(&["training_args.bin", "optimizer.pt"]), lead);
    for (names, found) in [
        (
            &["pytorch_model.bin"][..],
            "it has pytorch_model.bin, which is a pickle",
        ),
        (
            &[
                "pytorch_model-00001-of-00002.bin",
                "pytorch_model.bin.index.json",
                "training_args.bin",
            ],
            "it has pytorch_model-00001-of-00002.bin, which is a pickle",
        ),
        (
            &["consolidated.00.pth"],
            "it has consolidated.00.pth, which is a pickle",
        ),
        (
            &[
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
            ],
            "it has shards such as model-00001-of-00002.safetensors, and not their index model.safetensors.index.json; fetch that",
        ),
        (
            &["weights.safetensors"],
            "it has weights.safetensors; if that is the whole model, rename it to model.safetensors",
        ),
        (
            &["model-q4.gguf"],
            "it has model-q4.gguf: give that file itself as the model",
        ),
        (
            &["tf_model.h5"],
            "it has tf_model.h5, weights for TensorFlow; look for the same model in safetensors format",
        ),
        (
            &["flax_model.msgpack"],
            "it has flax_model.msgpack, weights for Flax; look for the same model",
        ),
        (
            &["model.onnx"],
            "it has model.onnx, a graph from which weights are not read",
        ),
    ] {
        let said = holding(names);
        assert!(said.starts_with(&format!("{lead}; {found}")), "{said}");
    }
}

#[test]
fn what_is_computed_otherwise_than_by_transformers_is_noted() {
    let noted = |family: &str, fields: serde_json::Value| {
        let dir = copy_of(family, "notes");
        set_config(&dir, fields);
        load(&dir, &device()).unwrap().warnings
    };
    let rounded = |format: &str| {
        [format!(
            "the weights are used as float32; transformers would compute in {format}"
        )]
    };
    assert_eq!(
        noted("bert", json!({"dtype": "bfloat16"})),
        rounded("bfloat16")
    );
    assert_eq!(
        noted("gpt2", json!({"dtype": null, "torch_dtype": "float16"})),
        rounded("float16")
    );
    assert_eq!(
        noted("bert", json!({"dtype": null, "torch_dtype": null})),
        Vec::<String>::new()
    );
    assert_eq!(
        noted("llama", json!({"pad_token_id": 32000})),
        [
            "\"pad_token_id\" in config.json is 32000, and the word embeddings have 380 rows: it is not used; padding is hidden from the model whatever its id is"
        ]
    );
    assert_eq!(
        noted("gpt2", json!({"embd_pdrop": 0.3})),
        [
            "\"embd_pdrop\" in config.json is 0.3, and embeddings are dropped at the rate of \"resid_pdrop\", 0.1, as everything else is"
        ]
    );
    assert_eq!(
        noted(
            "llama",
            json!({"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "factor": 2.0}})
        ),
        ["without effect on this kind of scaling: \"factor\" in \"rope_parameters\""]
    );
    assert_eq!(
        noted("bert", json!({"auto_map": {"AutoModel": "modeling.Mine"}})).len(),
        1
    );
}
