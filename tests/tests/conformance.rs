//! Every method of `METHODS`, as it is by default and under each variant it names, through the conformance kit, on an encoder with a pooler, one without, and a decoder, all tiny and of odd sizes.

use adapt::conformance::{Bench, CHECKS, variants};
use adapt::{HeadPolicy, Method};
use std::path::Path;

#[test]
fn every_method_conforms_on_bert() {
    conforms("bert", HeadPolicy::Linear, |_| true);
}

#[test]
fn every_method_conforms_on_distilbert() {
    conforms("distilbert", HeadPolicy::Linear, |_| true);
}

#[test]
fn every_method_conforms_on_gpt2() {
    conforms("gpt2", HeadPolicy::Linear, |_| true);
}

#[test]
fn every_trained_method_conforms_with_the_heads_of_transformers() {
    let trained = |method: &dyn Method| {
        let plan = method.plan(serde_json::Value::Null);
        plan.is_ok_and(|plan| plan.as_trainable().is_some())
    };
    // A pretrained pooler, two places of dropout, an output layer without bias.
    for architecture in ["bert", "roberta", "llama"] {
        conforms(architecture, HeadPolicy::Transformers, trained);
    }
}

/// Runs all checks and reports all that fail, not the first only.
fn conforms(architecture: &str, head: HeadPolicy, wanted: fn(&dyn Method) -> bool) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/oracle")
        .join(architecture);
    let device = ops::test_device();
    let base = transformer::load(&dir, &device).expect("the fixture loads");
    let bench = Bench::new(base, device.autodiff()).with_head(head);
    let applicable =
        |method: &&&dyn Method| wanted(**method) && method.not_applicable(&bench.base).is_none();
    let mut failures = Vec::new();
    let methods = runner::METHODS.iter().filter(applicable);
    for variant in methods.flat_map(|method| variants(*method)) {
        for (name, check) in CHECKS {
            if let Err(reason) = check(&variant, &bench) {
                failures.push(format!("{variant} on {architecture}: {name}: {reason}"));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failures\n{}",
        failures.len(),
        failures.join("\n")
    );
}
