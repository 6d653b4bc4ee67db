//! Methods by another backend: the same losses, step by step, and the same predictions as by flex, whose operations are our own.
//!
//! Everything drawn (initial values, order, dropout) is drawn on the host, so what is left is rounding.

use crate::harness::{program, records, scratch};
use adapt::{Level, Method};
use record::{Outcome, TrialRecord};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[cfg(feature = "ndarray")]
#[test]
fn every_method_gives_the_answers_of_flex_by_ndarray() {
    compare("ndarray", runner::METHODS);
}

#[cfg(feature = "cpu")]
#[test]
fn a_method_of_each_level_gives_the_answers_of_flex_by_cpu() {
    compare("cpu", &of_each_level());
}

#[cfg(feature = "wgpu")]
#[test]
fn a_method_of_each_level_gives_the_answers_of_flex_by_wgpu() {
    compare("wgpu", &of_each_level());
}

#[cfg(feature = "cuda")]
#[test]
fn a_method_of_each_level_gives_the_answers_of_flex_by_cuda() {
    compare("cuda", &of_each_level());
}

/// Rounding to 8 bits of mantissa changes every loss of a trained model, and none by much.
#[test]
fn products_in_bfloat16_give_other_losses_than_flex_and_close_ones() {
    if !ops::has_bf16() {
        let ended = program(&["run", "--device", "flex-bf16", "--methods", "lora"])
            .output()
            .expect("the program starts");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert!(said.contains("AVX-512 BF16"), "{said}");
        return;
    }
    for model in ["bert", "gpt2"] {
        let dir = scratch();
        let pairs = run_on_both("flex-bf16", &of_each_level(), model, dir.path());
        assert!(pairs.len() > 2, "{:?}", pairs.keys());
        for (method, [by_flex, by_bf16]) in &pairs {
            let worst = difference(by_flex, by_bf16).expect("the same steps");
            println!("{model}, {method}: losses differ by at most {worst:.1e}");
            assert!(
                (1e-6..5e-2).contains(&worst),
                "{model}, {method}: losses differ by {worst:e}"
            );
        }
    }
}

/// Of a loss, absolute. Rounding leaves some 1e-7 (hard prompts 2e-6); a checkpoint that is not restored, 4e-3.
const TOLERANCE: f64 = 5e-5;

/// The last method of each level that asks the model for vectors; an emulated GPU takes minutes for a method that reads prompts.
fn of_each_level() -> Vec<&'static dyn Method> {
    let levels = [
        Level::Features,
        Level::Parameters,
        Level::InsertedComputation,
    ];
    let last = |level| {
        let mut methods = runner::METHODS.iter().rev();
        methods.find(|method| method.info().level == level)
    };
    levels.into_iter().filter_map(last).copied().collect()
}

fn compare(device: &str, methods: &[&dyn Method]) {
    for model in ["bert", "gpt2"] {
        let dir = scratch();
        let pairs = run_on_both(device, methods, model, dir.path());
        assert!(pairs.len() > 2, "{:?}", pairs.keys());
        let mut failures = Vec::new();
        for (method, [by_flex, by_other]) in &pairs {
            match difference(by_flex, by_other) {
                Ok(worst) if worst < TOLERANCE => {
                    println!("{model}, {method}: losses differ by at most {worst:.1e}");
                }
                Ok(worst) => failures.push(format!("{method}: losses differ by {worst:e}")),
                Err(reason) => failures.push(format!("{method}: {reason}")),
            }
        }
        assert!(
            failures.is_empty(),
            "{model} by {device}:\n{}",
            failures.join("\n")
        );
    }
}

/// Two epochs of these methods, as far as the model allows them, on both devices in one run.
fn run_on_both(
    device: &str,
    methods: &[&dyn Method],
    model: &str,
    dir: &Path,
) -> BTreeMap<String, [TrialRecord; 2]> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/oracle");
    let (model, task, out) = (fixtures.join(model), dir.join("task"), dir.join("run"));
    write_task(&task);
    let path = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let devices = format!("flex,{device}");
    let methods = methods.iter().filter(|m| m.required().is_empty());
    let names: Vec<&str> = methods.map(|m| m.info().name).collect();
    let ended = program(&["run", "--methods", &names.join(","), "--device", &devices])
        .args(["--model", &path(&model), "--task", &path(&task)])
        .args(["--seeds", "1", "--epochs", "2", "--batch", "7"])
        .args(["--max-length", "24", "--out", &path(&out)])
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    let mut pairs: BTreeMap<String, Vec<TrialRecord>> = BTreeMap::new();
    for text in records(&out).into_values() {
        let record: TrialRecord = serde_json::from_str(&text).expect("a record");
        assert_eq!(record.outcome, Outcome::Finished, "{:?}", record.error);
        pairs
            .entry(record.spec.method.clone())
            .or_default()
            .push(record);
    }
    let sorted = pairs.into_iter().map(|(method, mut records)| {
        records.sort_by_key(|record| record.spec.device != "flex");
        (method, records.try_into().expect("one by each device"))
    });
    sorted.collect()
}

/// Some rows of a bundled task: an odd number of short texts, few enough for a GPU that is emulated.
fn write_task(dir: &Path) {
    let bundled =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/runner/bundled/tasks/reviews");
    fs::create_dir_all(dir).expect("a directory");
    for (split, rows) in [("train", 25), ("validation", 11), ("test", 29)] {
        let file = format!("{split}.tsv");
        let text = fs::read_to_string(bundled.join(&file)).expect("a bundled file");
        let lines: Vec<&str> = text.lines().take(rows + 1).collect();
        fs::write(dir.join(file), lines.join("\n") + "\n").expect("a file");
    }
}

/// The largest difference of a loss, on the curve or on the test split.
fn difference(a: &TrialRecord, b: &TrialRecord) -> Result<f64, String> {
    let losses = |record: &TrialRecord| -> Vec<(u64, f64)> {
        let points = record.curve.iter().filter(|point| point.metric == "loss");
        points.map(|point| (point.step, point.value)).collect()
    };
    let (curve_a, curve_b) = (losses(a), losses(b));
    let steps = |curve: &[(u64, f64)]| curve.iter().map(|point| point.0).collect::<Vec<_>>();
    if steps(&curve_a) != steps(&curve_b) {
        return Err(format!("other steps: {curve_a:?} and {curve_b:?}"));
    }
    let (Some(loss_a), Some(loss_b)) = (a.test_loss, b.test_loss) else {
        return Err("a test loss is missing".to_owned());
    };
    let all = curve_a.iter().zip(&curve_b).map(|(a, b)| (a.1, b.1));
    let differences = all.chain([(loss_a, loss_b)]).map(|(a, b)| (a - b).abs());
    let worst = differences.fold(0.0, f64::max);
    if a.test_accuracy != b.test_accuracy && worst < TOLERANCE {
        // A test example on the boundary may fall either way; two may not.
        let [x, y] = [a, b].map(|r| r.test_accuracy.unwrap_or(f64::NAN));
        if !((x - y).abs() < 1.5 / 29.0) {
            return Err(format!("test accuracy {x} and {y}"));
        }
    }
    Ok(worst)
}
