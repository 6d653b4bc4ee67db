//! Every method of `METHODS`, as it is by default and under each variant it names, through the conformance kit, on an encoder with a pooler, one without, and a decoder, all tiny and of odd sizes.

use adapt::conformance::{Bench, CHECKS, variants};
use adapt::{HeadPolicy, Method, Plan};
use std::num::NonZeroUsize;
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
        let takes = |plan: &dyn Plan| {
            let plan = plan.as_trainable();
            plan.is_some_and(|plan| plan.heads().contains(&HeadPolicy::Transformers))
        };
        plan.is_ok_and(|plan| takes(&*plan))
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

/// Of the default settings: two rates, two epochs. Trainings that diverge count with the epochs they were given.
#[test]
fn the_search_gives_every_method_the_same_trainings_but_for_widened_ranges() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle/bert");
    let base = transformer::load(&dir, &ops::test_device()).expect("the fixture loads");
    let bench = Bench::new(base, ops::test_device().autodiff());
    let two = NonZeroUsize::new(2).expect("not zero");
    let cost = adapt::search_cost(two.get(), two);
    let mut searched = 0;
    for method in runner::METHODS {
        let name = method.info().name;
        let found = bench.search(*method, two, bench.budget(two.get(), 4));
        let Some(found) = found.unwrap_or_else(|error| panic!("{name}: {error}")) else {
            continue;
        };
        let [range] = method.search_ranges()[..] else {
            panic!("{name} searches more than its rate")
        };
        let rates = found.trials.iter().map(|trial| trial.settings[0].1);
        let (low, high) = (range.low * 0.999_999, range.high * 1.000_001);
        let is_within: Vec<bool> = rates.map(|rate| (low..=high).contains(&rate)).collect();
        let of = |within: bool| {
            found
                .trials
                .iter()
                .zip(&is_within)
                .filter(move |(_, w)| **w == within)
        };
        let epochs: usize = of(true)
            .map(|(trial, _)| trial.epochs * trial.seeds.len())
            .sum();
        let trainings: usize = of(true).map(|(trial, _)| trial.seeds.len()).sum();
        assert_eq!((trainings, epochs), (cost.trainings, cost.epochs), "{name}");
        assert!(found.trainings() <= cost.most_trainings, "{name}");
        assert_eq!((range.high / range.low).round(), 30.0, "{name}");
        searched += 1;
    }
    assert!(searched >= 11, "{searched} methods were searched");
}
