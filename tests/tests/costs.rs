//! Costs mean the same for every method of `METHODS`. CPU time is that of the whole process, so that nothing else may run beside these: they hold
//! a lock.

use adapt::conformance::{Bench, variants};
use adapt::{Budget, Event, Method, Setting};
use measure::{Measurements, Phase, Recorder};
use serde_json::json;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use task::{Example, Split};
use transformer::Pretrained;

static ALONE: Mutex<()> = Mutex::new(());

/// How much larger the second validation split is.
const LARGER: usize = 150;

fn model(architecture: &str) -> Pretrained {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/oracle")
        .join(architecture);
    transformer::load(&dir, &ops::test_device()).expect("the fixture loads")
}

/// `n` texts of unequal lengths, no two alike.
fn split(n: usize) -> Split {
    let words = ["one", "good", "film", "was", "long", "and", "better", "bad"];
    let text = |row: usize| {
        let word = |i: usize| words[(row * 7 + i * (row % 5 + 1)) % words.len()];
        (0..6 + row % 9).map(word).collect::<Vec<_>>().join(" ")
    };
    let example = |row: usize| Example {
        row: row as u64,
        text: text(row),
        second: None,
        label: row % 3,
    };
    Split {
        examples: (0..n).map(example).collect(),
    }
}

fn measured(method: &dyn Method, base: &Pretrained, validation: usize) -> Measurements {
    let (train, validation) = (split(24), split(validation));
    let n = |n| NonZeroUsize::new(n).expect("not zero");
    let mut recorder = Recorder::default();
    let mut events = |event| {
        if let Event::Began(phase) = event {
            recorder.begin(match phase {
                adapt::Phase::Prepare => Phase::Prepare,
                adapt::Phase::PrepareValidation => Phase::PrepareValidation,
                adapt::Phase::FirstStep => Phase::FirstStep,
                adapt::Phase::Train => Phase::Train,
                adapt::Phase::Validate => Phase::Validate,
                adapt::Phase::Search => Phase::Tune,
            });
        }
    };
    let device = ops::test_device().autodiff();
    let setting = Setting {
        base: Some(base.clone()),
        classes: &["bad", "fine", "good"].map(str::to_owned),
        descriptions: None,
        train: &train,
        validation: &validation,
        budget: Budget {
            epochs: n(1),
            batch: n(8),
            eval_batch: n(8),
            max_length: n(24),
            ..Budget::default()
        },
        seed: 5,
        device: &device,
        events: &mut events,
        shared: None,
    };
    let plan = method.plan(json!({})).expect("the defaults are settings");
    plan.fit(setting)
        .unwrap_or_else(|error| panic!("{}: {error}", method.info().name));
    recorder.finish()
}

fn cpu_s(measured: &Measurements, phases: &[Phase]) -> f64 {
    let own = |phase: &Phase| measured.of(*phase).cpu.own_s.expect("CPU time is known");
    phases.iter().map(own).sum()
}

#[test]
fn a_larger_validation_split_makes_validation_dearer_and_training_not() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut wrong, mut dearer) = (Vec::new(), 0);
    let base = model("bert");
    for method in runner::METHODS {
        if method.not_applicable(&base).is_some() {
            continue;
        }
        // The least of several: what a neighbour costs comes on top.
        let least = |validation: usize| {
            let [mut training, mut of_validation] = [f64::INFINITY; 2];
            for _ in 0..2 {
                let measured = measured(*method, &base, validation);
                training = training.min(cpu_s(&measured, &Phase::TRAINING));
                let phases = [Phase::PrepareValidation, Phase::Validate];
                of_validation = of_validation.min(cpu_s(&measured, &phases));
            }
            (training, of_validation)
        };
        let (small, large) = (least(24), least(24 * LARGER));
        dearer += usize::from(large.1 > 5.0 * small.1 + 0.006);
        // A count of CPU time is cut to milliseconds in each phase.
        if large.0 > 2.5 * small.0 + 0.006 {
            wrong.push(format!(
                "{}: training takes {:.3} s with a small validation split, {:.3} s with one {LARGER} times larger",
                method.info().name,
                small.0,
                large.0
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        dearer >= 12,
        "validation is dearer for {dearer} methods only"
    );
}

#[test]
fn what_merges_answers_the_same_at_the_cost_of_the_bare_model() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut wrong, mut merging) = (Vec::new(), 0);
    for architecture in ["bert", "gpt2", "llama"] {
        let bench = Bench::new(model(architecture), ops::test_device().autodiff());
        let applicable = |method: &&&dyn Method| method.not_applicable(&bench.base).is_none();
        let methods = runner::METHODS.iter().filter(applicable);
        for variant in methods.flat_map(|method| variants(*method)) {
            let trained = variant
                .plan(json!({}))
                .is_ok_and(|plan| plan.as_trainable().is_some());
            if !trained {
                continue;
            }
            // Far from where training starts, so that a merge which does nothing is seen.
            let predictor = bench
                .fit(&variant, json!({"learning_rate": 0.02}), bench.budget(4, 3))
                .unwrap_or_else(|error| panic!("{variant} on {architecture}: {error}"));
            let Some(merged) = predictor.merged() else {
                continue;
            };
            merging += 1;
            let unmerged = predictor.class_logits(bench.examples()).expect("logits");
            let logits = merged.class_logits(bench.examples()).expect("logits");
            let pairs = unmerged.iter().flatten().zip(logits.iter().flatten());
            let scale = unmerged.iter().flatten().fold(1f32, |m, v| m.max(v.abs()));
            let apart = pairs.map(|(a, b)| (a - b).abs());
            let worst = apart.fold(0f32, |worst, apart| {
                if apart.is_nan() {
                    f32::INFINITY
                } else {
                    worst.max(apart)
                }
            });
            let (own, of_merged) = (predictor.footprint(), merged.footprint());
            if worst > 1e-4 * scale {
                wrong.push(format!("{variant} on {architecture}: {worst:e} apart"));
            }
            if own.added_per_token == 0 || of_merged.added_per_token + of_merged.added_params > 0 {
                wrong.push(format!(
                    "{variant} on {architecture}: {own:?} {of_merged:?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(merging >= 9, "{merging} merge");
}
