//! Tokens, final hidden states and language logits of every oracle, however its texts are batched and padded.

use crate::compare::{Arrangement, compute, difference};
use crate::folders::{Oracle, oracles};
use crate::report::report;
use serde_json::json;
use transformer::{Pretrained, Side};

/// Of the largest value where the mask is 1.
const HIDDEN: f64 = 2e-5;
const LOGITS: f64 = 1e-4;

#[test]
fn every_oracle_is_computed_as_transformers_computes_it() {
    let mut faults = Vec::new();
    for oracle in oracles() {
        faults.extend(check(&oracle));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Everything that is wrong.
fn check(oracle: &Oracle) -> Vec<String> {
    let model = match oracle.load() {
        Ok(model) => model,
        Err(said) => return vec![said],
    };
    let name = &oracle.name;
    let mut faults = Vec::new();
    let (ids, hidden) = (oracle.ids(), oracle.unpadded("hidden").unwrap());
    if encoded(&model, oracle) != ids {
        faults.push(format!("{name}: other tokens than those of transformers"));
    }
    let expected = oracle.language_logits();
    let head = model.language_head.as_ref().filter(|_| expected.is_some());
    if expected.is_some() && head.is_none() {
        faults.push(format!("{name}: its language head is not read"));
    }
    let mut worst = [0f64; 2];
    for arrangement in arrangements(&model, ids.len()) {
        let found = compute(&model.backbone, head, &ids, &arrangement);
        let logits = found.logits.iter().zip(&expected);
        let apart = [
            difference(&found.hidden, &hidden),
            logits.map(|(a, b)| difference(a, b)).sum(),
        ];
        for (which, limit) in [HIDDEN, LOGITS].into_iter().enumerate() {
            if apart[which] >= limit {
                let what = ["hidden states", "language logits"][which];
                faults.push(format!(
                    "{name}, {}: {what} differ by {:.1e}{}",
                    arrangement.name,
                    apart[which],
                    first_wrong(&found.hidden, &hidden)
                ));
            }
            worst[which] = worst[which].max(apart[which]);
        }
    }
    faults.extend(alone(&model, oracle, &ids));
    let logits = expected.is_some().then_some(worst[1]);
    let row = json!({"model_type": oracle.model_type(), "hidden": worst[0], "logits": logits});
    report("states", &oracle.name, row);
    faults
}

fn encoded(model: &Pretrained, oracle: &Oracle) -> Vec<Vec<i64>> {
    let texts = oracle.texts();
    let texts: Vec<_> = texts.iter().map(|text| (text.as_str(), None)).collect();
    let longest = oracle.max_length();
    let encoded = model.tokenizer.encode(&texts, longest).unwrap();
    let ids = encoded.iter().map(|text| text.ids.iter());
    ids.map(|ids| ids.map(|&id| i64::from(id)).collect())
        .collect()
}

/// Where texts decide each other's rotation (Phi-3's longrope), all stay in one batch.
fn arrangements(model: &Pretrained, texts: usize) -> Vec<Arrangement> {
    let together = model.shape.rotations.iter().any(|r| r.long.is_some());
    let backwards: Vec<usize> = (0..texts).rev().collect();
    let some = |name, batches, side, extra| Arrangement {
        name,
        batches,
        side,
        extra,
    };
    let padded = vec![(0..texts).collect()];
    let mut all = vec![
        Arrangement::plain(texts),
        some("padded on the left", padded, Side::Left, 3),
        some("backwards", vec![backwards.clone()], Side::Right, 2),
    ];
    if !together {
        let (first, second) = backwards.split_at(texts.div_ceil(2));
        let parts = vec![first.to_vec(), second.to_vec()];
        all.push(some("in two batches", parts, Side::Left, 1));
        all.push(Arrangement::single(texts));
    }
    all
}

/// Where a text alone is not what it is among others, the reference holds both.
fn alone(model: &Pretrained, oracle: &Oracle, ids: &[Vec<i64>]) -> Option<String> {
    let expected = oracle.unpadded("alone")?;
    let arrangement = Arrangement::single(ids.len());
    let found = compute(&model.backbone, None, ids, &arrangement).hidden;
    let apart = difference(&found, &expected);
    let name = &oracle.name;
    (apart >= HIDDEN).then(|| format!("{name}: states of one text alone differ by {apart:.1e}"))
}

/// Where states begin to differ.
fn first_wrong(found: &[Vec<f32>], expected: &[Vec<f32>]) -> String {
    let texts = found.iter().zip(expected).enumerate();
    let mut wrong = texts.filter_map(|(text, (found, expected))| {
        let apart = |(a, b): (&f32, &f32)| a.is_nan() || (a - b).abs() > 1e-4;
        let at = found.iter().zip(expected).position(apart)?;
        Some(format!(
            "; from value {at} of {} of text {text} on",
            found.len()
        ))
    });
    wrong.next().unwrap_or_default()
}
