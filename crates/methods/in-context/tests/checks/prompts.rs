//! Causal models: prompts that share what they can are scored as if each were read alone.

use crate::common::*;
use serde_json::json;

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
        .class_logits(&split(&[("N/A", 0), ("good", 1)], 0).examples)
        .unwrap();
    assert_close(&logits[0], &[(1f64 / 3.0).ln(); 3], 1e-5);
    assert!((logits[1][0] - logits[1][2]).abs() > 1e-3, "{logits:?}");
}

#[test]
fn retrieved_demonstrations_stand_nearest_last_and_are_scored_as_whole_prompts() {
    for architecture in CAUSAL {
        for retriever in ["hidden", "tf-idf"] {
            let mut bench = Bench::new(architecture);
            bench.train = split(&[("so so", 1), ("fine", 2), ("what was it", 0)], 100);
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
            bench.base.tokenizer.encode_plain("Is it good?\n").unwrap(),
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
        .class_logits(&split(&[("", 0)], 0).examples)
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
                .unwrap()
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
        .encode_plain(&format!("{} / so {} :", query.text, query.row))
        .unwrap();
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
