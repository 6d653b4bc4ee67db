//! Features as embedding models are used: folders of sentence-transformers, and pairs whose texts are encoded apart; against what
//! sentence-transformers and scikit-learn compute (scripts/reference_sentence_transformers.py).

use adapt::{
    Budget, Event, FitError, Method, PairEncoding, Predictor, Setting, argmax, read_saved_info,
};
use burn::tensor::Device;
use feature_based::{Extractor, FEATURE_BASED, KNN, Scaling};
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use task::{Example, Split};
use tempfile::TempDir;
use transformer::{Embedder, Pooling, Pretrained};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures")
}

fn about() -> Value {
    let file = fixtures().join("sentence-transformers/texts.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// A checkpoint with a case's files over it.
fn folder(case: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = about()["cases"][case]["checkpoint"]
        .as_str()
        .unwrap()
        .to_owned();
    copy(&fixtures().join("oracle").join(checkpoint), dir.path());
    copy(
        &fixtures().join("sentence-transformers").join(case),
        dir.path(),
    );
    dir
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}

fn load(dir: &Path) -> Pretrained {
    transformer::load(dir, &Device::default()).unwrap()
}

fn plain_bert() -> Pretrained {
    load(&fixtures().join("oracle/bert"))
}

fn tensor(file: &str, name: &str) -> Vec<f32> {
    let bytes = std::fs::read(fixtures().join("sentence-transformers").join(file)).unwrap();
    let tensors = linear::Tensors::from_bytes(&bytes).unwrap();
    tensors.get_floats(name).unwrap().1
}

/// The fixture's pairs: those to fit on, and the others.
fn pairs() -> (Split, Split) {
    let about = about();
    let rows = about["pairs"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let example = |(row, pair): (usize, &Value)| Example {
        row: row as u64,
        text: text(&pair[0]),
        second: Some(text(&pair[1])),
        label: pair[2].as_u64().unwrap() as usize,
    };
    let mut examples: Vec<Example> = rows.iter().enumerate().map(example).collect();
    let validation = examples.split_off(about["n_train"].as_u64().unwrap() as usize);
    (
        Split { examples },
        Split {
            examples: validation,
        },
    )
}

fn singles(split: &Split) -> Split {
    let examples = split.iter().cloned();
    let single = |example| Example {
        second: None,
        ..example
    };
    Split {
        examples: examples.map(single).collect(),
    }
}

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn budget() -> Budget {
    Budget {
        max_length: n(12),
        eval_batch: n(4),
        ..Budget::default()
    }
}

fn fit(
    base: &Pretrained,
    method: &dyn Method,
    config: Value,
    (train, validation): (&Split, &Split),
) -> (Result<Box<dyn Predictor>, FitError>, Vec<Event>) {
    let mut seen = Vec::new();
    let setting = Setting {
        base: Some(base.clone()),
        classes: &["other", "same"].map(str::to_owned),
        descriptions: None,
        train,
        validation,
        budget: budget(),
        seed: 3,
        device: &base.backbone.device(),
        shared: None,
        events: &mut |event| seen.push(event),
    };
    let predictor = method.plan(config).unwrap().fit(setting);
    (predictor, seen)
}

fn noted(events: &[Event], wanted: &str) -> Option<Value> {
    events.iter().find_map(|event| match event {
        Event::Note { name, value } if name == wanted => Some(value.clone()),
        _ => None,
    })
}

fn close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    let largest = expected
        .iter()
        .fold(0.0, |most: f32, value| most.max(value.abs()));
    for (place, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * largest,
            "{place}: {a}, expected {b}"
        );
    }
}

fn following(base: &Pretrained) -> Extractor {
    let Pretrained {
        sentence,
        tokenizer,
        shape,
        ..
    } = base;
    let length = budget().max_length.get();
    let embedder = Embedder::new(sentence, tokenizer, shape, length, None, Pooling::Mean).unwrap();
    Extractor::new(base, embedder, budget().eval_batch)
}

#[test]
fn features_of_pairs_apart_are_those_of_sentence_transformers_vectors() {
    let dir = folder("cls-normalize");
    let base = load(dir.path());
    let (mut all, validation) = pairs();
    all.examples.extend(validation.examples);
    let layers = [base.shape.layers];
    let found = following(&base)
        .features(&all.examples, &layers, PairEncoding::Apart, Scaling::None)
        .unwrap()
        .remove(0);
    let [u, v] = ["u", "v"].map(|name| tensor("pairs.safetensors", name));
    let width = base.shape.hidden;
    assert_eq!(found.width, 4 * width);
    let rows = u.chunks_exact(width).zip(v.chunks_exact(width));
    let expected = rows.flat_map(|(u, v)| {
        let distance = u.iter().zip(v).map(|(u, v)| (u - v).abs());
        let product = u.iter().zip(v).map(|(u, v)| u * v);
        [
            u.to_vec(),
            v.to_vec(),
            distance.collect(),
            product.collect(),
        ]
        .concat()
    });
    close(&found.values, &expected.collect::<Vec<f32>>(), 1e-5);
}

#[test]
fn logits_of_pairs_apart_are_those_of_scikit_learn_on_the_same_vectors() {
    let dir = folder("cls-normalize");
    let base = load(dir.path());
    let (train, validation) = pairs();
    let expected = tensor("pairs.safetensors", "logits");
    let config = json!({"pairs": "apart", "c": 10});
    let (predictor, _) = fit(&base, &FEATURE_BASED, config, (&train, &validation));
    let examples = [&train.examples[..], &validation.examples].concat();
    let logits = predictor.unwrap().class_logits(&examples).unwrap();
    let found: Vec<f32> = logits.iter().map(|row| row[1] - row[0]).collect();
    close(&found, &expected, 1e-4);
    let answers = logits.iter().map(|row| argmax(row));
    let wanted = expected.iter().map(|&logit| usize::from(logit > 0.0));
    assert!(answers.eq(wanted));
}

#[test]
fn the_better_encoding_on_validation_is_kept_noted_and_costed() {
    let base = load(folder("cls-normalize").path());
    let (train, validation) = pairs();
    let splits = (&train, &validation);
    let width = base.shape.hidden as u64;
    for (method, setting) in [(&FEATURE_BASED as &dyn Method, "c"), (&KNN, "k")] {
        let values = json!([1, 2, 4]);
        let scores = ["joint", "apart"].map(|pairs| {
            let config = json!({"pairs": pairs, setting: values});
            let (predictor, events) = fit(&base, method, config, splits);
            let trials = noted(&events, &format!("{setting}_trials")).unwrap();
            assert_eq!(noted(&events, "pairs"), Some(json!(pairs)));
            assert_eq!(noted(&events, "pairs_trials"), None);
            assert!(!predictor.unwrap().footprint().pairs_tried_both);
            let score = |trial: &Value| {
                let of = |name: &str| trial[name].as_f64().unwrap();
                (of("validation_accuracy"), -of("validation_loss"))
            };
            let scores = trials.as_array().unwrap().iter().map(score);
            scores.max_by(|a, b| a.partial_cmp(b).unwrap()).unwrap()
        });
        let (predictor, events) = fit(&base, method, json!({setting: values}), splits);
        let trials = noted(&events, "pairs_trials").unwrap();
        for (i, (name, (accuracy, loss))) in ["joint", "apart"].iter().zip(scores).enumerate() {
            assert_eq!(trials[i]["pairs"], json!(name));
            assert_eq!(trials[i]["validation_accuracy"], json!(accuracy));
            assert_eq!(trials[i]["validation_loss"], json!(-loss));
            assert!([1.0, 2.0, 4.0].contains(&trials[i][setting].as_f64().unwrap()));
        }
        let [joint, apart] = scores;
        let apart_wins = apart > joint;
        let kept = if apart_wins { "apart" } else { "joint" };
        assert_eq!(noted(&events, "pairs"), Some(json!(kept)));
        let footprint = predictor.unwrap().footprint();
        assert_eq!(footprint.pairs.as_str(), kept);
        assert!(footprint.pairs_tried_both);
        if setting == "c" {
            let features = if apart_wins { 4 * width } else { width };
            assert_eq!(footprint.trainable_params, features + 1);
        }
    }
}

#[test]
fn either_encoding_can_win() {
    let base = plain_bert();
    let (train, validation) = pairs();
    let mut kept = Vec::new();
    // Labels that mean nothing: which encoding happens to fit those of the validation split better differs from draw to draw.
    for seed in 0..12u64 {
        let relabel = |split: &Split| Split {
            examples: split
                .iter()
                .map(|example| Example {
                    label: (((example.row + 1) * (seed + 3) * 2_654_435_761) >> 7) as usize % 2,
                    ..example.clone()
                })
                .collect(),
        };
        let (train, validation) = (relabel(&train), relabel(&validation));
        let (_, events) = fit(
            &base,
            &FEATURE_BASED,
            json!({"c": 1}),
            (&train, &validation),
        );
        kept.push(noted(&events, "pairs").unwrap());
    }
    for encoding in ["joint", "apart"] {
        assert!(kept.contains(&json!(encoding)), "{kept:?}");
    }
}

#[test]
fn fitted_on_pairs_and_read_back_it_gives_the_same_logits_bit_for_bit() {
    let dir = folder("max-dense-normalize");
    let followed = load(dir.path());
    let plain = plain_bert();
    let (train, validation) = pairs();
    let cases: [(&dyn Method, Value); 8] = [
        (&FEATURE_BASED, json!({})),
        (&FEATURE_BASED, json!({"pairs": "joint"})),
        (
            &FEATURE_BASED,
            json!({"pairs": "apart", "scaling": "unit-length"}),
        ),
        (
            &FEATURE_BASED,
            json!({"pairs": "apart", "scaling": "standardise", "layer": "all"}),
        ),
        (
            &FEATURE_BASED,
            json!({"pairs": "apart", "pooling": "max", "layer": "auto"}),
        ),
        (&KNN, json!({})),
        (&KNN, json!({"pairs": "apart", "layer": "all"})),
        (&KNN, json!({"pairs": "joint", "pooling": "weighted-mean"})),
    ];
    for (base, (method, config)) in [&followed, &plain]
        .into_iter()
        .flat_map(|base| cases.iter().map(move |case| (base, case)))
    {
        let splits = (&train, &validation);
        let predictor = fit(base, *method, config.clone(), splits).0.unwrap();
        let saved = tempfile::tempdir().unwrap();
        predictor.save(saved.path()).unwrap();
        let info = read_saved_info(saved.path()).unwrap();
        let loaded = method
            .plan(info.config)
            .unwrap()
            .load(saved.path(), Some(base))
            .unwrap();
        assert_eq!(
            loaded.class_logits(&validation.examples).unwrap(),
            predictor.class_logits(&validation.examples).unwrap(),
            "{config}"
        );
        assert_eq!(loaded.footprint(), predictor.footprint(), "{config}");
        let single = loaded.class_logits(&singles(&validation).examples);
        if loaded.footprint().pairs == PairEncoding::Apart {
            let error = single.unwrap_err().to_string();
            assert!(
                error.contains("is a single text, expected a pair"),
                "{error}"
            );
        }
    }
}

#[test]
fn single_texts_have_one_encoding_whatever_the_setting() {
    let base = plain_bert();
    let (train, validation) = pairs();
    let (train, validation) = (singles(&train), singles(&validation));
    for method in [&FEATURE_BASED as &dyn Method, &KNN] {
        let outcome = |pairs: &str| {
            let config = json!({"pairs": pairs});
            let (predictor, events) = fit(&base, method, config, (&train, &validation));
            assert_eq!(noted(&events, "pairs"), None);
            assert_eq!(noted(&events, "pairs_trials"), None);
            let predictor = predictor.unwrap();
            let logits = predictor.class_logits(&validation.examples).unwrap();
            (logits, predictor.footprint(), events)
        };
        let joint = outcome("joint");
        assert_eq!(outcome("auto"), joint);
        assert_eq!(outcome("apart"), joint);
        assert_eq!(joint.1.pairs, PairEncoding::Joint);
    }
}

#[test]
fn without_validation_examples_pairs_are_joint() {
    let base = plain_bert();
    let (train, _) = pairs();
    let nothing = Split {
        examples: Vec::new(),
    };
    let (predictor, events) = fit(&base, &FEATURE_BASED, json!({"c": 1}), (&train, &nothing));
    assert_eq!(noted(&events, "pairs"), Some(json!("joint")));
    let footprint = predictor.unwrap().footprint();
    assert_eq!(
        (footprint.pairs, footprint.pairs_tried_both),
        (PairEncoding::Joint, false)
    );
}

#[test]
fn a_folder_is_followed_unless_a_pooling_is_given_and_the_record_says_which() {
    let dir = folder("max-dense-normalize");
    let base = load(dir.path());
    let (train, validation) = pairs();
    let (train, validation) = (singles(&train), singles(&validation));
    let splits = (&train, &validation);
    let (predictor, events) = fit(&base, &FEATURE_BASED, json!({"c": 1}), splits);
    let about = noted(&events, "sentence_transformers").unwrap();
    assert_eq!(
        about,
        json!({"folder": "largest values, Dense 48 to 24 (Tanh), Normalize", "followed": true})
    );
    // Dense gives 24 features, and its parameters run too.
    let footprint = predictor.unwrap().footprint();
    assert_eq!(footprint.trainable_params, 24 + 1);
    let plain = fit(&plain_bert(), &FEATURE_BASED, json!({"c": 1}), splits)
        .0
        .unwrap()
        .footprint();
    assert_eq!(
        footprint.total_params - footprint.trainable_params,
        plain.total_params - plain.trainable_params + 48 * 24 + 24
    );

    let given = json!({"c": 1, "pooling": "mean"});
    let (aside, events) = fit(&base, &FEATURE_BASED, given.clone(), splits);
    let about = noted(&events, "sentence_transformers").unwrap();
    assert_eq!(
        (&about["followed"], &about["pooling"]),
        (&json!(false), &json!("mean"))
    );
    let (plain, events) = fit(&plain_bert(), &FEATURE_BASED, given, splits);
    assert_eq!(noted(&events, "sentence_transformers"), None);
    let logits = |predictor: Result<Box<dyn Predictor>, FitError>| {
        predictor
            .unwrap()
            .class_logits(&validation.examples)
            .unwrap()
    };
    assert_eq!(logits(aside), logits(plain));
}

#[test]
fn another_length_than_the_folders_is_noted_and_a_prompt_is_counted() {
    let (train, validation) = pairs();
    let (train, validation) = (singles(&train), singles(&validation));
    let base = load(folder("prompt-excluded-dense").path());
    let (predictor, events) = fit(
        &base,
        &FEATURE_BASED,
        json!({"c": 1}),
        (&train, &validation),
    );
    let about = noted(&events, "sentence_transformers").unwrap();
    assert_eq!(about["max_length"], json!({"folder": 40, "used": 12}));
    let prompt = base.tokenizer.encode_plain("where the film is : ").unwrap();
    assert_eq!(
        predictor.unwrap().footprint().extra_tokens,
        prompt.len() as f64
    );
    let base = load(folder("cls-normalize").path());
    let (_, events) = fit(
        &base,
        &FEATURE_BASED,
        json!({"c": 1}),
        (&train, &validation),
    );
    let about = noted(&events, "sentence_transformers").unwrap();
    assert_eq!(about.get("max_length"), None);
}

#[test]
fn layers_below_the_last_are_pooled_as_the_folder_says_and_no_more() {
    let base = load(folder("max-dense-normalize").path());
    let (train, _) = pairs();
    let layers = [1, base.shape.layers];
    let found = following(&base)
        .features(&train.examples, &layers, PairEncoding::Joint, Scaling::None)
        .unwrap();
    assert_eq!((found[0].width, found[1].width), (48, 24));
    let embedder = Embedder::plain(&base.tokenizer, &base.shape, 12, Pooling::Max);
    let plain = Extractor::new(&base, embedder, n(4))
        .features(&train.examples, &layers, PairEncoding::Joint, Scaling::None)
        .unwrap();
    assert_eq!(found[0], plain[0]);
}

#[test]
fn a_folder_that_is_not_followed_is_refused_with_the_way_out() {
    let dir = folder("cls-normalize");
    let modules = json!([
        {"type": "sentence_transformers.models.Transformer", "path": ""},
        {"type": "sentence_transformers.models.CNN", "path": "1_CNN"}
    ]);
    std::fs::write(dir.path().join("modules.json"), modules.to_string()).unwrap();
    let base = load(dir.path());
    let (train, validation) = pairs();
    let splits = (&train, &validation);
    for method in [&FEATURE_BASED as &dyn Method, &KNN] {
        let error = fit(&base, method, json!({}), splits)
            .0
            .err()
            .unwrap()
            .to_string();
        assert!(
            error.contains("\"CNN\", which is not implemented"),
            "{error}"
        );
        assert!(error.contains("its setting `pooling`"), "{error}");
        assert!(
            fit(&base, method, json!({"pooling": "mean"}), splits)
                .0
                .is_ok()
        );
    }
}

#[test]
fn a_classifier_on_a_folders_vectors_is_refused_without_that_folder() {
    let base = load(folder("cls-normalize").path());
    let (train, validation) = pairs();
    let saved = tempfile::tempdir().unwrap();
    let fitted = fit(
        &base,
        &FEATURE_BASED,
        json!({"c": 1}),
        (&train, &validation),
    );
    fitted.0.unwrap().save(saved.path()).unwrap();
    let plan = FEATURE_BASED.plan(Value::Null).unwrap();
    let error = plan.load(saved.path(), Some(&plain_bert())).err().unwrap();
    assert!(error.to_string().contains("modules.json"), "{error}");
}
