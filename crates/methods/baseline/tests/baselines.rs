//! What the baselines promise: priors, choice on validation, bit-equal files, refused settings.

use adapt::{Budget, Event, FitError, Method, Phase, Predictor, Setting, read_saved_info};
use baseline::{MAJORITY, TF_IDF};
use burn::tensor::Device;
use serde_json::{Value, json};
use task::{Example, Split};

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
        ("a good film, not a dull moment", 1),
        ("good, good, good", 1),
        ("not good at all", 0),
        ("dull and slow", 0),
        ("a fine film", 1),
        ("not bad, rather good", 1),
        ("bad acting", 0),
    ])
}

fn validation() -> Split {
    split(&[
        ("a good film", 1),
        ("not good", 0),
        ("slow, dull and bad", 0),
    ])
}

fn fit(
    method: &dyn Method,
    config: Value,
    train: &Split,
    classes: &[&str],
) -> (Result<Box<dyn Predictor>, FitError>, Vec<Event>) {
    let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
    let validation = validation();
    let mut seen = Vec::new();
    let setting = Setting {
        base: None,
        classes: &classes,
        descriptions: None,
        train,
        validation: &validation,
        budget: Budget::default(),
        seed: 3,
        device: &Device::default(),
        shared: None,
        events: &mut |event| seen.push(event),
    };
    let predictor = method.plan(config).unwrap().fit(setting);
    (predictor, seen)
}

fn fitted(method: &dyn Method, config: Value) -> Box<dyn Predictor> {
    fit(method, config, &train(), &["bad", "good"]).0.unwrap()
}

#[test]
fn majority_gives_the_shares_of_the_training_labels_and_no_class_is_impossible() {
    let (predictor, _) = fit(&MAJORITY, Value::Null, &train(), &["bad", "good", "unseen"]);
    for logits in predictor
        .unwrap()
        .class_logits(&validation().examples)
        .unwrap()
    {
        let probabilities: Vec<f32> = logits.iter().map(|logit| logit.exp()).collect();
        assert!(
            (probabilities[0] - 3.0 / 7.0).abs() < 1e-6
                && (probabilities[1] - 4.0 / 7.0).abs() < 1e-6,
            "{probabilities:?}"
        );
        assert!(
            logits[2].is_finite() && probabilities[2] < 1e-15,
            "{logits:?}"
        );
    }
}

#[test]
fn words_decide_where_the_majority_class_is_wrong_and_pairs_see_a_negation() {
    let margins = |config: Value| -> Vec<f32> {
        let logits = fitted(&TF_IDF, config).class_logits(&validation().examples);
        logits.unwrap().iter().map(|l| l[1] - l[0]).collect()
    };
    let found = margins(Value::Null);
    assert!(found[0] > 0.0 && found[2] < 0.0, "{found:?}");
    let words = margins(json!({"max_ngram": 1, "c": 10.0}));
    let pairs = margins(json!({"max_ngram": 2, "c": 10.0}));
    assert!(pairs[1] < words[1], "{words:?} {pairs:?}"); // "not good"
}

#[test]
fn saved_and_loaded_baselines_give_the_same_logits_bit_for_bit() {
    for (method, config) in [
        (&MAJORITY as &dyn Method, Value::Null),
        (&TF_IDF, json!({"max_ngram": 3, "c": 2.5})),
    ] {
        let predictor = fitted(method, config);
        let dir = tempfile::tempdir().unwrap();
        predictor.save(dir.path()).unwrap();
        let info = read_saved_info(dir.path()).unwrap();
        assert_eq!(info.method, method.info().name);
        let loaded = method
            .plan(info.config)
            .unwrap()
            .load(dir.path(), None)
            .unwrap();
        let examples = validation().examples;
        assert_eq!(
            loaded.class_logits(&examples).unwrap(),
            predictor.class_logits(&examples).unwrap()
        );
        assert_eq!(loaded.footprint(), predictor.footprint());
    }
}

#[test]
fn the_same_fit_twice_gives_the_same_logits_bit_for_bit() {
    let examples = validation().examples;
    let once = || {
        fitted(&TF_IDF, Value::Null)
            .class_logits(&examples)
            .unwrap()
    };
    assert_eq!(once(), once());
}

#[test]
fn trained_parameters_are_one_more_than_the_terms_for_two_classes_and_as_many_a_class_for_more() {
    let terms = 13; // distinct single words of two letters or more in the training texts
    let config = json!({"max_ngram": 1});
    let words: std::collections::BTreeSet<String> = train()
        .iter()
        .flat_map(|e| {
            e.text
                .split(|c: char| !c.is_alphanumeric())
                .filter(|w| w.len() > 1)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(words.len(), terms);
    assert_eq!(
        fitted(&TF_IDF, config.clone()).footprint().trainable_params,
        terms as u64 + 1
    );
    let mut three = train();
    three.examples[4].label = 2;
    let (predictor, _) = fit(&TF_IDF, config, &three, &["bad", "good", "fine"]);
    assert_eq!(
        predictor.unwrap().footprint().trainable_params,
        3 * (terms as u64 + 1)
    );
    assert_eq!(
        fitted(&MAJORITY, Value::Null).footprint().trainable_params,
        0
    );
}

#[test]
fn the_record_says_which_c_was_chosen_from_which_and_whether_it_lies_at_the_edge() {
    let (_, events) = fit(
        &TF_IDF,
        json!({"c": [0.1, 1, 10]}),
        &train(),
        &["bad", "good"],
    );
    let note = |wanted: &str| {
        let found = events.iter().find_map(|event| match event {
            Event::Note { name, value } if name == wanted => Some(value.clone()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no {wanted} in {events:?}"))
    };
    let trials = note("c_trials");
    assert_eq!(trials.as_array().unwrap().len(), 3);
    assert!(
        trials[0]["validation_accuracy"].is_f64() && trials[0]["converged"] == true,
        "{trials}"
    );
    let c = note("c").as_f64().unwrap();
    let edge = if c == 0.1 {
        json!("low")
    } else if c == 10.0 {
        json!("high")
    } else {
        Value::Null
    };
    assert_eq!(note("c_at_edge"), edge);
    let validated = events
        .iter()
        .filter(|event| matches!(event, Event::Validated { .. }))
        .count();
    assert_eq!(validated, 3);
    let began = events.iter().filter_map(|event| match event {
        Event::Began(phase) => Some(*phase),
        _ => None,
    });
    let expected = [
        Phase::Prepare,
        Phase::PrepareValidation,
        Phase::Search,
        Phase::Train,
    ];
    assert_eq!(began.collect::<Vec<_>>(), expected);
    let searched = events.iter().find_map(|event| match event {
        Event::Searched { trials, edge } => Some((*trials, edge.is_some())),
        _ => None,
    });
    assert_eq!(searched, Some((3, !edge.is_null())));
}

#[test]
fn a_single_c_is_no_search() {
    let config = json!({"c": 1});
    let (_, events) = fit(&TF_IDF, config, &train(), &["bad", "good"]);
    let is_search =
        |event: &Event| matches!(event, Event::Began(Phase::Search) | Event::Searched { .. });
    assert!(!events.iter().any(is_search), "{events:?}");
    assert!(events.contains(&Event::Began(Phase::Train)));
}

#[test]
fn misspelt_and_impossible_settings_are_refused() {
    let error = |method: &dyn Method, config| method.plan(config).err().unwrap().to_string();
    assert!(error(&TF_IDF, json!({"max_ngrams": 2})).contains("did you mean \"max_ngram\"?"));
    assert!(
        error(&TF_IDF, json!({"c": [1, 1]}))
            .contains("expected one or several different numbers above 0")
    );
    assert!(error(&TF_IDF, json!({"c": [1, -1]})).contains("c is -1, expected a number of at"));
    for wrong in [0, 100] {
        let expected = format!("max_ngram is {wrong}, expected a whole number from 1 to 8");
        assert!(error(&TF_IDF, json!({"max_ngram": wrong})).contains(&expected));
    }
    assert!(error(&MAJORITY, json!({"c": 1})).contains("has no setting \"c\""));
}

#[test]
fn texts_without_a_word_are_an_error_that_says_so() {
    let (predictor, _) = fit(
        &TF_IDF,
        Value::Null,
        &split(&[("?", 0), ("a b", 1)]),
        &["bad", "good"],
    );
    assert!(
        predictor
            .err()
            .unwrap()
            .to_string()
            .contains("has no features")
    );
}

#[test]
fn a_damaged_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fitted(&TF_IDF, Value::Null).save(dir.path()).unwrap();
    std::fs::write(dir.path().join("classifier.safetensors"), b"short").unwrap();
    let error = TF_IDF
        .plan(Value::Null)
        .unwrap()
        .load(dir.path(), None)
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("classifier.safetensors"), "{error}");
    std::fs::remove_file(dir.path().join("tf_idf.json")).unwrap();
    let error = TF_IDF
        .plan(Value::Null)
        .unwrap()
        .load(dir.path(), None)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("cannot read") && error.contains("tf_idf.json"),
        "{error}"
    );
}

/// The message about what `method` saved, of which one file is changed.
fn refused(method: &dyn Method, file: &str, change: impl FnOnce(&mut Value)) -> String {
    let dir = tempfile::tempdir().unwrap();
    fitted(method, Value::Null).save(dir.path()).unwrap();
    let path = dir.path().join(file);
    let mut json: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut json);
    std::fs::write(&path, json.to_string()).unwrap();
    let plan = method.plan(Value::Null).unwrap();
    let error = plan.load(dir.path(), None).err().expect("a refusal");
    let error = error.to_string();
    assert!(error.contains(file), "{error}");
    error
}

#[test]
fn numbers_that_no_fit_gives_are_refused_with_the_name_of_their_file() {
    let most = u64::MAX;
    let error = refused(&TF_IDF, "tf_idf.json", |json| {
        json["documents"] = json!(most)
    });
    assert!(error.contains("documents is"), "{error}");
    let error = refused(&TF_IDF, "tf_idf.json", |json| {
        json["terms"][0][1] = json!(most);
    });
    assert!(
        error.contains("expected at least 1 and at most all"),
        "{error}"
    );
    let error = refused(&TF_IDF, "tf_idf.json", |json| {
        json["settings"]["ngram_range"] = json!([0, most]);
    });
    assert!(error.contains("ngram_range"), "{error}");
    let error = refused(&TF_IDF, "tf_idf.json", |json| {
        json["terms"][1] = json["terms"][0].clone();
    });
    assert!(error.contains("each once"), "{error}");
    for counts in [
        json!([most, most]),
        json!([0, 0]),
        json!([1]),
        json!([1, -1]),
    ] {
        refused(&MAJORITY, "class_counts.json", |json| *json = counts);
    }
}

#[test]
fn texts_of_another_kind_than_in_training_are_refused() {
    let mut pairs = validation().examples;
    for pair in &mut pairs {
        pair.second = Some("and another".to_owned());
    }
    for method in [&MAJORITY as &dyn Method, &TF_IDF] {
        let predictor = fitted(method, Value::Null);
        assert!(predictor.scores(&validation().examples).is_ok());
        let error = predictor.scores(&pairs).unwrap_err().to_string();
        assert!(error.contains("a pair of texts"), "{error}");
    }
}
