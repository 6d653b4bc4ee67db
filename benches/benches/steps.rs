//! `cargo bench`: a forward pass, one training step of every gradient-trained method, feature extraction and in-context scoring.
//!
//! All at batch 16 × 128 tokens on random weights of MiniLM's size (benches/src/lib.rs). A training step is timed from the end of one step to the end of the
//! next within a real run of the training loop, first step excluded. For races against PyTorch see scripts/race.sh.

use adapt::{Budget, Event, Method, Phase, Setting};
use benches::{decoder, encoder, texts};
use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::Value;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};
use transformer::{Pass, Pretrained, Side, collate};

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

fn training_step(c: &mut Criterion) {
    let model = encoder(&Device::flex());
    let mut group = c.benchmark_group("training step 16x128");
    group
        .throughput(Throughput::Elements(BATCH as u64))
        .sample_size(10)
        .measurement_time(Duration::from_secs(8));
    for method in runner::METHODS {
        let plan = method.plan(Value::Null).expect("the defaults are valid");
        if plan.as_trainable().is_none() || method.not_applicable(&model).is_some() {
            continue;
        }
        group.bench_function(BenchmarkId::from_parameter(method.info().name), |b| {
            b.iter_custom(|steps| time_steps(*method, &model, steps as usize));
        });
    }
    group.finish();
}

/// Seconds of `steps` optimisation steps after the first, within one run of the loop.
fn time_steps(method: &dyn Method, model: &Pretrained, steps: usize) -> Duration {
    let train = texts(BATCH * (steps + 1));
    let validation = texts(2);
    let classes = ["a", "b"].map(str::to_owned);
    let (mut first, mut last) = (None, Instant::now());
    let mut events = |event: Event| match event {
        Event::Began(Phase::Train) => first = first.or(Some(Instant::now())),
        Event::StepDone { .. } => last = Instant::now(),
        _ => {}
    };
    let n = |n| NonZeroUsize::new(n).expect("not zero");
    let setting = Setting {
        base: Some(model.clone()),
        classes: &classes,
        descriptions: None,
        train: &train,
        validation: &validation,
        budget: Budget {
            epochs: n(1),
            batch: n(BATCH),
            max_length: n(LENGTH),
            ..Budget::default()
        },
        seed: 1,
        device: &Device::flex().autodiff(),
        events: &mut events,
    };
    let plan = method.plan(Value::Null).expect("the defaults are valid");
    plan.fit(setting).expect("training on plain texts");
    last.duration_since(first.expect("a step was taken"))
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

criterion_group!(benches, forward, training_step, scoring);
criterion_main!(benches);
