//! Loss and gradients of every parameter, language head included, against PyTorch's, for one checkpoint of each feature of a block.
//! The checkpoints are `tests/fixtures/features`, made by `scripts/reference_features.py`.

use crate::compare::values;
use crate::folders::{Oracle, Tensors, oracles, tensors};
use crate::report::report;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use transformer::{Backbone, Batch, LanguageHead, Pass, PretrainedBackbone, load_backbone};

/// Of a tensor's largest gradient, and of the largest of all: biases of keys shift every score of a query alike, so that their true gradient
/// is 0, and what both sides hold there is rounding.
const TOLERANCE: f64 = 1e-4;
const ROUNDING: f64 = 1e-6;

#[test]
fn every_gradient_equals_pytorchs() {
    let dir = tempfile::tempdir().unwrap();
    let mut faults = Vec::new();
    let mut compared = 0;
    let all = oracles().into_iter();
    for oracle in all.filter(|oracle| oracle.dir.join("gradients.safetensors").exists()) {
        faults.extend(check(&oracle, dir.path()));
        compared += 1;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(compared > 15, "{compared} checkpoints with gradients");
}

/// Everything that is wrong.
fn check(oracle: &Oracle, scratch: &Path) -> Vec<String> {
    let name = &oracle.name;
    let device = ops::test_device().autodiff();
    let model = match load_backbone(&oracle.dir, &device) {
        Ok(model) => model,
        Err(error) => return vec![format!("{name}: {error}")],
    };
    let loss = loss(oracle, &model, &device);
    let about = oracle.about();
    let expected_loss = about["loss"].as_f64().unwrap();
    let found_loss = f64::from(values(loss.clone())[0]);
    let mut faults = Vec::new();
    if (found_loss - expected_loss).abs() > TOLERANCE * expected_loss {
        faults.push(format!(
            "{name}: loss {found_loss}, PyTorch {expected_loss}"
        ));
    }
    let found = by_path(&model, Some(&loss.backward()));
    let expected = stored_gradients(oracle, scratch);
    if found.keys().ne(expected.keys()) {
        let (found, expected) = (found.keys(), expected.keys());
        faults.push(format!("{name}: gradients {found:?}, PyTorch {expected:?}"));
        return faults;
    }
    let largest = |values: &[f32]| {
        values
            .iter()
            .fold(0f64, |most, v| most.max(f64::from(v.abs())))
    };
    let of_all = expected
        .values()
        .map(|values| largest(values))
        .fold(0.0, f64::max);
    let mut worst = (0f64, "");
    for (path, expected) in &expected {
        let apart = largest_difference(&found[path], expected);
        let allowed = TOLERANCE * largest(expected) + ROUNDING * of_all;
        if apart / allowed > worst.0 {
            worst = (apart / allowed, path.as_str());
        }
        if apart > allowed {
            faults.push(format!(
                "{name}: gradient of {path} is off by {apart:.1e}, allowed {allowed:.1e}"
            ));
        }
    }
    println!(
        "{name}: {} gradients, worst at {:.2} of what is allowed: {}",
        expected.len(),
        worst.0,
        worst.1
    );
    let row = json!({"model_type": oracle.model_type(), "gradients": expected.len()});
    report("gradients", &oracle.name, row);
    faults
}

/// Infinite where something is no number, or there is no gradient at all.
fn largest_difference(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let pairs = found.iter().zip(expected);
    pairs.fold(0f64, |most, (a, b)| {
        let apart = f64::from(a - b).abs();
        if apart.is_nan() {
            f64::INFINITY
        } else {
            most.max(apart)
        }
    })
}

/// Mean cross-entropy over all tokens: of a fixed linear map of the states, and of the language head.
fn loss(oracle: &Oracle, model: &PretrainedBackbone, device: &Device) -> Tensor<1> {
    let tensors = tensors(&oracle.dir.join("expected.safetensors"));
    let on = |name: &str| of(&tensors, name);
    let batch = Batch {
        ids: whole(&tensors, "ids", device),
        types: None,
        mask: Tensor::from_data(on("mask"), device),
    };
    let targets = whole(&tensors, "targets", device);
    let probe = Tensor::<2>::from_data(on("probe"), device);
    let classes = probe.dims()[1] as i64;
    let out = model.backbone.forward(&batch, &Pass::plain()).x;
    let [b, t, width] = out.dims();
    let scores = out.clone().reshape([b * t, width]).matmul(probe); // [b·t, hidden] x [hidden, classes]
    let scores = scores.reshape([b, t, classes as usize]);
    let of_states = cross_entropy(
        scores,
        targets.clone().remainder_scalar(classes),
        &batch.mask,
    );
    match &model.language_head {
        None => of_states,
        Some(head) => {
            of_states
                + cross_entropy(
                    language_logits(head, &model.backbone, out),
                    targets,
                    &batch.mask,
                )
        }
    }
}

fn language_logits(head: &LanguageHead, backbone: &Backbone, states: Tensor<3>) -> Tensor<3> {
    if head.tied {
        head.logits_tied(states, &backbone.embeddings.word)
    } else {
        head.logits(states)
    }
}

/// `[b, t, classes]` and `[b, t]`, the mean where the mask is 1.
fn cross_entropy(scores: Tensor<3>, targets: Tensor<2, Int>, mask: &Tensor<2>) -> Tensor<1> {
    let chosen = log_softmax(scores, 2).gather(2, targets.unsqueeze_dim::<3>(2)); // [b, t, 1]
    let chosen = chosen.squeeze_dim::<2>(2) * mask.clone();
    -(chosen.sum() / mask.clone().sum())
}

fn of(tensors: &Tensors, name: &str) -> TensorData {
    let (dims, values) = &tensors[name];
    TensorData::new(values.clone(), dims.clone())
}

fn whole(tensors: &Tensors, name: &str, device: &Device) -> Tensor<2, Int> {
    Tensor::<2>::from_data(of(tensors, name), device).int()
}

/// PyTorch's gradients by our paths. They are stored as a checkpoint of the model, and read as one: what is fused, transposed or shared in the
/// file is put into our parameters by the reader that puts the weights there.
fn stored_gradients(oracle: &Oracle, scratch: &Path) -> BTreeMap<String, Vec<f32>> {
    oracle.copy_with(&oracle.config, scratch);
    let gradients = oracle.dir.join("gradients.safetensors");
    std::fs::copy(gradients, scratch.join("model.safetensors")).unwrap();
    let model = load_backbone(scratch, &ops::test_device()).unwrap();
    let mut all = by_path(&model, None);
    // What the reader adds to a stored weight (Gemma's gains) is no part of its gradient.
    for name in model.backbone.parameter_names() {
        let values = all.get_mut(&name.path).unwrap();
        values.iter_mut().for_each(|value| *value -= name.offset);
    }
    all
}

/// Of every parameter its gradient, or without gradients its values. A tied output matrix is that of the embeddings.
fn by_path(
    model: &PretrainedBackbone,
    gradients: Option<&Gradients>,
) -> BTreeMap<String, Vec<f32>> {
    let mut collect = Collect {
        gradients,
        path: Vec::new(),
        found: BTreeMap::new(),
    };
    model.backbone.visit(&mut collect);
    if let Some(head) = &model.language_head {
        collect.path.push("language_head".to_owned());
        head.visit(&mut collect);
        if head.tied {
            collect.found.remove("language_head.decoder");
        }
    }
    collect.found
}

struct Collect<'a> {
    gradients: Option<&'a Gradients>,
    path: Vec<String>,
    found: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        let value = match self.gradients {
            None => values(param.val()),
            // Without a gradient it has no part in the loss, which no parameter may have.
            Some(gradients) => param.val().grad(gradients).map_or(Vec::new(), values),
        };
        self.found.insert(path, value);
    }
}
