//! What frozen features promise: the same numbers as the model's own forward pass, scikit-learn's classifier, bit-equal files.

use adapt::{Budget, Event, FitError, Method, PairEncoding, Predictor, Setting, read_saved_info};
use burn::tensor::Device;
use feature_based::{Extractor, FEATURE_BASED, Features, KNN, Scaling};
use linear::{Dense, Matrix, Metric, Options, Votes};
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::path::Path;
use task::{Example, Split};
use transformer::{Embedder, Encoded, Pass, Pooling, Pretrained, Side, collate, pool};

fn model(device: &Device) -> Pretrained {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runner/bundled/models/tiny-bert");
    transformer::load(&dir, device).unwrap()
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
        (
            "not bad at all , in fact rather good despite the slow opening",
            2,
        ),
        ("x", 0),
        ("a gripping film", 2),
        ("it was fine", 1),
        ("where was the treaty signed ?", 1),
        (
            "a long and dull evening , and then the heating failed as well",
            0,
        ),
        ("good", 2),
        ("nobody came , nobody called and the soup was cold", 0),
        ("neither here nor there", 1),
        ("the best hour of the year", 2),
        ("we would not go back", 0),
    ])
}

fn validation() -> Split {
    split(&[
        ("rather good", 2),
        ("the soup was dull , and the evening was long", 0),
        ("fine", 1),
        ("bad", 0),
        ("a film", 1),
    ])
}

fn classes() -> Vec<String> {
    ["bad", "fine", "good"].map(str::to_owned).to_vec()
}

fn budget() -> Budget {
    Budget {
        max_length: n(24),
        eval_batch: n(4),
        ..Budget::default()
    }
}

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn fit_on(
    base: &Pretrained,
    method: &dyn Method,
    config: Value,
) -> (Result<Box<dyn Predictor>, FitError>, Vec<Event>) {
    let mut seen = Vec::new();
    let setting = Setting {
        base: Some(base.clone()),
        classes: &classes(),
        descriptions: None,
        train: &train(),
        validation: &validation(),
        budget: budget(),
        seed: 3,
        device: &base.backbone.device(),
        shared: None,
        events: &mut |event| seen.push(event),
    };
    let predictor = method.plan(config).unwrap().fit(setting);
    (predictor, seen)
}

fn extractor(base: &Pretrained, pooling: Pooling) -> Extractor {
    let (max_length, batch) = (budget().max_length.get(), budget().eval_batch);
    let embedder = Embedder::plain(&base.tokenizer, &base.shape, max_length, pooling);
    Extractor::new(base, embedder, batch)
}

/// Features of single texts, unscaled.
fn features(
    base: &Pretrained,
    pooling: Pooling,
    examples: &[Example],
    layers: &[usize],
) -> Vec<Features> {
    extractor(base, pooling)
        .features(examples, layers, PairEncoding::Joint, Scaling::None)
        .unwrap()
}

fn note(events: &[Event], wanted: &str) -> Value {
    let found = events.iter().find_map(|event| match event {
        Event::Note { name, value } if name == wanted => Some(value.clone()),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no {wanted} in {events:?}"))
}

#[test]
fn features_are_the_pooled_states_of_the_models_own_forward_pass_in_input_order() {
    let device = Device::default();
    let base = model(&device);
    let examples = train().examples;
    let texts: Vec<_> = examples
        .iter()
        .map(|example| (example.text.as_str(), None))
        .collect();
    let encoded = base.tokenizer.encode(&texts, 24).unwrap();
    let together: Vec<&Encoded> = encoded.iter().collect();
    let batch = collate(&together, base.tokenizer.pad_id(), Side::Left, &device);
    let all: Vec<usize> = (0..=base.shape.layers).collect();
    for pooling in [Pooling::First, Pooling::LastToken, Pooling::Mean] {
        let found = features(&base, pooling, &examples, &all);
        let embedded = pool(&base.backbone.embed(&batch, &Pass::plain()), pooling);
        let last = pool(&base.backbone.forward(&batch, &Pass::plain()), pooling);
        for (found, expected) in [(&found[0], embedded), (&found[base.shape.layers], last)] {
            let expected: Vec<f32> = expected.into_data().try_to_vec().unwrap();
            let largest = expected
                .iter()
                .fold(0.0, |most: f32, value| most.max(value.abs()));
            let worst = found
                .values
                .iter()
                .zip(&expected)
                .fold(0.0, |most: f32, (a, b)| most.max((a - b).abs()));
            assert!(
                found.values.len() == expected.len() && worst < 1e-5 * largest,
                "{pooling:?}: {worst:e} of {largest}"
            );
        }
        let single = features(&base, pooling, &examples, &[1]);
        assert_eq!(single[0], found[1]);
    }
}

#[test]
fn features_on_a_device_with_autodiff_are_the_same() {
    let examples = train().examples;
    let [plain, tracked] = [Device::default(), Device::default().autodiff()].map(|device| {
        let base = model(&device);
        features(&base, Pooling::Mean, &examples, &[base.shape.layers])
    });
    assert_eq!(plain, tracked);
}

#[test]
fn logits_are_those_of_logistic_regression_on_the_same_features() {
    let base = model(&Device::default());
    let (train, validation) = (train(), validation());
    let config = json!({"c": 3.5, "pooling": "first", "layer": 1});
    let logits = fit_on(&base, &FEATURE_BASED, config)
        .0
        .unwrap()
        .class_logits(&validation.examples)
        .unwrap();
    let features = |examples: &[Example]| {
        let found = features(&base, Pooling::First, examples, &[1]).remove(0);
        Matrix::Dense(Dense::from_f32(examples.len(), found.width, &found.values))
    };
    let (model, _) = linear::fit(
        &features(&train.examples),
        &train.labels(),
        3,
        3.5,
        Options::default(),
    );
    let expected = model.logits(&features(&validation.examples)).concat();
    let largest = expected
        .iter()
        .fold(0.0, |most: f64, value| most.max(value.abs()));
    for (found, expected) in logits.concat().iter().zip(expected) {
        assert!(
            (f64::from(*found) - expected).abs() < 1e-5 * largest,
            "{found} {expected}"
        );
    }
}

#[test]
fn neighbours_are_those_of_the_same_features() {
    let base = model(&Device::default());
    let (train, validation) = (train(), validation());
    let config = json!({"k": 3, "metric": "euclidean", "votes": "uniform", "smoothing": 0.5});
    let logits = fit_on(&base, &KNN, config)
        .0
        .unwrap()
        .class_logits(&validation.examples)
        .unwrap();
    let features = |examples: &[Example]| {
        let found = features(&base, Pooling::Mean, examples, &[base.shape.layers]).remove(0);
        Dense::from_f32(examples.len(), found.width, &found.values)
    };
    let found = linear::nearest(
        &features(&train.examples),
        &features(&validation.examples),
        3,
        Metric::Euclidean,
    );
    let shares = linear::vote(&found, &train.labels(), 3, 3, Votes::Uniform);
    let expected: Vec<Vec<f32>> = shares
        .iter()
        .map(|row| {
            linear::log_probabilities(row, 3, 0.5)
                .into_iter()
                .map(|p| p as f32)
                .collect()
        })
        .collect();
    assert_eq!(logits, expected);
}

#[test]
fn a_stored_text_gets_its_own_class() {
    let base = model(&Device::default());
    let logits = fit_on(&base, &KNN, Value::Null)
        .0
        .unwrap()
        .class_logits(&train().examples)
        .unwrap();
    let found: Vec<usize> = logits
        .iter()
        .map(|row| (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap())
        .collect();
    assert_eq!(found, train().labels());
}

#[test]
fn saved_and_loaded_classifiers_give_the_same_logits_bit_for_bit() {
    let base = model(&Device::default());
    let examples = validation().examples;
    let cases: [(&dyn Method, Value); 7] = [
        (&FEATURE_BASED, Value::Null),
        (
            &FEATURE_BASED,
            json!({"layer": "all", "scaling": "unit-length", "c": [0.5, 5]}),
        ),
        (&KNN, json!({"layer": "all", "k": 3})),
        (
            &FEATURE_BASED,
            json!({"layer": "auto", "scaling": "unit-length", "c": [0.5, 5]}),
        ),
        (
            &FEATURE_BASED,
            json!({"layer": 0, "scaling": "standardise", "pooling": "last-token"}),
        ),
        (&KNN, Value::Null),
        (
            &KNN,
            json!({"layer": "auto", "k": [2, 4], "votes": "uniform"}),
        ),
    ];
    for (method, config) in cases {
        let predictor = fit_on(&base, method, config.clone()).0.unwrap();
        let dir = tempfile::tempdir().unwrap();
        predictor.save(dir.path()).unwrap();
        let info = read_saved_info(dir.path()).unwrap();
        assert_eq!(info.method, method.info().name);
        let loaded = method
            .plan(info.config)
            .unwrap()
            .load(dir.path(), Some(&base))
            .unwrap();
        assert_eq!(
            loaded.class_logits(&examples).unwrap(),
            predictor.class_logits(&examples).unwrap(),
            "{config}"
        );
        assert_eq!(loaded.footprint(), predictor.footprint());
    }
}

#[test]
fn standardised_training_scores_new_texts_as_they_are() {
    // Standardised by hand and with the classifier brought back: the same probabilities.
    let base = model(&Device::default());
    let (train, validation) = (train(), validation());
    let config = json!({"c": 1, "scaling": "standardise"});
    let logits = fit_on(&base, &FEATURE_BASED, config)
        .0
        .unwrap()
        .class_logits(&validation.examples)
        .unwrap();
    let width = base.shape.hidden;
    let features = |examples: &[Example]| {
        features(&base, Pooling::Mean, examples, &[base.shape.layers])
            .remove(0)
            .values
    };
    let [stored, asked] = [features(&train.examples), features(&validation.examples)];
    let column = |j: usize| {
        stored
            .iter()
            .skip(j)
            .step_by(width)
            .map(|&value| f64::from(value))
            .collect::<Vec<_>>()
    };
    let moments: Vec<(f64, f64)> = (0..width)
        .map(|j| {
            let (values, rows) = (column(j), train.len() as f64);
            let mean = values.iter().sum::<f64>() / rows;
            (
                mean,
                (values
                    .iter()
                    .map(|value| (value - mean).powi(2))
                    .sum::<f64>()
                    / rows)
                    .sqrt(),
            )
        })
        .collect();
    let scale = |values: &[f32]| {
        let scaled = values
            .iter()
            .enumerate()
            .map(|(i, &value)| (f64::from(value) - moments[i % width].0) / moments[i % width].1);
        Matrix::Dense(Dense::new(values.len() / width, width, scaled.collect()))
    };
    let (model, _) = linear::fit(&scale(&stored), &train.labels(), 3, 1.0, Options::default());
    for (found, expected) in logits
        .concat()
        .iter()
        .zip(model.logits(&scale(&asked)).concat())
    {
        assert!(
            (f64::from(*found) - expected).abs() < 1e-4,
            "{found} {expected}"
        );
    }
}

#[test]
fn the_layer_with_the_best_validation_score_is_taken_and_the_blocks_above_do_not_count() {
    let base = model(&Device::default());
    let (predictor, events) = fit_on(&base, &FEATURE_BASED, json!({"layer": "auto", "c": 1}));
    let layer = note(&events, "layer").as_u64().unwrap() as usize;
    let scores: Vec<(f64, f64)> = (0..=base.shape.layers)
        .map(|layer| {
            let (_, events) = fit_on(&base, &FEATURE_BASED, json!({"layer": layer, "c": 1}));
            let trial = &note(&events, "c_trials")[0];
            (
                trial["validation_accuracy"].as_f64().unwrap(),
                -trial["validation_loss"].as_f64().unwrap(),
            )
        })
        .collect();
    assert!(
        scores.iter().all(|score| *score <= scores[layer]),
        "{layer}: {scores:?}"
    );
    let at = |layer: usize| {
        fit_on(&base, &FEATURE_BASED, json!({"layer": layer, "c": 1}))
            .0
            .unwrap()
            .footprint()
    };
    assert_eq!(predictor.unwrap().footprint(), at(layer));
    assert!(at(0).total_params < at(1).total_params);
}

#[test]
fn the_fitted_classifier_scores_validation_texts_as_its_choice_was_scored() {
    let base = model(&Device::default());
    let validation = validation();
    for layer in [json!("last"), json!("all"), json!(1)] {
        for scaling in ["none", "unit-length", "standardise"] {
            let config = json!({"layer": layer, "scaling": scaling, "c": 50});
            let (predictor, events) = fit_on(&base, &FEATURE_BASED, config);
            let logits = predictor
                .unwrap()
                .class_logits(&validation.examples)
                .unwrap();
            let losses = logits.iter().zip(validation.labels()).map(|(row, label)| {
                let sum: f64 = row.iter().map(|&logit| f64::from(logit).exp()).sum();
                sum.ln() - f64::from(row[label])
            });
            let found = losses.sum::<f64>() / logits.len() as f64;
            let noted = &note(&events, "c_trials")[0]["validation_loss"];
            assert!(
                (found - noted.as_f64().unwrap()).abs() < 1e-4,
                "{layer}, {scaling}: {found}, noted {noted}"
            );
        }
    }
}

#[test]
fn all_layers_together_are_as_many_features_and_the_whole_model_runs_for_them() {
    let base = model(&Device::default());
    let (hidden, layers) = (base.shape.hidden as u64, base.shape.layers as u64 + 1);
    let (predictor, events) = fit_on(&base, &FEATURE_BASED, json!({"layer": "all", "c": 1}));
    let all: Vec<u64> = (0..layers).collect();
    assert_eq!(note(&events, "layer"), json!(all));
    let [all, last] = [predictor, fit_on(&base, &FEATURE_BASED, Value::Null).0]
        .map(|predictor| predictor.unwrap().footprint());
    assert_eq!(all.trainable_params, 3 * (layers * hidden + 1));
    assert_eq!(
        all.total_params - all.trainable_params,
        last.total_params - last.trainable_params
    );
}

#[test]
fn trained_and_stored_counts_are_the_closed_forms() {
    let base = model(&Device::default());
    let hidden = base.shape.hidden as u64;
    let footprint = fit_on(&base, &FEATURE_BASED, Value::Null)
        .0
        .unwrap()
        .footprint();
    assert_eq!(
        (footprint.trainable_params, footprint.added_params),
        (3 * (hidden + 1), 0)
    );
    assert_eq!(footprint.stored_bytes, 4 * 3 * (hidden + 1));
    let footprint = fit_on(&base, &KNN, Value::Null).0.unwrap().footprint();
    assert_eq!(
        (footprint.trainable_params, footprint.stored_bytes),
        (0, 4 * 11 * (hidden + 1))
    );
}

#[test]
fn misspelt_and_impossible_settings_are_refused() {
    let error = |method: &dyn Method, config| method.plan(config).err().unwrap().to_string();
    assert!(error(&FEATURE_BASED, json!({"poling": "mean"})).contains("did you mean \"pooling\"?"));
    assert!(
        error(&FEATURE_BASED, json!({"layer": "lats"}))
            .contains("expected \"last\", \"auto\", \"all\" or a number of blocks")
    );
    assert!(error(&FEATURE_BASED, json!({"layer": -1})).contains("layer is -1"));
    assert!(error(&FEATURE_BASED, json!({"scaling": "minmax"})).contains("unit-length"));
    assert!(error(&KNN, json!({"k": [3, 0]})).contains("expected a whole number from 1 to"));
    assert!(error(&KNN, json!({"smoothing": 0})).contains("expected a number above 0"));
    let base = model(&Device::default());
    let error = fit_on(&base, &KNN, json!({"layer": 99}))
        .0
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("layer is 99 and the model has"), "{error}");
}

#[test]
fn a_classifier_of_another_models_width_is_refused() {
    let base = model(&Device::default());
    let dir = tempfile::tempdir().unwrap();
    fit_on(&base, &FEATURE_BASED, json!({"c": 1}))
        .0
        .unwrap()
        .save(dir.path())
        .unwrap();
    let narrow = linear::Tensors::default()
        .floats("classifier.weight", &[3, 2], [0.0; 6])
        .floats("classifier.bias", &[3], [0.0; 3])
        .indices("classifier.classes", &[0, 1, 2])
        .indices("layer", &[1]);
    std::fs::write(dir.path().join("features.safetensors"), narrow.to_bytes()).unwrap();
    let load = |base| {
        FEATURE_BASED
            .plan(Value::Null)
            .unwrap()
            .load(dir.path(), base)
            .err()
            .unwrap()
            .to_string()
    };
    assert!(load(Some(&base)).contains("has 2 features, the model gives"));
    assert!(load(None).contains("needs its pretrained model"));
}
