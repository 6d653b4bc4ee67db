//! Every method of `METHODS` through the conformance kit on a tiny model of each kind of block; what merges, and what is written as a PEFT
//! checkpoint and read back, on them all.
#![allow(missing_docs)]

use adapt::conformance::kinds::{DECODERS, ENCODERS, Kind};
use adapt::conformance::{Bench, CHECKS, variants};
use adapt::{HeadPolicy, Method, Predictor, with_setting};
use burn::tensor::Device;
use runner::METHODS;
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::path::Path;
use transformer::Pretrained;

/// Where the tokenizer comes from.
fn fixture(name: &str) -> Pretrained {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/oracle")
        .join(name);
    transformer::load(&dir, &Device::flex()).expect("the fixture loads")
}

fn all() -> impl Iterator<Item = (&'static Kind, &'static str)> {
    let encoders = ENCODERS.iter().map(|kind| (kind, "bert"));
    encoders.chain(DECODERS.iter().map(|kind| (kind, "llama")))
}

fn bench(family: &str, head: HeadPolicy) -> Bench {
    let (kind, tokenizer) = all()
        .find(|(kind, _)| kind.family == family)
        .expect("a kind");
    let base = kind.model(&fixture(tokenizer)).expect("a model");
    Bench::new(base, Device::flex().autodiff()).with_head(head)
}

fn applicable(bench: &Bench) -> impl Iterator<Item = &'static dyn Method> {
    let fits = move |method: &&'static dyn Method| method.not_applicable(&bench.base).is_none();
    METHODS.iter().copied().filter(fits)
}

/// Whether a method that trains a head can train theirs.
fn takes_heads_of_transformers(method: &dyn Method) -> bool {
    let plan = method.plan(Value::Null).expect("the defaults");
    let heads = plan.as_trainable().map(|plan| plan.heads());
    heads.is_none_or(|heads| heads.contains(&HeadPolicy::Transformers))
}

fn conforms(family: &str) {
    let bench = bench(family, HeadPolicy::Linear);
    let mut failures = Vec::new();
    for variant in applicable(&bench).flat_map(variants) {
        for (name, check) in CHECKS {
            if let Err(reason) = check(&variant, &bench) {
                failures.push(format!("{variant} on {family}: {name}: {reason}"));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_method_conforms_with_windows_and_fused_maps() {
    conforms("modernbert");
}

#[test]
fn every_method_conforms_with_a_score_bias() {
    conforms("mpnet");
}

#[test]
fn every_method_conforms_with_vectors_of_distances() {
    conforms("deberta-v2");
}

#[test]
fn every_method_conforms_with_layers_that_share_blocks() {
    conforms("albert");
}

#[test]
fn every_method_conforms_with_norms_of_queries_and_keys() {
    conforms("qwen3");
}

#[test]
fn every_method_conforms_with_norms_before_and_after_and_soft_caps() {
    conforms("gemma2");
}

#[test]
fn every_method_conforms_with_attention_beside_the_feed_forward() {
    conforms("gpt_neox");
}

#[test]
fn counts_and_starts_hold_on_every_kind_with_the_heads_of_transformers() {
    let mut failures = Vec::new();
    for (kind, _) in all() {
        let bench = bench(kind.family, HeadPolicy::Transformers);
        let wanted = [
            "closed_form",
            "two_steps",
            "pretrained_function",
            "saved",
            "cached",
        ];
        let checks = CHECKS
            .iter()
            .filter(|(name, _)| wanted.iter().any(|part| name.contains(part)));
        for (name, check) in checks {
            for method in applicable(&bench).filter(|method| takes_heads_of_transformers(*method)) {
                if let Err(reason) = check(method, &bench) {
                    let method = method.info().name;
                    failures.push(format!("{method} on {}: {name}: {reason}", kind.family));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn what_does_not_apply_says_why_and_what_to_use() {
    let refused = |family: &str, method: &str| {
        let bench = bench(family, HeadPolicy::Linear);
        let found = METHODS.iter().find(|m| m.info().name == method);
        found.expect("a method").not_applicable(&bench.base)
    };
    let bitfit = refused("qwen3", "bitfit").expect("no biases");
    assert!(bitfit.contains("bias") && bitfit.contains("layer-norm"));
    assert_eq!(refused("gpt_neox", "bitfit"), None);
    let albert = bench("albert", HeadPolicy::Linear);
    let last = METHODS.iter().find(|m| m.info().name == "finetune-last");
    let error = albert.fit(
        *last.expect("a method"),
        json!({"blocks": 3}),
        albert.budget(1, 4),
    );
    let error = error.err().expect("a refusal");
    assert!(error.contains("2 blocks") && error.contains("4 layers share"));
}

fn trained(bench: &Bench, name: &str, config: Value) -> Box<dyn Predictor> {
    let method = METHODS.iter().find(|m| m.info().name == name);
    let config = with_setting(config, "learning_rate", json!(0.02));
    let fitted = bench.fit(*method.expect("a method"), config, bench.budget(2, 4));
    fitted.unwrap_or_else(|error| panic!("{name} on {}: {error}", bench.base.name))
}

fn apart(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    let (found, expected) = (found.concat(), expected.concat());
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0f32, |most, v| most.max(v.abs()));
    found
        .iter()
        .zip(&expected)
        .fold(0f32, |most, (a, b)| match (a - b).abs() {
            difference if difference.is_nan() => f32::INFINITY,
            difference => most.max(difference / largest),
        })
}

/// Odd ranks, all maps, some of a fused one, both ways of scaling.
fn changes() -> Vec<(&'static str, Value)> {
    vec![
        (
            "lora",
            json!({"rank": 3, "alpha": 5, "targets": ["all"], "rank_stabilized": true}),
        ),
        (
            "lora",
            json!({"rank": 3, "alpha": 5, "targets": ["query", "gate", "down"], "dora": true}),
        ),
        (
            "lora",
            json!({"rank": 3, "alpha": 5, "targets": ["key", "up"], "init": "pissa", "from_block": 1}),
        ),
        ("ia3", json!({"targets": ["query", "value", "out", "up"]})),
        ("vera", json!({"rank": 7, "targets": ["all"]})),
        ("vera", json!({"rank": 7, "targets": ["key", "out"]})),
        ("layer-norm", json!({})),
        ("soft-prompt", json!({"tokens": 5})),
        ("prefix-tuning", json!({"tokens": 5})),
    ]
}

#[test]
fn what_merges_answers_the_same_on_every_kind() {
    let mut merging = 0;
    for (kind, _) in all() {
        let bench = bench(kind.family, HeadPolicy::Linear);
        for (name, config) in changes() {
            let what = format!("{} {name} {config}", kind.family);
            let predictor = trained(&bench, name, config);
            let Some(merged) = predictor.merged() else {
                continue;
            };
            let expected = predictor.class_logits(bench.examples()).expect("logits");
            let found = merged.class_logits(bench.examples()).expect("logits");
            let difference = apart(&found, &expected);
            assert!(difference < 1e-4, "{what}: {difference:.1e}");
            merging += 1;
        }
    }
    assert_eq!(merging, 6 * all().count());
}

#[test]
fn what_is_written_for_peft_reads_back_to_the_trained_logits_on_every_kind() {
    let (mut wrong, mut read_back) = (Vec::new(), 0);
    for (kind, _) in all() {
        let bench = bench(kind.family, HeadPolicy::Transformers);
        for (name, config) in changes() {
            let what = format!("{} {name} {config}", kind.family);
            let is_prefix = name == "prefix-tuning";
            let predictor = trained(&bench, name, config);
            let dir = tempfile::tempdir().expect("a folder");
            let portable = predictor.portable();
            let written =
                peft_exchange::write(dir.path(), portable.as_ref(), &bench.base, "org/base");
            let takes_past = ENCODERS.iter().all(|e| e.family != kind.family);
            let takes_past = takes_past || kind.family == "electra";
            if is_prefix && !takes_past {
                let error = written.expect_err("transformers takes no prefix there");
                assert!(error.to_string().contains("past_key_values"), "{what}");
                continue;
            }
            written.unwrap_or_else(|error| panic!("{what}: {error}"));
            let back = peft_exchange::read(dir.path(), &bench.base)
                .unwrap_or_else(|error| panic!("{what}: {error}"))
                .cut_to(NonZeroUsize::new(24).expect("not zero"))
                .in_batches_of(NonZeroUsize::new(3).expect("not zero"));
            let expected = predictor.class_logits(bench.examples()).expect("logits");
            let found = back.class_logits(bench.examples()).expect("logits");
            let difference = apart(&found, &expected);
            if difference > 1e-5 {
                wrong.push(format!("{what}: {difference:.1e}"));
            }
            read_back += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read_back > 80, "{read_back}");
}
