use super::*;
use crate::METHODS;
use crate::sources::bundled;
use adapt::conformance::kinds::{DECODERS, ENCODERS};
use adapt::{CrossEntropy, Head};
use burn::tensor::Device;
use serde_json::Value;
use std::num::NonZeroUsize;

const HELD: Holding = Holding {
    heap_bytes: 1 << 20,
    resident_bytes: 20 << 20,
};

fn base() -> Pretrained {
    let tiny = bundled::models().find(|bundle| bundle.name == "tiny-bert");
    let dir = tiny.unwrap().unpack().unwrap();
    transformer::load(&dir, &Device::default()).unwrap()
}

fn task() -> Task {
    let reviews = bundled::tasks().next().unwrap();
    task::from_bytes(reviews.name, reviews.files).unwrap()
}

#[test]
fn what_a_method_says_it_inserts_has_the_parameters_that_it_trains() {
    let base = base();
    assert!(trained_as_said(&base) > 15);
}

#[test]
fn on_every_kind_of_model_too() {
    let base = base();
    for kind in ENCODERS.iter().chain(DECODERS) {
        let said = trained_as_said(&kind.model(&base).unwrap());
        assert!(said > 10, "{}: {said}", kind.family);
    }
}

/// How many methods and variants say of themselves what they train, all of them rightly.
fn trained_as_said(base: &Pretrained) -> usize {
    let task = task();
    let n = |n| NonZeroUsize::new(n).unwrap();
    // Steps that are heavier than filling the cache.
    let budget = Budget {
        batch: n(64),
        eval_batch: n(1),
        ..Budget::default()
    };
    let head = Head::params(budget.head, &base.shape, task.classes.len());
    let mut said = 0;
    for method in METHODS {
        if method.not_applicable(base).is_some() {
            continue;
        }
        let variants = method.variants().iter();
        let variants = variants.map(|text| serde_json::from_str(text).unwrap());
        for config in std::iter::once(Value::Null).chain(variants) {
            let plan = method.plan(config.clone()).unwrap();
            let Some(trained) = plan
                .as_trainable()
                .map(|plan| plan.trainable_params(&base.shape))
            else {
                continue;
            };
            let ahead = Ahead {
                plan: &*plan,
                base: Some(base),
                task: &task,
                train: &task.train,
                budget: &budget,
                seed: 0,
                device: "flex",
            };
            let predicted = predict(&ahead, HELD).unwrap();
            let name = format!("{} on {}", method.info().name, base.name);
            let predicted = predicted.unwrap_or_else(|| panic!("{name} does not say"));
            let moments = 8 * (trained + head);
            let is_head_alone = trained == 0 && predicted.optimizer_bytes == 0;
            assert!(
                is_head_alone || predicted.optimizer_bytes == moments,
                "{name} {config}: {} and not {moments}",
                predicted.optimizer_bytes
            );
            assert!(
                is_head_alone || predicted.snapshot_bytes == moments / 2,
                "{name}"
            );
            said += 1;
        }
    }
    said
}

#[test]
fn another_device_or_a_method_that_does_not_say_has_no_prediction() {
    let (base, task) = (base(), task());
    let budget = Budget::default();
    let predicted = |name: &str, device: &str| {
        let method = METHODS.iter().find(|method| method.info().name == name);
        let plan = method.unwrap().plan(Value::Null).unwrap();
        let ahead = Ahead {
            plan: &*plan,
            base: Some(&base),
            task: &task,
            train: &task.train,
            budget: &budget,
            seed: 0,
            device,
        };
        predict(&ahead, HELD).unwrap()
    };
    let [trained, searched] = ["finetune-all", "hard-prompt"];
    assert!(predicted(trained, "flex").is_some());
    assert!(predicted(trained, "wgpu").is_none());
    assert!(predicted(searched, "flex").is_none());
}

#[test]
fn the_heaviest_part_and_the_variety_are_those_of_the_batches_that_will_run() {
    let n = |n| NonZeroUsize::new(n).unwrap();
    let budget = Budget {
        batch: n(4),
        micro_batch: Some(n(2)),
        ..Budget::default()
    };
    let lengths = [9, 3, 3, 3, 3, 3, 3, 3];
    let texts = |lengths| TrainingTexts {
        budget: &budget,
        seed: 5,
        lengths,
        labels: &[0; 8],
    };
    let heaviest = heaviest_step(&CrossEntropy, &texts(&lengths), 0..1);
    let shape = |length| BatchShape { rows: 2, length };
    assert_eq!(heaviest.len(), 2);
    assert!(heaviest.contains(&shape(9)) && heaviest.contains(&shape(3)));
    let mean = (9.0 + 3.0 * 3.0) / 4.0;
    assert!((variety(&CrossEntropy, &texts(&lengths)) - (1.0 - mean / 9.0)).abs() < 1e-12);
    assert_eq!(variety(&CrossEntropy, &texts(&[4; 8])), 0.0);
    let first = first_batch(&budget, [&[2, 5], &lengths]);
    assert_eq!(first, BatchShape { rows: 8, length: 9 });
}
