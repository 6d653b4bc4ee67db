//! Label words and tokenizers that a model cannot be asked with.

use crate::common::{Bench, without_unknown_token};
use serde_json::json;

#[test]
fn label_words_that_the_model_does_not_know_are_refused_by_name() {
    let bench = Bench::new("bert");
    for mode in ["cloze", "similarity"] {
        for (words, named) in [
            (["☃", "not", "☂"], "\"☃\""),
            (["not ☃", "good", "not ☂"], "\"not ☃\" and \"not ☂\""),
            (["good", "not", "good"], "\"not_so\" and \"good\""),
        ] {
            let fitted = bench.try_fit(json!({"mode": mode, "label_words": words}));
            let error = fitted.err().unwrap_or_default();
            assert!(error.contains(named), "{mode} {words:?}: {error}");
            assert!(error.contains("in-context.label_words"), "{error}");
        }
    }
}

#[test]
fn a_tokenizer_without_its_unknown_token_is_named_and_nothing_panics() {
    let mut bench = Bench::new("bert");
    bench.base = without_unknown_token();
    for config in [
        json!({"templates": "{text}; {label}"}),
        json!({"separator": ";", "shots": 2}),
        json!({"content_free": ";"}),
        json!({"label_words": ["not", "good", "☃"]}),
    ] {
        let error = bench.try_fit(config.clone()).err().unwrap_or_default();
        assert!(error.contains("cannot encode"), "{config}: {error}");
        assert!(error.contains("[UNK]"), "{config}: {error}");
    }
}
