//! Every method of `METHODS`, as it is by default and under each variant it names, through the conformance kit, on an encoder with a pooler, one without, and a decoder, all tiny and of odd sizes.

use adapt::Method;
use adapt::conformance::{Bench, CHECKS, variants};
use burn::tensor::Device;
use std::path::Path;

#[test]
fn every_method_conforms_on_bert() {
    conforms("bert");
}

#[test]
fn every_method_conforms_on_distilbert() {
    conforms("distilbert");
}

#[test]
fn every_method_conforms_on_gpt2() {
    conforms("gpt2");
}

/// Runs all checks and reports all that fail, not the first only.
fn conforms(architecture: &str) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/oracle")
        .join(architecture);
    let base = transformer::load(&dir, &Device::flex()).expect("the fixture loads");
    let bench = Bench::new(base, Device::flex().autodiff());
    let applicable = |method: &&&dyn Method| method.not_applicable(&bench.base).is_none();
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
