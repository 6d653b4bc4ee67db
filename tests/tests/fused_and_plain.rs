//! Every gradient-trained method of `METHODS` with fused operations and with burn's own: the same loss, and the same gradient of every
//! trained parameter, dropout included. The switch holds for the whole process, so that nothing else may run beside this.

use adapt::{LossAndGradients, Method};
use burn::tensor::Device;
use std::path::Path;
use task::Example;
use transformer::Pretrained;

/// Unlike in length, so that all but one are padded; the longest is the last, so that no row at an end is padding.
const TEXTS: [(&str, usize); 5] = [
    ("one good film", 2),
    ("fine", 1),
    ("the second half is better than the first half of it", 1),
    ("good good good", 2),
    (
        "it was long, and then it was longer still, and the end was no end",
        0,
    ),
];

#[test]
fn losses_and_gradients_of_every_method_are_the_same_fused_and_plain() {
    let mut failures = Vec::new();
    for architecture in ["bert", "gpt2", "llama"] {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fixtures/oracle")
            .join(architecture);
        let base = transformer::load(&dir, &Device::flex()).expect("the fixture loads");
        let mut compared = 0;
        for method in runner::METHODS {
            if let Some([fused, plain]) = both_ways(*method, &base) {
                let name = format!("{} on {architecture}", method.info().name);
                failures.extend(differences(&fused, &plain).map(|d| format!("{name}: {d}")));
                compared += 1;
            }
        }
        assert!(compared >= 10, "{compared} methods on {architecture}");
    }
    assert!(
        failures.is_empty(),
        "{} differences\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// With fused operations, and without; `None` for what is not trained by gradient or does not apply to the model.
fn both_ways(method: &dyn Method, base: &Pretrained) -> Option<[LossAndGradients; 2]> {
    if method.not_applicable(base).is_some() {
        return None;
    }
    let plan = method
        .plan(serde_json::Value::Null)
        .expect("the defaults are settings");
    let plan = plan.as_trainable()?;
    let classes = ["bad", "fine", "good"].map(str::to_owned);
    let examples: Vec<Example> = TEXTS
        .iter()
        .enumerate()
        .map(|(row, &(text, label))| Example {
            row: row as u64,
            text: text.to_owned(),
            second: None,
            label,
        })
        .collect();
    let both = [true, false].map(|fused| {
        ops::set_fused(fused);
        plan.loss_and_gradients(base, &classes, &examples, 0.1)
            .unwrap_or_else(|error| panic!("{}: {error}", method.info().name))
    });
    ops::set_fused(true);
    Some(both)
}

/// Within 1e-4 of a tensor's largest gradient, or 1e-6 of the method's: some gradients are zero but for rounding, such as that of a key's
/// bias, which moves all scores of a query alike.
fn differences(
    fused: &LossAndGradients,
    plain: &LossAndGradients,
) -> impl Iterator<Item = String> + use<> {
    let mut found = Vec::new();
    if (fused.loss - plain.loss).abs() > 1e-5 * plain.loss.abs() {
        found.push(format!("loss {} fused, {} plain", fused.loss, plain.loss));
    }
    let paths = |of: &LossAndGradients| of.gradients.keys().cloned().collect::<Vec<_>>();
    if paths(fused) != paths(plain) {
        found.push("other parameters are trained".to_owned());
    }
    let largest = |values: &[f32]| values.iter().fold(0f32, |a, b| a.max(b.abs()));
    let all = plain.gradients.values().flatten();
    let of_all = all.map(|values| largest(values)).fold(0f32, f32::max);
    if of_all <= 0.0 {
        found.push("no gradient at all".to_owned());
    }
    for (path, plain) in &plain.gradients {
        match (plain, &fused.gradients[path]) {
            (Some(plain), Some(fused)) if plain.len() == fused.len() => {
                let apart: Vec<f32> = plain.iter().zip(fused).map(|(a, b)| a - b).collect();
                let (apart, limit) = (largest(&apart), 1e-4 * largest(plain) + 1e-6 * of_all);
                // The negation catches NaN.
                if apart.is_nan() || apart > limit {
                    found.push(format!(
                        "{path}: gradients {apart:e} apart, limit {limit:e}"
                    ));
                }
            }
            (None, None) => found.push(format!("{path} is trained and gets no gradient")),
            _ => found.push(format!(
                "{path} has a gradient of another size or none one way"
            )),
        }
    }
    found.into_iter()
}
