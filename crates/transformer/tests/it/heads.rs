//! Masked-language-model heads equal those of `transformers`. Fixtures: scripts/reference_mlm.py.

use burn::tensor::Tensor;
use safetensors::Dtype;
use transformer::{Pass, Side, load, load_backbone};

use crate::fixtures::*;

/// The oracle's weights under their prefix, with the head that the fixture holds.
fn with_head(family: &str, test: &str) -> std::path::PathBuf {
    let dir = copy_of(family, test);
    let head = raw_tensors(&fixture("mlm").join(format!("{family}.safetensors")));
    edit_tensors(&dir, |tensors| {
        for (name, ..) in tensors.iter_mut() {
            *name = format!("{family}.{name}");
        }
        tensors.retain(|(name, ..)| !name.contains("pooler"));
        for (name, format, dims, bytes) in head {
            if let Some(name) = name.strip_prefix("head.") {
                tensors.push((name.to_owned(), format, dims, bytes));
            }
        }
    });
    dir
}

#[test]
fn masked_language_heads_equal_transformers() {
    for family in ["bert", "distilbert", "roberta"] {
        let dir = with_head(family, &format!("mlm-{family}"));
        let text = std::fs::read_to_string(fixture("mlm").join(format!("{family}.json"))).unwrap();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut names: Vec<_> = raw_tensors(&dir.join("model.safetensors"))
            .into_iter()
            .map(|t| t.0)
            .collect();
        names.sort();
        assert_eq!(serde_json::json!(names), record["tensor_names"], "{family}");

        let model = load(&dir, &device()).unwrap();
        assert_eq!(model.warnings, Vec::<String>::new(), "{family}");
        assert!(model.pooler.is_none());
        let expected = tensors(&fixture("mlm").join(format!("{family}.safetensors")));
        let batch = batch(&model, &texts(family), Side::Right);
        let out = model.backbone.forward(&batch, &Pass::plain());
        let head = model.language_head.unwrap();
        assert!(head.tied);
        let logits: Tensor<3> = head.logits(out.x);
        let rows = expected["positions"]
            .1
            .iter()
            .enumerate()
            .map(|(row, &at)| {
                let at = at as usize;
                values(logits.clone().slice([row..row + 1, at..at + 1]))
            });
        let found = difference(
            &rows.flatten().collect::<Vec<_>>(),
            &expected["logits"].1,
            &[1.0; 5],
        );
        println!("{family}: masked logits {found:.1e} of the largest value");
        assert!(found < 1e-4, "{family}: {found:e}");
    }
}

#[test]
fn a_head_with_a_matrix_of_its_own_is_not_tied() {
    let dir = with_head("bert", "mlm-untied");
    set_config(&dir, serde_json::json!({"tie_word_embeddings": false}));
    let error = load(&dir, &device()).unwrap_err().to_string();
    assert!(
        error.starts_with("tensor \"cls.predictions.decoder.weight\" is missing"),
        "{error}"
    );
    let matrix: Vec<f32> = (0..260 * 48).map(|i| (i % 17) as f32 * 0.01).collect();
    edit_tensors(&dir, |tensors| {
        let name = "cls.predictions.decoder.weight".to_owned();
        tensors.push((name, Dtype::F32, vec![260, 48], floats(&matrix)));
    });
    let head = load(&dir, &device()).unwrap().language_head.unwrap();
    assert!(!head.tied);
    assert_eq!(values(head.decoder.val()), matrix);
}

#[test]
fn a_backbone_without_head_has_none_and_keeps_its_pooler() {
    let bert = pretrained("bert");
    assert!(bert.language_head.is_none());
    let expected = tensors(&oracle("bert").join("model.safetensors"));
    let pooler = bert.pooler.unwrap();
    let weight: Tensor<2> = tensor(&expected["pooler.dense.weight"]);
    assert_eq!(
        values(pooler.dense.weight.val()),
        values(weight.clone().transpose())
    );
    let first = Tensor::<2>::ones([2, 48], &device());
    let bias: Tensor<1> = tensor(&expected["pooler.dense.bias"]);
    let by_hand = (first.clone().matmul(weight.transpose()) + bias.unsqueeze::<2>()).tanh();
    assert_close(
        &values(pooler.apply(first)),
        &values(by_hand),
        1e-6,
        "pooler",
    );
    assert!(pretrained("distilbert").pooler.is_none());
}

#[test]
fn a_tied_decoder_is_the_word_embedding_and_takes_no_gradient() {
    let model = load_backbone(&oracle("gpt2"), &device().autodiff()).unwrap();
    let head = model.language_head.unwrap();
    assert!(head.tied);
    assert!(!head.decoder.val().is_require_grad());
    assert!(
        model
            .backbone
            .embeddings
            .word
            .weight
            .val()
            .is_require_grad()
    );
}
