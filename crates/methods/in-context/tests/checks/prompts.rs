//! Causal models: prompts that share what they can are scored as if each were read alone.

use crate::common::{
    Bench, assert_close, assert_same, calibrate, demonstration_rows, normalise, queries, train,
};
use serde_json::json;

const CAUSAL: [&str; 2] = ["gpt2", "llama"];
const TOLERANCE: f64 = 1e-4;

/// The whole prompt up to the label, tokenised in one go, special tokens in front.
fn whole(bench: &Bench, shown: &[(&str, &str)], query: &str) -> Vec<u32> {
    let mut text = String::new();
    for (demonstration, word) in shown {
        text.push_str(&format!("In: {demonstration}\nOut: {word}\n"));
    }
    text.push_str(&format!("In: {query}\nOut:"));
    let before: &[u32] = if bench.base.shape.architecture == transformer::Architecture::Llama {
        &[0]
    } else {
        &[]
    };
    [before, &bench.base.tokenizer.encode_plain(&text)].concat()
}

fn shown(rows: &[u64]) -> Vec<(&'static str, &'static str)> {
    let words = ["not so", "not", "good"];
    let texts = [
        ("a dull film", 0),
        ("fine", 2),
        ("so so", 1),
        ("I slept", 0),
        ("rather good", 2),
        ("it is a film", 1),
        ("great", 2),
    ];
    rows.iter()
        .map(|row| texts[(row - 100) as usize])
        .map(|(text, label)| (text, words[label]))
        .collect()
}

fn template() -> serde_json::Value {
    json!({"templates": "In: {text}\nOut: {label}", "separator": "\n", "shots": 0, "calibrate": false})
}

fn with(mut config: serde_json::Value, more: serde_json::Value) -> serde_json::Value {
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    config
}

#[test]
fn the_words_of_these_tests_have_several_tokens_and_one_begins_another() {
    for architecture in CAUSAL {
        let words = Bench::new(architecture).words();
        assert!(
            words[0].starts_with(&words[1]) && words[0].len() > words[1].len(),
            "{words:?}"
        );
        assert!(words[1].len() > 1 || words[2].len() > 1, "{words:?}");
    }
}

#[test]
fn zero_shot_scores_equal_one_forward_pass_a_token() {
    for architecture in CAUSAL {
        let bench = Bench::new(architecture);
        for (logits, query) in bench.logits(template()).iter().zip(&queries()) {
            let scores = bench.continuations(&whole(&bench, &[], &query.text));
            assert_close(logits, &normalise(&scores), TOLERANCE);
        }
    }
}

#[test]
fn behind_a_shared_prefix_scores_equal_whole_prompts() {
    for architecture in CAUSAL {
        let bench = Bench::new(architecture);
        let predictor = bench.fit(with(template(), json!({"shots": 2})));
        let rows = demonstration_rows(&*predictor, 0);
        assert_eq!(rows.len(), 2);
        let logits = predictor.class_logits(&queries().examples).unwrap();
        for (logits, query) in logits.iter().zip(&queries()) {
            let scores = bench.continuations(&whole(&bench, &shown(&rows), &query.text));
            assert_close(logits, &normalise(&scores), TOLERANCE);
        }
        assert_eq!(
            predictor.details()["fitted_into_the_window"]["demonstrations_dropped"],
            0
        );
    }
}

#[test]
fn the_mean_per_token_divides_by_the_words_length() {
    let bench = Bench::new("gpt2");
    let words = bench.words();
    let logits = bench.logits(with(template(), json!({"score": "mean"})));
    for (logits, query) in logits.iter().zip(&queries()) {
        let mut scores = bench.continuations(&whole(&bench, &[], &query.text));
        scores
            .iter_mut()
            .zip(&words)
            .for_each(|(score, word)| *score /= word.len() as f64);
        assert_close(logits, &normalise(&scores), TOLERANCE);
    }
}

#[test]
fn calibration_divides_out_what_content_free_inputs_get_behind_the_same_demonstrations() {
    for architecture in CAUSAL {
        let bench = Bench::new(architecture);
        let free = ["N/A", "??"];
        let predictor = bench.fit(with(
            template(),
            json!({"shots": 2, "calibrate": true, "content_free": free}),
        ));
        let rows = demonstration_rows(&*predictor, 0);
        let logits = predictor.class_logits(&queries().examples).unwrap();
        let content_free =
            free.map(|text| bench.continuations(&whole(&bench, &shown(&rows), text)));
        for (logits, query) in logits.iter().zip(&queries()) {
            let scores = bench.continuations(&whole(&bench, &shown(&rows), &query.text));
            assert_close(logits, &calibrate(&scores, &content_free), TOLERANCE);
        }
    }
}

#[test]
fn a_content_free_query_gets_every_class_alike() {
    let bench = Bench::new("gpt2");
    let predictor = bench.fit(with(
        template(),
        json!({"shots": 2, "calibrate": true, "content_free": "N/A"}),
    ));
    let logits = predictor
        .class_logits(&crate::common::split(&[("N/A", 0), ("good", 1)], 0).examples)
        .unwrap();
    assert_close(&logits[0], &[(1f64 / 3.0).ln(); 3], 1e-5);
    assert!((logits[1][0] - logits[1][2]).abs() > 1e-3, "{logits:?}");
}

#[test]
fn retrieved_demonstrations_stand_nearest_last_and_are_scored_as_whole_prompts() {
    for architecture in CAUSAL {
        for retriever in ["hidden", "tf-idf"] {
            let mut bench = Bench::new(architecture);
            bench.train =
                crate::common::split(&[("so so", 1), ("fine", 2), ("what was it", 0)], 100);
            let texts = [
                ("so so", "not"),
                ("fine", "good"),
                ("what was it", "not so"),
            ];
            for calibrated in [false, true] {
                let predictor = bench.fit(with(
                    template(),
                    json!({"shots": 1, "retrieval": true, "retriever": retriever, "calibrate": calibrated, "content_free": "N/A"}),
                ));
                let logits = predictor.class_logits(&queries().examples).unwrap();
                for (row, nearest) in [(2, texts[0]), (3, texts[2])] {
                    // The query stands in train itself: nothing is nearer.
                    let query = &queries().examples[row].text;
                    let scores = bench.continuations(&whole(&bench, &[nearest], query));
                    let free = [bench.continuations(&whole(&bench, &[nearest], "N/A"))];
                    let expected = if calibrated {
                        calibrate(&scores, &free)
                    } else {
                        normalise(&scores)
                    };
                    assert_close(&logits[row], &expected, TOLERANCE);
                }
            }
        }
    }
}

#[test]
fn an_ensemble_is_the_mean_of_its_members_log_probabilities() {
    let bench = Bench::new("gpt2");
    let config = with(template(), json!({"shots": 2, "draws": 2, "orders": 2}));
    let predictor = bench.fit(config);
    let members: Vec<Vec<u64>> = (0..4)
        .map(|member| demonstration_rows(&*predictor, member))
        .collect();
    let logits = predictor.class_logits(&queries().examples).unwrap();
    for (logits, query) in logits.iter().zip(&queries()) {
        let member = |rows: &Vec<u64>| {
            normalise(&bench.continuations(&whole(&bench, &shown(rows), &query.text)))
        };
        let all: Vec<Vec<f64>> = members.iter().map(member).collect();
        let mean: Vec<f64> = (0..3)
            .map(|class| all.iter().map(|logs| logs[class]).sum::<f64>() / 4.0)
            .collect();
        assert_close(logits, &mean, TOLERANCE);
    }
    let details = predictor.details();
    assert_eq!(
        details["member_validation_accuracy"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    assert!(details["validation_accuracy_range_over"]["draws"].is_number());
    assert!(
        details["validation_accuracy_range_over"]
            .get("templates")
            .is_none()
    );
}

#[test]
fn batch_size_and_company_change_nothing() {
    for config in [
        with(template(), json!({"shots": 2, "calibrate": true})),
        with(
            template(),
            json!({"shots": 2, "calibrate": true, "retrieval": true}),
        ),
        with(
            template(),
            json!({"shots": 2, "retrieval": true, "separator": " ; "}),
        ),
    ] {
        let mut bench = Bench::new("gpt2");
        let together = bench.logits(config.clone());
        bench.eval_batch = 100;
        let predictor = bench.fit(config.clone());
        let examples = queries().examples;
        assert_same(&predictor.class_logits(&examples).unwrap(), &together, 1e-5);
        let alone: Vec<Vec<f32>> = examples
            .iter()
            .flat_map(|e| predictor.class_logits(std::slice::from_ref(e)).unwrap())
            .collect();
        assert_same(&alone, &together, 1e-5);
        let reversed: Vec<_> = examples.iter().rev().cloned().collect();
        let mut logits = predictor.class_logits(&reversed).unwrap();
        logits.reverse();
        assert_same(&logits, &together, 1e-5);
    }
}

#[test]
fn what_does_not_fit_is_dropped_from_the_front_and_counted() {
    let bench = Bench::new("gpt2");
    let config = with(template(), json!({"shots": 5}));
    let all = demonstration_rows(&*bench.fit(config.clone()), 0);
    // A window that holds the two demonstrations nearest to this query and not the third.
    let query = &queries().examples[1].text;
    let two = whole(&bench, &shown(&all[3..]), query).len();
    let longest_word = bench.words().iter().map(Vec::len).max().unwrap();
    let predictor = bench.fit(with(config, json!({"window": two + longest_word})));
    let logits = predictor.class_logits(&queries().examples[1..2]).unwrap();
    let expected = normalise(&bench.continuations(&whole(&bench, &shown(&all[3..]), query)));
    assert_close(&logits[0], &expected, TOLERANCE);
    let counts = &predictor.details()["fitted_into_the_window"];
    assert_eq!(
        (
            &counts["queries"],
            &counts["prompts_with_dropped_demonstrations"]
        ),
        (&json!(1), &json!(1)),
        "{counts}"
    );
    assert_eq!(
        (&counts["demonstrations_dropped"], &counts["queries_cut"]),
        (&json!(3), &json!(0)),
        "{counts}"
    );
}

#[test]
fn a_query_too_long_for_the_window_is_cut_at_its_end_and_counted() {
    let bench = Bench::new("gpt2");
    let tokenizer = &bench.base.tokenizer;
    let text = "not bad at all";
    let longest_word = bench.words().iter().map(Vec::len).max().unwrap();
    let window = whole(&bench, &[], text).len() + longest_word - 3;
    let predictor = bench.fit(with(template(), json!({"window": window})));
    let logits = predictor
        .class_logits(&crate::common::split(&[(text, 0)], 0).examples)
        .unwrap();
    let mut ids = tokenizer.encode_plain(&format!("In: {text}"));
    ids.truncate(ids.len() - 3);
    ids.extend(tokenizer.encode_plain("\nOut:"));
    assert_close(
        &logits[0],
        &normalise(&bench.continuations(&ids)),
        TOLERANCE,
    );
    let counts = &predictor.details()["fitted_into_the_window"];
    assert_eq!(
        (&counts["queries_cut"], &counts["query_tokens_cut"]),
        (&json!(1), &json!(3)),
        "{counts}"
    );
}

#[test]
fn texts_are_cut_to_the_general_limit_as_for_every_method() {
    let mut bench = Bench::new("gpt2");
    bench.max_length = 5;
    let predictor = bench.fit(template());
    let text = "not bad at all";
    let logits = predictor
        .class_logits(&crate::common::split(&[(text, 0)], 0).examples)
        .unwrap();
    let tokenizer = &bench.base.tokenizer;
    let mut ids = tokenizer.encode_plain("In:");
    let text = tokenizer.encode_plain(&format!(" {text}"));
    assert!(text.len() > 5);
    ids.extend(&text[..5]);
    ids.extend(tokenizer.encode_plain("\nOut:"));
    assert_close(
        &logits[0],
        &normalise(&bench.continuations(&ids)),
        TOLERANCE,
    );
    assert_eq!(
        predictor.details()["fitted_into_the_window"]["query_tokens_cut"],
        json!(text.len() - 5)
    );
}

#[test]
fn a_window_without_room_for_the_template_is_refused() {
    let error = Bench::new("gpt2")
        .try_fit(with(template(), json!({"window": 3})))
        .err()
        .unwrap();
    assert!(error.contains("the window has 3"), "{error}");
}

#[test]
fn the_same_seed_gives_the_same_prompt_and_another_seed_another() {
    let mut bench = Bench::new("gpt2");
    let config = with(template(), json!({"shots": 3, "draws": 2}));
    let first = bench.fit(config.clone());
    let again = bench.fit(config.clone());
    let examples = queries().examples;
    assert_eq!(
        first.class_logits(&examples).unwrap(),
        again.class_logits(&examples).unwrap()
    );
    assert_ne!(
        demonstration_rows(&*first, 0),
        demonstration_rows(&*first, 1)
    );
    bench.seed = 6;
    let other = bench.fit(config);
    assert_ne!(
        demonstration_rows(&*first, 0),
        demonstration_rows(&*other, 0)
    );
}

#[test]
fn classes_listed_in_another_order_permute_the_logits() {
    let mut bench = Bench::new("gpt2");
    let config = with(template(), json!({"shots": 3, "calibrate": true}));
    let before = bench.logits(config.clone());
    let to = [2, 0, 1];
    bench.classes = ["not", "good", "not_so"].map(str::to_owned).to_vec();
    for split in [&mut bench.train, &mut bench.validation] {
        split
            .examples
            .iter_mut()
            .for_each(|example| example.label = to[example.label]);
    }
    let after = bench.logits(config);
    let unpermuted: Vec<Vec<f32>> = after
        .iter()
        .map(|row| to.iter().map(|&class| row[class]).collect())
        .collect();
    assert_same(&unpermuted, &before, 1e-5);
}

#[test]
fn an_instruction_stands_once_in_front() {
    let bench = Bench::new("gpt2");
    let predictor = bench.fit(with(
        template(),
        json!({"shots": 1, "instruction": "Is it good?"}),
    ));
    let rows = demonstration_rows(&*predictor, 0);
    let logits = predictor.class_logits(&queries().examples).unwrap();
    for (logits, query) in logits.iter().zip(&queries()) {
        let ids = [
            bench.base.tokenizer.encode_plain("Is it good?\n"),
            whole(&bench, &shown(&rows), &query.text),
        ]
        .concat();
        assert_close(logits, &normalise(&bench.continuations(&ids)), TOLERANCE);
    }
}

#[test]
fn a_template_of_nothing_but_placeholders_has_a_place_to_predict_from() {
    for architecture in CAUSAL {
        let bench = Bench::new(architecture);
        let config = json!({"templates": "{text} {label}", "separator": "", "calibrate": true, "content_free": ["", "N/A"]});
        for shots in [0, 2] {
            let predictor = bench.fit(with(config.clone(), json!({"shots": shots})));
            let logits = predictor.class_logits(&queries().examples).unwrap();
            assert!(
                logits.iter().flatten().all(|logit| logit.is_finite()),
                "{logits:?}"
            );
        }
    }
    let bench = Bench::new("gpt2");
    let predictor = bench.fit(
        json!({"templates": "{text}{label}", "separator": "", "calibrate": false, "shots": 2}),
    );
    let empty = predictor
        .class_logits(&crate::common::split(&[("", 0)], 0).examples)
        .unwrap();
    let words: Vec<Vec<u32>> = ["not so", "not", "good"]
        .iter()
        .map(|word| bench.after_line_break(word))
        .collect();
    let mut prompt = Vec::new();
    for (text, word) in shown(&demonstration_rows(&*predictor, 0)) {
        prompt.extend(bench.after_line_break(text));
        prompt.extend(bench.after_line_break(word));
    }
    let scores: Vec<f64> = words
        .iter()
        .map(|word| bench.continuation(&prompt, word))
        .collect();
    assert_close(&empty[0], &normalise(&scores), TOLERANCE);
}

#[test]
fn extra_tokens_are_what_is_read_besides_the_query_itself() {
    let bench = Bench::new("gpt2");
    let predictor = bench.fit(with(template(), json!({"shots": 2, "orders": 2})));
    let examples = &queries().examples[..2];
    predictor.class_logits(examples).unwrap();
    let shown = shown(&demonstration_rows(&*predictor, 0));
    let extra = |query: &task::Example| {
        let prompt = whole(&bench, &shown, &query.text).len();
        2 * prompt
            - bench
                .base
                .tokenizer
                .encode_plain(&format!(" {}", query.text))
                .len()
    };
    let expected = (extra(&examples[0]) + extra(&examples[1])) as f64 / 2.0;
    let footprint = predictor.footprint();
    assert!(
        (footprint.extra_tokens - expected).abs() < 1e-9,
        "{} and {expected}",
        footprint.extra_tokens
    );
    assert_eq!(
        (
            footprint.trainable_params,
            footprint.added_params,
            footprint.acts_from
        ),
        (0, 0, None)
    );
    use burn::module::Module;
    assert_eq!(
        footprint.total_params,
        bench.base.backbone.num_params() as u64,
        "the output matrix is tied"
    );
    let llama = Bench::new("llama");
    let total = llama.fit(template()).footprint().total_params;
    assert_eq!(
        total as usize,
        llama.base.backbone.num_params() + 380 * 48,
        "an output matrix of its own"
    );
}

#[test]
fn the_template_with_the_best_validation_accuracy_is_kept_when_asked_for() {
    let bench = Bench::new("gpt2");
    let templates = [
        "In: {text}\nOut: {label}",
        "{text} = {label}",
        "{label:}".trim_matches(['{', ':', '}']),
    ];
    let templates = [templates[0], templates[1], "Say {text} : {label}"];
    let config = json!({"templates": templates, "shots": 2, "calibrate": false});
    let all = bench.fit(config.clone());
    assert_eq!(all.details()["members"].as_array().unwrap().len(), 3);
    let accuracies: Vec<f64> =
        serde_json::from_value(all.details()["member_validation_accuracy"].clone()).unwrap();
    let best = accuracies.iter().enumerate().fold(
        0,
        |best, (i, &a)| if a > accuracies[best] { i } else { best },
    );
    let chosen = bench.fit(with(config, json!({"choose_template": true})));
    assert_eq!(chosen.details()["chosen_template"], json!(best));
    let alone = bench.logits(json!({"templates": templates[best], "shots": 2, "calibrate": false}));
    assert_same(
        &chosen.class_logits(&queries().examples).unwrap(),
        &alone,
        1e-6,
    );
}

#[test]
fn pairs_fill_both_places() {
    let mut bench = Bench::new("gpt2");
    for split in [&mut bench.train, &mut bench.validation] {
        split
            .examples
            .iter_mut()
            .for_each(|example| example.second = Some(format!("so {}", example.row)));
    }
    let predictor =
        bench.fit(json!({"pair_templates": "{a} / {b} : {label}", "shots": 0, "calibrate": false}));
    let query = &bench.validation.examples[0];
    let logits = predictor.class_logits(std::slice::from_ref(query)).unwrap();
    let ids = bench
        .base
        .tokenizer
        .encode_plain(&format!("{} / so {} :", query.text, query.row));
    assert_close(
        &logits[0],
        &normalise(&bench.continuations(&ids)),
        TOLERANCE,
    );
    let error = predictor
        .class_logits(&train().examples)
        .unwrap_err()
        .to_string();
    assert!(error.contains("row 100 has one text"), "{error}");
}
