//! Head, A and B learn at rates of their own. The first step of Adam moves every number whose gradient is not tiny by its rate, up to the
//! sign (Kingma & Ba 2015, section 2.1), so that what was zero before it shows its rate.

use adapt::{Budget, Change, Event, Method, Portable, Setting};
use burn::tensor::Device;
use lora::LORA;
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::path::Path;
use task::{Example, Split};

/// Trains for one step; also the rate that the head is said to have.
fn after_one_step(config: Value, head_learning_rate: Option<f64>) -> (Portable, f64) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures/oracle");
    let texts = ["a gripping film", "not bad at all , in fact rather good"];
    let example = |(row, text): (usize, &&str)| Example {
        row: row as u64,
        text: (*text).to_owned(),
        second: None,
        label: 1,
    };
    let split = Split {
        examples: texts.iter().enumerate().map(example).collect(),
    };
    let classes = ["bad", "good"].map(str::to_owned);
    let mut said = None;
    let setting = Setting {
        base: Some(transformer::load(&root.join("bert"), &Device::flex()).unwrap()),
        classes: &classes,
        descriptions: None,
        train: &split,
        validation: &split,
        budget: Budget {
            epochs: NonZeroUsize::MIN,
            warmup_share: 0.0,
            clip_norm: f64::MAX,
            dropout: Some(0.0),
            head_learning_rate,
            ..Budget::default()
        },
        seed: 1,
        device: &Device::flex().autodiff(),
        shared: None,
        events: &mut |event| {
            if let Event::HeadLearningRate(rate) = event {
                said = Some(rate);
            }
        },
    };
    let predictor = LORA.plan(config).unwrap().fit(setting).unwrap();
    (predictor.portable().unwrap(), said.unwrap())
}

fn largest(values: Vec<f32>) -> f64 {
    let values = values.into_iter().map(f64::from);
    values.fold(0.0, |largest, value| largest.max(value.abs()))
}

/// How far the head's bias and the corrections' B have come from zero.
fn moved(portable: &Portable) -> [f64; 2] {
    let bias = portable.head.bias.as_ref().unwrap().val();
    let Change::LowRank { maps, .. } = &portable.change else {
        panic!("not LoRA")
    };
    let b = maps
        .iter()
        .map(|map| largest(adapt::to_floats(map.b.clone())));
    [largest(adapt::to_floats(bias)), b.fold(0.0, f64::max)]
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!(
        (found / expected - 1.0).abs() < 1e-2,
        "{found:e}, expected {expected:e}"
    );
}

#[test]
fn the_head_learns_at_its_own_rate_and_the_corrections_at_the_methods() {
    for (given, rate) in [
        (Some(7e-3), 7e-3),
        (Some(2e-4), 2e-4),
        (None, adapt::HEAD_LEARNING_RATE),
    ] {
        let (trained, said) = after_one_step(json!({"rank": 3, "learning_rate": 3e-4}), given);
        let [head, b] = moved(&trained);
        close(head, rate);
        close(b, 3e-4);
        assert_eq!(said, rate);
    }
}

#[test]
fn a_ratio_of_rates_within_the_method_leaves_the_heads_alone() {
    let config = json!({"rank": 3, "learning_rate": 1e-4, "b_rate_ratio": 16});
    let [head, b] = moved(&after_one_step(config, Some(2e-3)).0);
    close(head, 2e-3);
    close(b, 1.6e-3);
}
