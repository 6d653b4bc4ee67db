//! Scores of the classes against a plain forward pass.

use super::{Bench, MODES, oracle};
use crate::layout::Row;
use crate::scorer::all_class_scores;
use crate::substitution::first_trigger;
use crate::verbalizer::{Verbalizer, mean_states};
use ::prompt::AskedModel;
use adapt::{log_softmax, to_floats};
use serde_json::json;
use transformer::{Pass, Unhooked};

#[test]
fn the_models_are_asked_in_three_ways() {
    for (architecture, mode) in MODES {
        assert_eq!(
            AskedModel::frozen(&oracle(architecture)).preferred_mode(),
            mode
        );
    }
}

#[test]
fn class_scores_are_the_mean_probability_of_the_label_tokens() {
    for architecture in ["gpt2", "bert"] {
        let bench = Bench::new(architecture, json!({}));
        let Verbalizer::Tokens(sets) = &bench.verbalizer else {
            panic!("words")
        };
        let trigger = first_trigger(&bench.frozen, 5).unwrap();
        let rows = bench.rows(&trigger);
        let together = all_class_scores(&bench.frozen, &rows, &bench.verbalizer, 3);
        for (row, found) in rows.iter().zip(&together) {
            let (at, ids) = match architecture {
                "gpt2" => (row.ids.len() - 1, &row.ids[row.ids.len() - 5..]),
                _ => {
                    let mask = bench.frozen.tokenizer.mask_id().unwrap();
                    let last = row.ids.iter().rposition(|&id| id == mask).unwrap();
                    (last, &row.ids[last - 5..last])
                }
            };
            assert_eq!(ids, trigger);
            let encoded = transformer::Encoded {
                ids: row.ids.clone(),
                types: vec![0; row.ids.len()],
                truncated_tokens: 0,
            };
            let batch = transformer::collate(
                &[&encoded],
                0,
                transformer::Side::Right,
                &bench.frozen.device,
            );
            let states = bench.frozen.backbone.forward(&batch, &Pass::plain()).x;
            let logits = to_floats(bench.frozen.head.as_ref().unwrap().logits(states));
            let vocab = bench.frozen.tokenizer.vocab();
            let logs = log_softmax(&logits[at * vocab..][..vocab]);
            for (set, found) in sets.iter().zip(found) {
                let mean = set
                    .iter()
                    .map(|&token| logs[token as usize].exp())
                    .sum::<f64>()
                    / set.len() as f64;
                assert!(
                    (mean.ln() - f64::from(*found)).abs() < 1e-4,
                    "{found} and {}",
                    mean.ln()
                );
            }
        }
    }
}

#[test]
fn similarity_is_scale_times_the_cosine_to_the_label_words() {
    let bench = Bench::new("distilbert", json!({}));
    let row = |text: &str| {
        let ids = bench
            .frozen
            .tokenizer
            .encode(&[(text, None)], 24)
            .unwrap()
            .swap_remove(0)
            .ids;
        Row {
            ids,
            place: 0,
            trigger_at: 0,
        }
    };
    let unit = |row: &Row| {
        let state = to_floats(mean_states(&bench.frozen, &[&row.ids], &Unhooked));
        let length = state.iter().map(|v| v * v).sum::<f32>().sqrt();
        state.into_iter().map(|v| v / length).collect::<Vec<f32>>()
    };
    let rows = bench.rows(&first_trigger(&bench.frozen, 5).unwrap());
    let found = all_class_scores(&bench.frozen, &rows, &bench.verbalizer, 4);
    for (prompt, found) in rows.iter().zip(&found) {
        for (word, found) in ["not so", "fine", "good"].iter().zip(found) {
            let cosine: f32 = unit(prompt)
                .iter()
                .zip(unit(&row(word)))
                .map(|(a, b)| a * b)
                .sum();
            assert!((20.0 * cosine - found).abs() < 1e-3);
        }
    }
}
