//! Where methods stand in the runs under `audited/`: the standings that an audit of these records found, and those of an independent
//! computation.

use report::{AgainstBest, ArmSummary, GroupSummary, Standing, load_run, summarise};
use serde_json::Value;
use std::path::Path;

fn groups(run: &str) -> Vec<GroupSummary> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/audited")
        .join(run);
    summarise(&load_run(&path).unwrap())
}

fn standing(group: &GroupSummary, label: &str) -> Standing {
    let mut arms = group.arms.iter();
    let found = arms.find(|arm| arm.label == label);
    found
        .unwrap_or_else(|| panic!("no {label} in {}", group.title))
        .standing
}

#[test]
fn what_lies_behind_is_behind_and_what_is_not_known_is_open() {
    for (run, group, expected) in [
        (
            "minilm-banking77-tuned",
            "banking77",
            [
                ("knn", Standing::Behind),
                ("prefix-tuning", Standing::Behind),
            ],
        ),
        (
            "minilm-imdb",
            "imdb",
            [
                ("lora", Standing::Open),
                ("finetune-output", Standing::Behind),
            ],
        ),
        (
            "bundled-default",
            "novels-bert",
            [
                ("lora", Standing::Behind),
                ("finetune-last", Standing::Open),
            ],
        ),
    ] {
        let groups = groups(run);
        let group = groups
            .iter()
            .find(|found| found.title.contains(group))
            .unwrap();
        for (label, expected) in expected {
            assert_eq!(standing(group, label), expected, "{label} in {run}");
        }
    }
}

fn reference() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/classifiers/standings.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Every arm of a run with what the independent computation has for it.
fn each_arm(check: impl Fn(&ArmSummary, &AgainstBest, &Value)) {
    let reference = reference();
    let mut checked = 0;
    for run in reference["runs"].as_array().unwrap() {
        let groups = groups(run["run"].as_str().unwrap());
        let is_it = |g: &&GroupSummary| g.model == run["model"] && g.task == run["task"];
        let group = groups.iter().find(is_it).unwrap();
        for expected in run["arms"].as_array().unwrap() {
            let mut arms = group.arms.iter();
            let arm = arms.find(|arm| arm.label == expected["arm"]).unwrap();
            check(arm, &arm.against.unwrap(), expected);
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
}

fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap()
}

#[test]
fn differences_intervals_and_p_values_are_those_of_an_independent_computation() {
    each_arm(|arm, found, expected| {
        let label = &arm.label;
        for (name, ours) in [
            ("difference", found.difference),
            ("df", found.pair.df),
            ("seed_variance", found.pair.seed_variance.unwrap().value),
        ] {
            let theirs = number(expected, name);
            assert!(
                (ours - theirs).abs() < 1e-6 * theirs.abs().max(1.0),
                "{label}, {name}: {ours} against {theirs}"
            );
        }
        let p = number(expected, "p_adjusted");
        assert!(
            (found.p_adjusted - p).abs() < 0.01,
            "{label}: {found:?}, {p}"
        );
        println!(
            "{label}: level {} {}",
            found.level,
            number(expected, "level")
        );
        // Ours rest on 10,000 draws, theirs on a million; where two degrees of freedom are left, a quantile of that level wavers by some per cent.
        for (name, ours) in [("low", found.interval.low), ("high", found.interval.high)] {
            let theirs = number(expected, name);
            let slack = 0.001 + 0.04 * (theirs - found.difference).abs();
            assert!(
                (ours - theirs).abs() < slack,
                "{label}, {name}: {ours} against {theirs}"
            );
        }
    });
}

#[test]
fn chances_of_improvement_are_those_of_an_independent_computation() {
    each_arm(|arm, found, expected| {
        let ours = found.pair.improvement().unwrap();
        let theirs: Vec<f64> = expected["improvement"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| p.as_f64().unwrap())
            .collect();
        let label = &arm.label;
        assert!(
            (ours.probability - theirs[0]).abs() < 1e-6,
            "{label}: {ours:?} against {theirs:?}"
        );
        let ends = [ours.interval.low, ours.interval.high];
        for (ours, theirs) in ends.iter().zip(&theirs[1..]) {
            assert!(
                (ours - theirs).abs() < 0.03,
                "{label}: {ours} against {theirs}"
            );
        }
    });
}
