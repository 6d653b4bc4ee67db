//! What a training on pairs is made of, what of the model's folder it follows, and what it refuses; on a tiny BERT.

use adapt::{
    Budget, Event, FitError, HeadPolicy, Method, Phase, Place, Predictor, Setting, read_saved_info,
};
use burn::tensor::Device;
use serde_json::{Value, json};
use setfit::SETFIT;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use task::{Example, Split};
use transformer::{Pooling, Pretrained, Side, collate};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/fixtures")
}

fn bert() -> Pretrained {
    transformer::load(&fixtures().join("oracle/bert"), &Device::flex()).unwrap()
}

/// The tiny BERT as a folder of sentence-transformers.
fn folder(case: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    copy(&fixtures().join("oracle/bert"), dir.path());
    copy(
        &fixtures().join("sentence-transformers").join(case),
        dir.path(),
    );
    dir
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry
            .map(|entry| (entry.path(), entry.file_name()))
            .unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// Seven texts of unequal lengths: three, three and one of a class.
fn train() -> Split {
    let texts = [
        (
            "not bad at all , in fact rather good despite the slow opening",
            2,
        ),
        ("x", 0),
        ("a gripping film", 2),
        ("it was fine", 1),
        (
            "a long and dull evening , and then the heating failed as well",
            0,
        ),
        ("good", 2),
        ("nobody came", 0),
    ];
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

fn n(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn budget() -> Budget {
    Budget {
        epochs: n(2),
        batch: n(5),
        max_length: n(24),
        dropout: Some(0.0),
        ..Budget::default()
    }
}

type Fit = Result<Box<dyn Predictor>, FitError>;

fn fit(base: Pretrained, settings: Value, budget: Budget) -> (Fit, Vec<Event>) {
    let split = train();
    let mut events = Vec::new();
    let setting = Setting {
        base: Some(base),
        classes: &["bad", "fine", "good"].map(str::to_owned),
        descriptions: None,
        train: &split,
        validation: &split,
        budget,
        seed: 3,
        device: &Device::flex().autodiff(),
        shared: None,
        events: &mut |event| events.push(event),
    };
    let fitted = SETFIT.plan(settings).unwrap().fit(setting);
    (fitted, events)
}

/// States of the first token of each text.
fn states(predictor: &dyn Predictor, base: &Pretrained) -> Vec<f32> {
    let encoded = base.tokenizer.encode(&train().texts(), 24).unwrap();
    let all: Vec<_> = encoded.iter().collect();
    let batch = collate(&all, base.tokenizer.pad_id(), Side::Right, &Device::flex());
    let place = |text| Place { text, token: 0 };
    let places: Vec<Place> = (0..all.len()).map(place).collect();
    adapt::to_floats(predictor.language_states(&batch, &places).unwrap().states)
}

#[test]
fn every_text_of_a_step_runs_once_and_the_output_layer_is_fitted_after_each_epoch() {
    let (fitted, events) = fit(bert(), json!({"num_iterations": 2}), budget());
    fitted.unwrap();
    let steps = events.iter().filter_map(|event| match event {
        Event::StepDone {
            samples, tokens, ..
        } => Some((*samples, *tokens)),
        _ => None,
    });
    let steps: Vec<(usize, usize)> = steps.collect();
    assert_eq!(steps.len(), 2 * 6, "28 pairs in fives, twice");
    let tokens: usize = bert()
        .tokenizer
        .encode(&train().texts(), 24)
        .unwrap()
        .iter()
        .map(|text| text.ids.len())
        .sum();
    assert!(
        steps
            .iter()
            .all(|&(texts, of_step)| texts <= 7 && of_step <= tokens),
        "{steps:?}"
    );
    let encoded =
        |event: &&Event| matches!(event, Event::Encoded { samples: 7, tokens: t } if *t == tokens);
    assert_eq!(events.iter().filter(encoded).count(), 2);
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::HeadLearningRate(_)))
    );
    let validated = events
        .iter()
        .filter(|event| **event == Event::Began(Phase::Validate));
    assert_eq!(validated.count(), 2);
}

#[test]
fn a_head_that_is_trained_along_leaves_the_body_alone_unless_end_to_end() {
    // One norm of all gradients would tie them together.
    let unclipped = || Budget {
        clip_norm: 1e9,
        ..budget()
    };
    let base = bert();
    let trained = |settings: Value| {
        let (fitted, events) = fit(base.clone(), settings, unclipped());
        (states(&*fitted.unwrap(), &base), events)
    };
    let (fitted, _) = trained(json!({"learning_rate": 1e-3}));
    let (along, events) = trained(json!({"learning_rate": 1e-3, "use_differentiable_head": true}));
    let end_to_end =
        json!({"learning_rate": 1e-3, "use_differentiable_head": true, "end_to_end": true});
    let (end_to_end, _) = trained(end_to_end);
    let apart = |a: &[f32], b: &[f32]| {
        a.iter()
            .zip(b)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max)
    };
    assert!(apart(&fitted, &along) < 1e-5, "{}", apart(&fitted, &along));
    assert!(
        apart(&fitted, &end_to_end) > 1e-2,
        "{}",
        apart(&fitted, &end_to_end)
    );
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::HeadLearningRate(_)))
    );
    assert!(
        !events
            .iter()
            .any(|event| matches!(event, Event::Encoded { .. }))
    );
}

#[test]
fn a_folders_pooling_and_normalize_are_followed_and_kept_with_what_is_saved() {
    let dir = folder("cls-normalize");
    let base = transformer::load(dir.path(), &Device::flex()).unwrap();
    let (fitted, events) = fit(base, Value::Null, budget());
    let fitted = fitted.unwrap();
    let followed = events.iter().any(|event| match event {
        Event::Note { name, value } => {
            name == "sentence_transformers" && value["followed"] == json!(true)
        }
        _ => false,
    });
    assert!(followed, "{events:?}");
    let kept = tempfile::tempdir().unwrap();
    fitted.save(kept.path()).unwrap();
    let info = read_saved_info(kept.path()).unwrap();
    assert_eq!(info.pooling, Some(Pooling::First));
    assert_eq!(info.config["normalize_embeddings"], json!(true));
    // Read back on the same weights without the folder's files.
    let loaded = SETFIT
        .plan(info.config)
        .unwrap()
        .load(kept.path(), Some(&bert()))
        .unwrap();
    let logits = |predictor: &dyn Predictor| predictor.class_logits(&train().examples).unwrap();
    let (before, after) = (logits(&*fitted), logits(&*loaded));
    let pairs = before.iter().flatten().zip(after.iter().flatten());
    assert!(
        pairs.clone().all(|(a, b)| (a - b).abs() < 1e-5),
        "{before:?} {after:?}"
    );
    // Of unit vectors and C = 1 no logit is large; of the states' own length they are.
    let (plain, _) = fit(bert(), Value::Null, budget());
    let largest = |logits: Vec<Vec<f32>>| {
        logits
            .concat()
            .into_iter()
            .fold(0f32, |most, x| most.max(x.abs()))
    };
    let (of_unit, of_plain) = (largest(before), largest(logits(&*plain.unwrap())));
    assert!(of_unit < 0.75 * of_plain, "{of_unit} {of_plain}");
}

#[test]
fn what_a_folder_asks_for_beyond_that_is_refused_by_name_and_can_be_set_aside() {
    let dir = folder("max-dense-normalize");
    let base = || transformer::load(dir.path(), &Device::flex()).unwrap();
    let reason = fit(base(), Value::Null, budget())
        .0
        .err()
        .unwrap()
        .to_string();
    assert!(
        reason.starts_with("setfit: ") && reason.contains("Dense"),
        "{reason}"
    );
    assert!(reason.contains("budget.pooling"), "{reason}");
    let aside = Budget {
        pooling: Some(Pooling::Mean),
        ..budget()
    };
    assert!(fit(base(), Value::Null, aside).0.is_ok());
}

#[test]
fn the_heads_of_transformers_too_many_blocks_and_texts_without_pairs_are_refused_by_name() {
    let refused = |settings: Value, budget: Budget| {
        let error = fit(bert(), settings, budget).0.err().unwrap();
        assert!(matches!(error, FitError::NotApplicable(_)), "{error}");
        error.to_string()
    };
    let transformers = Budget {
        head: HeadPolicy::Transformers,
        ..budget()
    };
    let reason = refused(Value::Null, transformers);
    assert_eq!(
        reason,
        r#"setfit: budget.head is "transformers", expected "linear""#
    );
    let reason = refused(json!({"body": "last", "blocks": 99}), budget());
    assert!(
        reason.starts_with("setfit.body ") && reason.contains("99"),
        "{reason}"
    );
    let micro = Budget {
        micro_batch: Some(n(2)),
        ..budget()
    };
    let reason = refused(json!({"loss": "sup-con"}), micro);
    assert!(reason.contains("budget.micro_batch"), "{reason}");
}

#[test]
fn parts_of_a_step_add_up_to_the_step() {
    let losses = |micro_batch| {
        let budget = Budget {
            micro_batch,
            ..budget()
        };
        let (fitted, events) = fit(bert(), json!({"learning_rate": 1e-3}), budget);
        fitted.unwrap();
        let loss = |event: &Event| match event {
            Event::StepDone { loss, .. } => Some(*loss),
            _ => None,
        };
        events.iter().filter_map(loss).collect::<Vec<f64>>()
    };
    let (whole, parts) = (losses(None), losses(Some(n(2))));
    assert_eq!(whole.len(), 2 * 3);
    for (a, b) in whole.iter().zip(&parts) {
        assert!((a - b).abs() < 2e-5, "{whole:?} {parts:?}");
    }
}
