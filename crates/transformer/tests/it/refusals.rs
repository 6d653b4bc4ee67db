//! What is refused of damaged weights and files, with what was found, what was expected and the next step.

use std::path::Path;

use safetensors::Dtype;
use serde_json::json;
use transformer::load_backbone;

use crate::fixtures::*;

/// The message of a load that must fail, with the directory taken out.
pub(crate) fn refusal(dir: &Path) -> String {
    let error = load_backbone(dir, &device())
        .expect_err("a refusal")
        .to_string();
    error
        .replace(&format!("{}/", dir.display()), "")
        .replace(&dir.display().to_string(), "DIR")
}

/// Damages a copy of BERT and returns what loading it says.
pub(crate) fn damaged(test: &str, family: &str, damage: impl FnOnce(&Path)) -> String {
    let dir = copy_of(family, &format!("refusal-{test}"));
    damage(&dir);
    refusal(&dir)
}

pub(crate) fn with_config(test: &str, family: &str, fields: serde_json::Value) -> String {
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
        "DIR holds neither model.safetensors nor model.safetensors.index.json; it has pytorch_model.bin, which is a pickle and could run \
         any code; convert it where you trust it: python -c \"from transformers import BertModel as M, AutoTokenizer as T; \
         s, t = 'DIR', 'refusal-no-weights-safetensors'; M.from_pretrained(s).save_pretrained(t); \
         T.from_pretrained(s).save_pretrained(t)\""
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
