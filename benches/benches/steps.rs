//! `cargo bench --bench steps`: a forward pass, feature extraction and in-context scoring. Training steps are in `methods.rs`.
//!
//! All at batch 16 × 128 tokens on random weights of MiniLM's size (benches/src/lib.rs). For races against PyTorch see scripts/race.sh.

use adapt::{Budget, Event, Setting};
use benches::{decoder, encoder, texts};
use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;
use std::num::NonZeroUsize;
use transformer::{Pass, Side, collate};

const BATCH: usize = 16;
const LENGTH: usize = 128;

fn forward(c: &mut Criterion) {
    let device = Device::flex();
    let mut group = c.benchmark_group("forward 16x128");
    group
        .throughput(Throughput::Elements(BATCH as u64))
        .sample_size(10);
    for (name, model) in [("encoder", encoder(&device)), ("decoder", decoder(&device))] {
        let split = texts(BATCH);
        let pairs: Vec<_> = split
            .examples
            .iter()
            .map(|e| (e.text.as_str(), None))
            .collect();
        let encoded = model.tokenizer.encode(&pairs, LENGTH).expect("plain texts");
        let batch = collate(
            &encoded.iter().collect::<Vec<_>>(),
            model.tokenizer.pad_id(),
            Side::Right,
            &device,
        );
        group.bench_function(name, |b| {
            b.iter(|| {
                let out = model.backbone.forward(&batch, &Pass::plain());
                device.sync().expect("the device answers");
                out
            });
        });
    }
    group.finish();
}

/// Prediction by the methods that train nothing by gradient: features or prompts, and what comes after.
fn scoring(c: &mut Criterion) {
    let mut group = c.benchmark_group("scoring 16 texts");
    group
        .throughput(Throughput::Elements(BATCH as u64))
        .sample_size(10);
    let device = Device::flex();
    for (kind, model) in [("encoder", encoder(&device)), ("decoder", decoder(&device))] {
        for method in runner::METHODS.iter().filter(|m| m.info().uses_model) {
            let plan = method.plan(Value::Null).expect("the defaults are valid");
            if plan.as_trainable().is_some() || method.not_applicable(&model).is_some() {
                continue;
            }
            let classes = ["bad", "good"].map(str::to_owned);
            let (train, queries) = (texts(64), texts(BATCH));
            let mut ignore = |_: Event| {};
            let setting = Setting {
                base: Some(model.clone()),
                classes: &classes,
                descriptions: None,
                train: &train,
                validation: &queries,
                budget: Budget {
                    max_length: NonZeroUsize::new(LENGTH).expect("not zero"),
                    ..Budget::default()
                },
                seed: 1,
                device: &device.clone().autodiff(),
                shared: None,
                events: &mut ignore,
            };
            let predictor = plan.fit(setting).expect("fitting on plain texts");
            group.bench_function(BenchmarkId::new(method.info().name, kind), |b| {
                b.iter(|| {
                    predictor
                        .class_logits(&queries.examples)
                        .expect("plain texts")
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, forward, scoring);
criterion_main!(benches);
