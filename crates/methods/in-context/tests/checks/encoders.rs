//! Encoders: clozes and similarity.

use crate::common::{Bench, assert_close, assert_same, calibrate, in_folder, normalise, queries};
use serde_json::{Value, json};
use transformer::{Embedder, Encoded, Pass, Pooling, Side, collate, pool};

const TOLERANCE: f64 = 1e-4;

/// `[CLS] <text> = <masks or shown tokens> ! [SEP]`, and where the first mask stands.
fn cloze(bench: &Bench, shown: &[(&str, &str)], query: &str, filled: &[u32]) -> (Vec<u32>, usize) {
    let tokenizer = &bench.base.tokenizer;
    let mut before: String = shown
        .iter()
        .map(|(text, word)| format!("{text} = {word} ! "))
        .collect();
    before.push_str(&format!("{query} ="));
    let before = [
        vec![tokenizer.cls_id().unwrap()],
        tokenizer.encode_plain(&before).unwrap(),
    ]
    .concat();
    let after = [
        tokenizer.encode_plain("!").unwrap(),
        vec![tokenizer.sep_id().unwrap()],
    ]
    .concat();
    ([before.as_slice(), filled, &after].concat(), before.len())
}

fn words(bench: &Bench) -> Vec<Vec<u32>> {
    ["not so", "not", "good"]
        .iter()
        .map(|word| bench.base.tokenizer.encode_plain(word).unwrap())
        .collect()
}

/// Each word's score, one forward pass a token.
fn scores(bench: &Bench, shown: &[(&str, &str)], query: &str, left_to_right: bool) -> Vec<f64> {
    let mask = bench.base.tokenizer.mask_id().unwrap();
    let word_score = |word: &Vec<u32>| -> f64 {
        let token = |i: usize| {
            let mut filled = vec![mask; word.len()];
            if left_to_right {
                filled[..i].copy_from_slice(&word[..i]);
            }
            let (ids, at) = cloze(bench, shown, query, &filled);
            bench.vocabulary_at(&ids, at + i)[word[i] as usize]
        };
        (0..word.len()).map(token).sum()
    };
    words(bench).iter().map(word_score).collect()
}

fn config(more: Value) -> Value {
    let mut config = json!({"templates": "{text} = {label} !", "separator": " ", "calibrate": false, "window": 40});
    more.as_object()
        .unwrap()
        .iter()
        .for_each(|(name, value)| config[name] = value.clone());
    config
}

#[test]
fn clozes_equal_one_forward_pass_a_token() {
    let bench = Bench::new("bert");
    assert!(words(&bench)[0].len() > words(&bench)[1].len());
    for (fill, left_to_right) in [("at-once", false), ("left-to-right", true)] {
        let predictor = bench.fit(config(json!({"fill": fill})));
        assert_eq!(predictor.details()["mode"], "cloze");
        let logits = predictor.class_logits(&queries().examples).unwrap();
        for (logits, query) in logits.iter().zip(&queries()) {
            assert_close(
                logits,
                &normalise(&scores(&bench, &[], &query.text, left_to_right)),
                TOLERANCE,
            );
        }
    }
}

#[test]
fn demonstrations_stand_before_a_cloze_and_calibration_has_them_too() {
    let mut bench = Bench::new("bert");
    bench.train = crate::common::split(&[("so so", 1)], 100);
    let predictor = bench.fit(config(
        json!({"shots": 1, "calibrate": true, "content_free": ["N/A", "?"]}),
    ));
    let logits = predictor.class_logits(&queries().examples).unwrap();
    let shown = [("so so", "not")];
    let free = ["N/A", "?"].map(|text| scores(&bench, &shown, text, false));
    for (logits, query) in logits.iter().zip(&queries()) {
        assert_close(
            logits,
            &calibrate(&scores(&bench, &shown, &query.text, false), &free),
            TOLERANCE,
        );
    }
}

#[test]
fn clozes_do_not_depend_on_their_batch() {
    for architecture in ["distilbert", "roberta"] {
        let mut bench = Bench::new(architecture);
        for more in [
            json!({"shots": 2}),
            json!({"shots": 2, "retrieval": true, "calibrate": true}),
        ] {
            bench.eval_batch = 100;
            let together = bench.logits(config(more.clone()));
            bench.eval_batch = 1;
            assert_same(&bench.logits(config(more)), &together, 1e-5);
        }
    }
}

fn embedding(bench: &Bench, text: &str) -> Vec<f64> {
    let encoded: Vec<Encoded> = bench.base.tokenizer.encode(&[(text, None)], 24).unwrap();
    let batch = collate(
        &[&encoded[0]],
        0,
        Side::Right,
        &burn::tensor::Device::flex(),
    );
    let pooled = pool(
        &bench.base.backbone.forward(&batch, &Pass::plain()),
        Pooling::Mean,
    );
    let vector: Vec<f32> = pooled.into_data().try_to_vec().unwrap();
    unit(vector.iter().map(|&v| f64::from(v)).collect())
}

fn unit(vector: Vec<f64>) -> Vec<f64> {
    let length = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
    vector.into_iter().map(|v| v / length).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn zero_shot_similarity_is_a_scaled_cosine() {
    let mut bench = Bench::new("bert");
    bench.base.language_head = None;
    let predictor = bench.fit(json!({"scale": 7.0}));
    assert_eq!(predictor.details()["mode"], "similarity");
    let words = ["not so", "not", "good"].map(|word| embedding(&bench, word));
    let logits = predictor.class_logits(&queries().examples).unwrap();
    for (logits, query) in logits.iter().zip(&queries()) {
        let text = embedding(&bench, &query.text);
        let cosines: Vec<f64> = words.iter().map(|word| 7.0 * dot(&text, word)).collect();
        assert_close(logits, &normalise(&cosines), TOLERANCE);
    }
    let footprint = predictor.footprint();
    assert_eq!(
        (footprint.extra_tokens, footprint.trainable_params),
        (0.0, 0)
    );
}

#[test]
fn a_sentence_transformers_folder_says_how_texts_become_vectors() {
    let mut bench = Bench::new("bert");
    bench.base = in_folder("max-dense-normalize");
    let base = &bench.base;
    let (length, mean) = (base.shape.max_length, Pooling::Mean);
    let embedder = Embedder::new(
        &base.sentence,
        &base.tokenizer,
        &base.shape,
        length,
        None,
        mean,
    )
    .unwrap();
    let vector = |text: &str| {
        let encoded = embedder.encode(&[(text, None)]).unwrap();
        let device = burn::tensor::Device::flex();
        let batch = collate(&[&encoded[0]], 0, Side::Right, &device);
        let states = base.backbone.forward(&batch, &Pass::plain());
        let vector: Vec<f32> = embedder.embed(&states).into_data().try_to_vec().unwrap();
        assert_eq!(vector.len(), 24); // what its Dense module gives
        unit(vector.into_iter().map(f64::from).collect())
    };
    let words = ["not so", "not", "good"].map(vector);
    let predictor = bench.fit(json!({"scale": 7.0, "mode": "similarity", "shots": 0}));
    let logits = predictor.class_logits(&queries().examples).unwrap();
    for (logits, query) in logits.iter().zip(&queries()) {
        let text = vector(&query.text);
        let cosines: Vec<f64> = words.iter().map(|word| 7.0 * dot(&text, word)).collect();
        assert_close(logits, &normalise(&cosines), TOLERANCE);
    }
    // Retrieval compares the same vectors.
    let retrieving = json!({"mode": "similarity", "shots": 2, "retrieval": true});
    assert!(
        bench
            .fit(retrieving)
            .class_logits(&queries().examples)
            .is_ok()
    );
}

#[test]
fn demonstrations_move_the_prototypes_shared_or_retrieved() {
    let mut bench = Bench::new("bert");
    bench.train = crate::common::split(&[("so so", 1), ("what was it", 1), ("fine", 2)], 100);
    let word = ["not so", "not", "good"].map(|word| embedding(&bench, word));
    let prototype = |class: usize, shown: &[&str]| {
        let mut sum = word[class].clone();
        for text in shown {
            sum.iter_mut()
                .zip(embedding(&bench, text))
                .for_each(|(sum, v)| *sum += v);
        }
        unit(sum)
    };
    let check = |more: Value, prototypes: [Vec<f64>; 3], row: usize| {
        let mut config = json!({"mode": "similarity"});
        more.as_object()
            .unwrap()
            .iter()
            .for_each(|(name, value)| config[name] = value.clone());
        let logits = bench.logits(config);
        let text = embedding(&bench, &queries().examples[row].text);
        let cosines: Vec<f64> = prototypes
            .iter()
            .map(|prototype| 20.0 * dot(&text, prototype))
            .collect();
        assert_close(&logits[row], &normalise(&cosines), TOLERANCE);
    };
    let all = [
        prototype(0, &[]),
        prototype(1, &["so so", "what was it"]),
        prototype(2, &["fine"]),
    ];
    check(json!({"shots": 3}), all, 0);
    let nearest = [
        prototype(0, &[]),
        prototype(1, &["what was it"]),
        prototype(2, &[]),
    ];
    check(json!({"shots": 1, "retrieval": true}), nearest, 3); // the query stands in train itself
}

#[test]
fn a_mode_that_the_model_cannot_do_is_refused() {
    let mut bench = Bench::new("bert");
    let error = |bench: &Bench, mode: &str| bench.try_fit(json!({"mode": mode})).err().unwrap();
    assert!(error(&bench, "prompt").contains("causal language model"));
    bench.base.language_head = None;
    assert!(error(&bench, "cloze").contains("masked-language-model head"));
    let similarity = bench
        .try_fit(json!({"shots": 2, "orders": 2}))
        .err()
        .unwrap();
    assert!(similarity.contains("orders"), "{similarity}");
}
