//! The search against slower ways of doing the same, on tiny random checkpoints: a causal one, one with a mask, one without a head.

use crate::HARD_PROMPT;
use crate::config::{HardPrompt, Loss};
use crate::gradient::{Offset, first_order, loss, trigger_gradient};
use crate::layout::{Layout, Row, Texts};
use crate::model::{Mode, Model, floats};
use crate::search::{Substitution, Task, first_trigger, vocabulary};
use crate::verbalizer::Verbalizer;
use adapt::{Budget, Event, Method, Predictor, Setting, log_softmax, read_saved_info};
use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use task::{Example, Split};
use transformer::{LanguageHead, Pass, Pretrained, Unhooked};

const MODES: [(&str, Mode); 3] = [
    ("gpt2", Mode::Prompt),
    ("bert", Mode::Cloze),
    ("distilbert", Mode::Similarity),
];

/// BERT's fixture gets its word embeddings as the masked-language-model head that it lacks.
fn oracle(architecture: &str) -> Pretrained {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../tests/fixtures/oracle")
        .join(architecture);
    let mut base = transformer::load(&dir, &Device::flex()).expect("a fixture");
    if architecture == "bert" {
        base.language_head = Some(LanguageHead {
            transform: None,
            decoder: Param::from_tensor(base.backbone.embeddings.word.weight.val()),
            bias: None,
            tied: true,
        });
    }
    base
}

fn classes() -> Vec<String> {
    ["not_so", "fine", "good"].map(str::to_owned).to_vec()
}

fn split(texts: &[(&str, usize)]) -> Split {
    let example = |(row, &(text, label)): (usize, &(&str, usize))| Example {
        row: row as u64,
        text: text.to_owned(),
        second: None,
        label,
    };
    Split {
        examples: texts.iter().enumerate().map(example).collect(),
    }
}

fn train() -> Split {
    split(&[
        ("a dull film", 0),
        ("x", 2),
        ("so so, I slept and slept", 1),
        ("rather good", 2),
        ("it is a film", 1),
        ("great", 2),
        ("what was it", 0),
    ])
}

fn validation() -> Split {
    split(&[
        ("a gripping film", 2),
        ("x", 0),
        ("not bad at all", 2),
        ("so so", 1),
        ("", 1),
    ])
}

struct Bench {
    frozen: Model,
    live: Model,
    layout: Layout,
    verbalizer: Verbalizer,
    texts: Vec<Texts>,
    labels: Vec<usize>,
    config: HardPrompt,
}

impl Bench {
    fn new(architecture: &str, config: Value) -> Self {
        let base = oracle(architecture);
        let config: HardPrompt = adapt::parse_config("hard-prompt", config).unwrap();
        let frozen = Model::frozen(&base);
        let layout = Layout::new(
            &config.trigger_template,
            false,
            config.trigger_tokens.get(),
            &frozen,
            24,
        )
        .unwrap();
        let words = ["not so", "fine", "good"].map(str::to_owned);
        Self {
            verbalizer: Verbalizer::new(&words, &classes(), &layout.label_lead, &frozen, 20.0)
                .unwrap(),
            texts: layout.texts(&frozen, &train().examples).unwrap(),
            labels: train().labels(),
            live: Model::differentiable(&base),
            frozen,
            layout,
            config,
        }
    }

    fn search(&self, seed: u64) -> Substitution<'_> {
        Substitution::new(Task {
            frozen: &self.frozen,
            live: &self.live,
            layout: &self.layout,
            verbalizer: &self.verbalizer,
            texts: &self.texts,
            labels: &self.labels,
            config: &self.config,
            seed,
        })
        .unwrap()
    }

    fn rows(&self, trigger: &[u32]) -> Vec<Row> {
        self.texts
            .iter()
            .map(|texts| self.layout.row(texts, trigger))
            .collect()
    }
}

fn fit(architecture: &str, config: Value, seed: u64) -> Result<Box<dyn Predictor>, String> {
    let n = |n| NonZeroUsize::new(n).expect("not zero");
    let plan = HARD_PROMPT
        .plan(config)
        .map_err(|error| error.to_string())?;
    let setting = Setting {
        base: Some(oracle(architecture)),
        classes: &classes(),
        descriptions: None,
        train: &train(),
        validation: &validation(),
        budget: Budget {
            eval_batch: n(2),
            max_length: n(24),
            ..Budget::default()
        },
        seed,
        device: &Device::flex().autodiff(),
        events: &mut |_: Event| {},
    };
    plan.fit(setting).map_err(|error| error.to_string())
}

#[test]
fn the_models_are_asked_in_three_ways() {
    for (architecture, mode) in MODES {
        assert_eq!(Model::frozen(&oracle(architecture)).mode, mode);
    }
}

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
            let table = floats(words.clone());
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
                    floats(loss(
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
fn class_scores_are_the_mean_probability_of_the_label_tokens() {
    for architecture in ["gpt2", "bert"] {
        let bench = Bench::new(architecture, json!({}));
        let Verbalizer::Tokens(sets) = &bench.verbalizer else {
            panic!("words")
        };
        let trigger = first_trigger(&bench.frozen, 5);
        let rows = bench.rows(&trigger);
        let together = bench.frozen.all_scores(&rows, &bench.verbalizer, 3);
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
            let logits = floats(bench.frozen.head.as_ref().unwrap().logits(states));
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
fn saved_and_loaded_gives_the_same_logits() {
    for (architecture, mode) in MODES {
        for search in ["gradient", "templates"] {
            let fitted = fit(
                architecture,
                json!({"search": search, "steps": 5, "batch": 3, "validate_every": 2}),
                5,
            )
            .unwrap();
            assert_eq!(fitted.details()["mode"], json!(mode));
            let dir = tempfile::tempdir().unwrap();
            fitted.save(dir.path()).unwrap();
            let info = read_saved_info(dir.path()).unwrap();
            let plan = HARD_PROMPT.plan(info.config).unwrap();
            let loaded = plan.load(dir.path(), Some(&oracle(architecture))).unwrap();
            let examples = validation().examples;
            assert_eq!(
                fitted.class_logits(&examples).unwrap(),
                loaded.class_logits(&examples).unwrap()
            );
            assert_eq!(fitted.footprint(), loaded.footprint());
            let bytes = std::fs::metadata(dir.path().join("prompt.json"))
                .unwrap()
                .len();
            assert_eq!(fitted.footprint().stored_bytes, bytes);
            assert!(fitted.footprint().extra_tokens > 0.0);
        }
    }
}

#[test]
fn the_best_template_is_kept_and_every_score_is_recorded() {
    let sets = json!([["bad", "so so", "great"], "names"]);
    let fitted = fit(
        "gpt2",
        json!({"search": "templates", "label_words": sets}),
        5,
    )
    .unwrap();
    let details = fitted.details();
    let scores = details["validation_scores"].as_array().unwrap();
    assert_eq!((scores.len(), &details["evaluations"]), (8, &json!(8)));
    let best = scores
        .iter()
        .map(|score| score["accuracy"].as_f64().unwrap())
        .fold(0.0, f64::max);
    assert_eq!(details["result_validation_accuracy"], json!(best));
    let logits = fitted.class_logits(&validation().examples).unwrap();
    let (accuracy, _) = crate::select::accuracy_and_loss(&logits, &validation().labels());
    assert_eq!(accuracy, best);

    let fitted = fit(
        "gpt2",
        json!({"search": "templates", "label_words": sets, "budget": 3}),
        5,
    )
    .unwrap();
    assert_eq!(
        fitted.details()["validation_scores"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
}

#[test]
fn the_result_is_no_worse_on_the_validation_split_than_the_start() {
    for (architecture, _) in MODES {
        let details = fit(
            architecture,
            json!({"steps": 8, "batch": 3, "validate_every": 1}),
            7,
        )
        .unwrap()
        .details();
        let of = |name: &str| details[name].as_f64().unwrap();
        assert!(of("result_validation_accuracy") >= of("start_validation_accuracy"));
        assert!(details["validations"].as_u64().unwrap() > 1, "{details:?}");
    }
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    for (settings, named) in [
        (json!({"trigger_token": 3}), "trigger_tokens"),
        (json!({"search": "gradients"}), "gradients"),
        (json!({"trigger_template": "{text} {label}"}), "{trigger}"),
        (json!({"templates": []}), "templates"),
        (json!({"budget": 1}), "budget"),
        (json!({"label_words": []}), "label_words"),
        (
            json!({"label_words": ["names", "descriptions"]}),
            "label_words",
        ),
        (json!({"label_words": ["descriptions"]}), "descriptions"),
        (
            json!({"label_words": [["good", "bad", "good"]]}),
            "\"not_so\" and \"good\"",
        ),
        (
            json!({"trigger_template": "{label} {text} {trigger}"}),
            "{label} last",
        ),
        (json!({"trigger_tokens": 70}), "trigger_tokens"),
        (json!({"scale": 0.0}), "scale"),
    ] {
        let error = fit("gpt2", settings.clone(), 5).err().unwrap_or_default();
        assert!(error.contains(named), "{settings}: {error}");
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
        let state = floats(bench.frozen.states(&[row], &Unhooked));
        let length = state.iter().map(|v| v * v).sum::<f32>().sqrt();
        state.into_iter().map(|v| v / length).collect::<Vec<f32>>()
    };
    let rows = bench.rows(&first_trigger(&bench.frozen, 5));
    let found = bench.frozen.all_scores(&rows, &bench.verbalizer, 4);
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
