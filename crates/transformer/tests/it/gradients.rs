//! The backward pass and ten optimiser steps equal PyTorch's. Fixtures: scripts/reference_training.py.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Gradients, Int, Tensor, TensorData};
use transformer::{Backbone, Batch, Linear, ParameterName, Pass, Pooling, Storage, load, pool};

use crate::fixtures::*;

const TRAINED: [&str; 3] = ["bert", "gpt2", "llama"];

#[derive(Module, Debug)]
struct Classifier {
    backbone: Backbone,
    head: Linear,
}

struct Reference {
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    record: serde_json::Value,
    batch: Batch,
    labels: Tensor<1, Int>,
    pooling: Pooling,
}

fn reference(family: &str) -> (Classifier, Reference) {
    let dir = fixture("training");
    let tensors = tensors(&dir.join(format!("{family}.safetensors")));
    let text = std::fs::read_to_string(dir.join(format!("{family}.json"))).unwrap();
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    let device = device().autodiff();
    let on = |data: &(Vec<usize>, Vec<f32>)| TensorData::new(data.1.clone(), data.0.clone());
    let batch = Batch {
        ids: Tensor::<2>::from_data(on(&tensors["ids"]), &device).int(),
        types: None,
        mask: Tensor::from_data(on(&tensors["mask"]), &device),
    };
    let labels = Tensor::<1>::from_data(on(&tensors["labels"]), &device).int();
    let weight = Tensor::<2>::from_data(on(&tensors["init.head.weight"]), &device).transpose();
    let bias = Tensor::from_data(on(&tensors["init.head.bias"]), &device);
    let head = Linear {
        weight: Param::from_tensor(weight),
        bias: Some(Param::from_tensor(bias)),
    };
    let backbone = load(&oracle(family), &device).unwrap().backbone;
    let pooling = match record["pooling"].as_str().unwrap() {
        "mean" => Pooling::Mean,
        _ => Pooling::LastToken,
    };
    let reference = Reference {
        tensors,
        record,
        batch,
        labels,
        pooling,
    };
    (Classifier { backbone, head }, reference)
}

impl Classifier {
    fn logits(&self, reference: &Reference) -> Tensor<2> {
        let out = self.backbone.forward(&reference.batch, &Pass::plain());
        let pooled = pool(&out, reference.pooling);
        self.head.apply(&pooled)
    }

    fn loss(&self, reference: &Reference) -> Tensor<1> {
        let log = burn::tensor::activation::log_softmax(self.logits(reference), 1);
        let labels = reference.labels.clone().unsqueeze_dim::<2>(1);
        -log.gather(1, labels).mean()
    }
}

/// Gradients by parameter path.
struct Collect<'a> {
    gradients: &'a Gradients,
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
        let gradient = param.val().grad(self.gradients);
        let gradient = gradient.unwrap_or_else(|| panic!("{:?} has no gradient", self.path));
        self.found.insert(self.path.join("."), values(gradient));
    }
}

#[test]
fn gradients_of_every_parameter_equal_pytorch() {
    for family in TRAINED {
        let (model, reference) = reference(family);
        let loss = model.loss(&reference);
        let expected = reference.record["loss"].as_f64().unwrap();
        assert!((f64::from(values(loss.clone())[0]) - expected).abs() < 1e-5);
        let mut collect = Collect {
            gradients: &loss.backward(),
            path: Vec::new(),
            found: BTreeMap::new(),
        };
        model.visit(&mut collect);
        let found = collect.found;

        let mut names = model.backbone.parameter_names();
        for name in &mut names {
            name.path = format!("backbone.{}", name.path);
        }
        let head = |part: &str, dims: Vec<usize>, storage| ParameterName {
            path: format!("head.{part}"),
            tensor: format!("head.{part}"),
            dims,
            storage,
            offset: 0.0,
        };
        let width = model.head.d_in();
        names.push(head("weight", vec![width, 3], Storage::Transposed));
        names.push(head("bias", vec![3], Storage::Same));
        let paths: Vec<_> = names.iter().map(|name| name.path.clone()).collect();
        assert!(
            found.keys().all(|path| paths.contains(path)),
            "a parameter without a name"
        );
        assert_eq!(found.len(), names.len());

        let mut seen = std::collections::BTreeSet::new();
        let (mut worst, mut where_) = (0f64, String::new());
        for name in &names {
            let key = format!("grad.{}", name.tensor);
            let stored = &reference.tensors[&key];
            let expected = part(stored, name);
            // Relative to the tensor's largest gradient, but not finer than PyTorch's own f32 error: key biases have a true
            // gradient of zero and hold rounding noise.
            let of = |list: &str| reference.record[list][&name.tensor].as_f64().unwrap();
            let floor = 3.0 * of("gradient_f32_error_max_abs");
            let allowed = 1e-4 * of("gradient_max_abs_f64") + floor + 1e-8;
            let difference = largest_difference(&found[&name.path], &expected);
            assert!(
                difference <= allowed,
                "{family}: gradient of {} differs by {difference:e}, allowed {allowed:e}",
                name.path
            );
            if difference / allowed > worst {
                (worst, where_) = (difference / allowed, name.path.clone());
            }
            seen.insert(key);
        }
        let all = reference
            .tensors
            .keys()
            .filter(|key| key.starts_with("grad."));
        assert_eq!(
            all.count(),
            seen.len(),
            "{family}: a gradient of PyTorch's was not compared"
        );
        println!(
            "{family}: {} gradients, worst at {:.2} of the tolerance ({where_})",
            names.len(),
            worst
        );
    }
}

/// The part of a stored tensor that a parameter is, in our layout.
fn part((dims, values): &(Vec<usize>, Vec<f32>), name: &ParameterName) -> Vec<f32> {
    match &name.storage {
        Storage::Same => values.clone(),
        Storage::Transposed => {
            let (rows, columns) = (dims[0], dims[1]);
            let order = (0..columns).flat_map(|c| (0..rows).map(move |r| r * columns + c));
            order.map(|at| values[at]).collect()
        }
        Storage::Columns { range, of } => {
            let rows = values.chunks_exact(*of);
            rows.flat_map(|row| row[range.clone()].to_vec()).collect()
        }
        other => panic!("none of these models stores {other:?}"),
    }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| f64::from(a - b).abs());
    differences.fold(0.0, f64::max)
}

#[test]
fn ten_adamw_steps_follow_pytorch() {
    for family in TRAINED {
        let (mut model, reference) = reference(family);
        let record = &reference.record["constant"];
        let settings = &reference.record["optimizer"];
        let number = |key: &str| settings[key].as_f64().unwrap();
        let mut optimizer = ModuleOptimizer::from(ops::AdamW {
            beta_1: number("beta_1"),
            beta_2: number("beta_2"),
            epsilon: number("epsilon"),
            weight_decay: number("weight_decay"),
        });
        let mut losses = Vec::new();
        for _ in 0..10 {
            let loss = model.loss(&reference);
            losses.push(f64::from(values(loss.clone())[0]));
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(number("lr"), model, gradients);
        }
        losses.push(f64::from(values(model.loss(&reference))[0]));
        let list = |key: &str| -> Vec<f64> {
            record[key]
                .as_array()
                .unwrap()
                .iter()
                .map(|x| x.as_f64().unwrap())
                .collect()
        };
        let mut expected = list("losses");
        expected.push(record["final_loss"].as_f64().unwrap());
        let mut worst = 0f64;
        for (step, (found, expected)) in losses.iter().zip(&expected).enumerate() {
            let difference = (found - expected).abs();
            assert!(
                difference < 1e-5,
                "{family}, step {step}: loss {found}, PyTorch {expected}"
            );
            worst = worst.max(difference);
        }
        println!(
            "{family}: losses {:.4} to {:.4}, worst difference {worst:.1e}",
            expected[0], expected[10]
        );
    }
}
