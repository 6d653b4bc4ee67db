//! The search against finite differences and against trying every word.

use super::{Bench, MODES, fit};
use crate::config::Loss;
use crate::gradient::{Offset, first_order, loss, trigger_gradient};
use crate::layout::Row;
use crate::scorer::class_scores;
use crate::substitution::vocabulary;
use adapt::to_floats;
use burn::tensor::{Tensor, TensorData};
use serde_json::{Value, json};
use transformer::Unhooked;

#[test]
fn the_first_order_score_is_the_slope_of_the_loss() {
    for (architecture, _) in MODES {
        for kind in [Loss::Vocabulary, Loss::Classes] {
            let bench = Bench::new(architecture, json!({"trigger_tokens": 3}));
            let trigger = [21, 30, 25];
            let rows = bench.rows(&trigger);
            let rows: Vec<&Row> = rows.iter().collect();
            let gradient = trigger_gradient(
                &bench.live,
                &rows,
                &bench.labels,
                &bench.verbalizer,
                kind,
                3,
            );
            let words = bench.frozen.backbone.embeddings.word.weight.val();
            let hidden = bench.frozen.shape.hidden;
            let table = to_floats(words.clone());
            for (position, word) in [(0, 33), (1, 40), (2, 9), (2, 77)] {
                let score = first_order(words.clone(), gradient.clone(), position)[word];
                let at = |step: f32| {
                    let mut offset = vec![0f32; 3 * hidden];
                    for i in 0..hidden {
                        offset[position * hidden + i] = step * table[word * hidden + i];
                    }
                    let offset = Tensor::<2>::from_data(
                        TensorData::new(offset, [3, hidden]),
                        &bench.frozen.device,
                    );
                    let hook = Offset {
                        offset,
                        starts: rows.iter().map(|row| row.trigger_at).collect(),
                    };
                    to_floats(loss(
                        &bench.frozen,
                        &rows,
                        &bench.labels,
                        &bench.verbalizer,
                        kind,
                        &hook,
                    ))[0]
                };
                let step = 0.02;
                let slope = (at(step) - at(-step)) / (2.0 * step);
                let largest = slope.abs().max(0.05);
                assert!(
                    (-score - slope).abs() < 0.03 * largest,
                    "{architecture} {kind:?} {position}: {} and {slope}",
                    -score
                );
            }
        }
    }
}

#[test]
fn no_step_makes_its_batch_worse_and_the_budget_is_kept() {
    for (architecture, _) in MODES {
        for (budget, evaluations) in [
            (Value::Null, 4 * 8),
            (json!(19), 19),
            (json!(9), 8),
            (json!(10), 10),
        ] {
            let bench = Bench::new(
                architecture,
                json!({"steps": 4, "candidates": 7, "trigger_tokens": 3, "batch": 2, "budget": budget}),
            );
            let mut search = bench.search(5);
            let mut sum = 0;
            while let Some(step) = search.step() {
                assert!(step.loss_after <= step.loss_before, "{step:?}");
                assert_eq!(
                    step.exchanged_for.is_some(),
                    step.loss_after < step.loss_before
                );
                sum += step.evaluations;
            }
            assert_eq!(
                (sum, search.evaluations),
                (evaluations, evaluations),
                "{budget}"
            );
        }
    }
}

#[test]
fn with_all_words_as_candidates_a_step_finds_the_best_one() {
    for (architecture, _) in MODES {
        let bench = Bench::new(
            architecture,
            json!({"steps": 1, "candidates": 1000, "trigger_tokens": 1, "batch": 4}),
        );
        let mut search = bench.search(5);
        let before = search.trigger.clone();
        let step = search.step().unwrap();
        let usable = vocabulary(&bench.frozen.tokenizer, &bench.verbalizer.tokens());
        let others = usable.iter().filter(|&&token| token != before[0]).count();
        assert_eq!(step.evaluations, 1 + others);
        let again = || bench.search(5);
        let (for_gradient, rows) = again().draw();
        assert_eq!((for_gradient.len(), rows.len()), (3, 4));
        assert!(rows.iter().all(|row| !for_gradient.contains(row)));
        let loss = |token: u32| again().evaluate(&rows, &[token]);
        let best = usable
            .iter()
            .chain(&before)
            .copied()
            .min_by(|&a, &b| loss(a).total_cmp(&loss(b)))
            .unwrap();
        assert_eq!(step.loss_after, loss(best), "{architecture}");
        assert_eq!(loss(search.trigger[0]), loss(best));
        assert!(step.loss_after < step.loss_before, "{step:?}");
    }
}

#[test]
fn candidates_are_ranked_by_the_gradient_and_hold_no_label_or_special_token() {
    let bench = Bench::new("bert", json!({"trigger_tokens": 2, "batch": 3}));
    let mut search = bench.search(1);
    let trigger = search.trigger.clone();
    let found = search.candidates(&[0, 2, 5], 1, 9);
    let rows: Vec<Row> = [0, 2, 5]
        .map(|i| bench.layout.row(&bench.texts[i], &trigger))
        .to_vec();
    let rows: Vec<&Row> = rows.iter().collect();
    let gradient = trigger_gradient(
        &bench.live,
        &rows,
        &[0, 1, 2],
        &bench.verbalizer,
        Loss::Vocabulary,
        2,
    );
    let scores = first_order(
        bench.frozen.backbone.embeddings.word.weight.val(),
        gradient,
        1,
    );
    let labels = bench.verbalizer.tokens();
    let worst = found
        .iter()
        .map(|&token| scores[token as usize])
        .fold(f32::INFINITY, f32::min);
    assert_eq!(found.len(), 9);
    for token in 0..scores.len() as u32 {
        let barred = labels.contains(&token) || token <= 4; // [PAD] [UNK] [CLS] [SEP] [MASK]
        assert!(!(barred && found.contains(&token)), "{token}");
        assert!(
            barred || found.contains(&token) || scores[token as usize] <= worst,
            "{token}"
        );
    }
}

#[test]
fn the_seed_decides() {
    for (architecture, _) in MODES {
        let trigger = |seed| {
            fit(architecture, json!({"steps": 6, "batch": 3}), seed)
                .unwrap()
                .details()["steps"]
                .clone()
        };
        assert_eq!(trigger(3), trigger(3));
        assert_ne!(trigger(3), trigger(4));
    }
}

#[test]
fn an_offset_by_the_difference_of_two_words_is_the_exchange_of_one_for_the_other() {
    for (architecture, _) in MODES {
        let bench = Bench::new(architecture, json!({"trigger_tokens": 3}));
        let hidden = bench.frozen.shape.hidden;
        let table = to_floats(bench.frozen.backbone.embeddings.word.weight.val());
        let (trigger, word) = ([21, 30, 25], 33);
        for position in 0..3 {
            let mut offset = vec![0f32; 3 * hidden];
            for i in 0..hidden {
                let present = trigger[position] as usize;
                offset[position * hidden + i] =
                    table[word * hidden + i] - table[present * hidden + i];
            }
            let mut exchanged = trigger;
            exchanged[position] = word as u32;
            let [rows, expected] = [bench.rows(&trigger), bench.rows(&exchanged)];
            let [rows, expected] = [&rows, &expected].map(|rows| rows.iter().collect::<Vec<_>>());
            let hook = Offset {
                offset: Tensor::from_data(
                    TensorData::new(offset, [3, hidden]),
                    &bench.frozen.device,
                ),
                starts: rows.iter().map(|row| row.trigger_at).collect(),
            };
            let scores = |rows: &[&Row], hooks| {
                to_floats(class_scores(&bench.frozen, rows, &bench.verbalizer, hooks))
            };
            let found = scores(&rows, &hook);
            for (found, expected) in found.iter().zip(scores(&expected, &Unhooked)) {
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{architecture} {position}: {found} and {expected}"
                );
            }
        }
    }
}
