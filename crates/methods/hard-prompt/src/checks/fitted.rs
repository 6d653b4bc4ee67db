//! What is chosen, kept, recorded and refused.

use super::{
    MODES, fit, fit_model, fit_to, oracle, split, train, validation, without_unknown_token,
};
use crate::HARD_PROMPT;
use adapt::{Method, read_saved_info};
use serde_json::json;
use task::{Score, Split};

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
    let score = Score::of_logits(&logits, &validation().labels());
    assert_eq!(score.accuracy, best);

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
fn pairs_are_asked_with_both_texts() {
    let second = |mut split: Split| {
        let texts = ["so it was", "x", "a film", "not at all"];
        for (example, text) in split.examples.iter_mut().zip(texts.iter().cycle()) {
            example.second = Some((*text).to_owned());
        }
        split
    };
    let (train, pairs) = (second(train()), second(validation()));
    for (architecture, _) in MODES {
        for search in ["gradient", "templates"] {
            let config = json!({"search": search, "steps": 3, "batch": 3});
            let fitted = fit_to(architecture, config, 5, &train, &pairs).unwrap();
            let mut examples = pairs.examples.clone();
            let logits = fitted.class_logits(&examples).unwrap();
            examples[0].second = Some("rather good".to_owned());
            let changed = fitted.class_logits(&examples).unwrap();
            assert_ne!(logits[0], changed[0], "{architecture} {search}");
            assert_eq!(logits[2], changed[2]);
            let single = fitted.class_logits(&split(&[("x", 0)]).examples);
            assert!(single.unwrap_err().to_string().contains("one text"));
        }
    }
}

#[test]
fn label_words_that_the_model_does_not_know_are_refused_by_name() {
    for architecture in ["bert", "distilbert"] {
        for (words, named) in [
            (["☃", "fine", "☂"], "\"☃\""),
            (["fine ☃", "good", "fine ☂"], "\"fine ☃\" and \"fine ☂\""),
        ] {
            let error = fit(architecture, json!({"label_words": [words]}), 5).err();
            let error = error.unwrap_or_default();
            assert!(error.contains(named), "{architecture} {words:?}: {error}");
            assert!(error.contains("hard-prompt.label_words"), "{error}");
        }
    }
}

#[test]
fn a_tokenizer_without_its_unknown_token_is_named_and_nothing_panics() {
    for search in ["gradient", "templates"] {
        let config = json!({"search": search, "templates": "{text}; {label}", "trigger_template": "{text}; {trigger} {label}"});
        let fitted = fit_model(without_unknown_token(), config, 5, &train(), &validation());
        let error = fitted.err().unwrap_or_default();
        assert!(error.contains("cannot encode"), "{search}: {error}");
        assert!(error.contains("[UNK]"), "{search}: {error}");
    }
}
