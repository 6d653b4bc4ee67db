//! What does not fit into the window, or is longer than texts may be, is cut by the stated rule and counted.

use crate::common::*;
use serde_json::json;

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
        .class_logits(&split(&[(text, 0)], 0).examples)
        .unwrap();
    let mut ids = tokenizer.encode_plain(&format!("In: {text}")).unwrap();
    ids.truncate(ids.len() - 3);
    ids.extend(tokenizer.encode_plain("\nOut:").unwrap());
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
        .class_logits(&split(&[(text, 0)], 0).examples)
        .unwrap();
    let tokenizer = &bench.base.tokenizer;
    let mut ids = tokenizer.encode_plain("In:").unwrap();
    let text = tokenizer.encode_plain(&format!(" {text}")).unwrap();
    assert!(text.len() > 5);
    ids.extend(&text[..5]);
    ids.extend(tokenizer.encode_plain("\nOut:").unwrap());
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
