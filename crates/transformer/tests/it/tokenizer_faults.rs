//! Tokenizer files with faults: every one is refused by name or does no harm; none is a panic, a wait or a loss of memory.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use transformer::{Pass, Side, TokenizeError, collate, load};

use crate::fixtures::*;

fn edit(dir: &Path, name: &str, change: impl FnOnce(&mut Value)) {
    let file = dir.join(name);
    let text = std::fs::read_to_string(&file).unwrap_or("{}".to_owned());
    let mut json: Value = serde_json::from_str(&text).unwrap();
    change(&mut json);
    std::fs::write(file, json.to_string()).unwrap();
}

/// A copy of an oracle with a changed tokenizer.json, and what `load` says.
fn refused(family: &str, test: &str, change: impl FnOnce(&mut Value)) -> (PathBuf, String) {
    let dir = copy_of(family, test);
    edit(&dir, "tokenizer.json", change);
    let error = load(&dir, &device()).unwrap_err().to_string();
    let file = dir.join("tokenizer.json");
    assert!(
        error.starts_with(&format!("{} is not a tokenizer: ", file.display())),
        "{error}"
    );
    (dir, error)
}

#[test]
fn padding_is_some_id_of_the_table_whatever_the_files_say() {
    for (test, named) in [
        ("pad-of-config", None),
        ("pad-of-tokenizer", Some("<a new pad>")),
    ] {
        let dir = copy_of("llama", test);
        set_config(&dir, json!({"pad_token_id": 32_000}));
        edit(&dir, "tokenizer_config.json", |config| {
            config.as_object_mut().unwrap().remove("pad_token");
            if let Some(named) = named {
                config["pad_token"] = json!(named);
            }
        });
        let model = load(&dir, &device()).unwrap();
        assert!((model.tokenizer.pad_id() as usize) < model.shape.vocab);
        let texts = [("a", None), ("a gripping film", None)];
        let encoded = model.tokenizer.encode(&texts, 32).unwrap();
        let both: Vec<_> = encoded.iter().collect();
        let batch = collate(&both, model.tokenizer.pad_id(), Side::Right, &device());
        let states = |batch| values(model.backbone.forward(&batch, &Pass::plain()).x);
        let together = states(batch);
        let alone = states(collate(&both[..1], 0, Side::Right, &device()));
        assert_close(&together[..alone.len()], &alone, 1e-5, test);
    }
}

#[test]
fn a_function_whose_token_the_table_does_not_have_counts_as_missing() {
    let dir = copy_of("bert", "mask-outside");
    edit(&dir, "tokenizer_config.json", |config| {
        config["mask_token"] = json!("<a new mask>")
    });
    let model = load(&dir, &device()).unwrap();
    assert_eq!(model.tokenizer.mask_id(), None);
    let warning = "the mask token has the id 260 (\"<a new mask>\"), and the model has embeddings for 260 ids: it counts as missing";
    assert!(
        model.warnings.iter().any(|one| one == warning),
        "{:?}",
        model.warnings
    );

    let dir = copy_of("gpt2", "end-outside");
    std::fs::write(
        dir.join("tokenizer_config.json"),
        r#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#,
    )
    .unwrap();
    set_config(
        &dir,
        json!({"eos_token_id": 50_256, "bos_token_id": 50_256}),
    );
    let model = load(&dir, &device()).unwrap();
    assert_eq!(
        (model.tokenizer.eos_id(), model.tokenizer.bos_id()),
        (None, None)
    );
    assert!(
        model
            .warnings
            .iter()
            .any(|one| one.contains("end-of-text token has the id 50256"))
    );
    assert_eq!(
        model.tokenizer.encode(&[("", None)], 8).unwrap()[0]
            .ids
            .len(),
        1
    );
}

#[test]
fn a_token_around_every_text_that_the_table_does_not_have_is_refused_at_once() {
    let dir = copy_of("bert", "class-outside");
    std::fs::remove_file(dir.join("tokenizer.json")).unwrap();
    std::fs::remove_file(dir.join("tokenizer_config.json")).unwrap();
    let words: Vec<String> = (0..260).map(|i| format!("w{i}")).collect();
    std::fs::write(dir.join("vocab.txt"), words.join("\n")).unwrap();
    let error = load(&dir, &device()).unwrap_err().to_string();
    assert!(
        error.contains("vocab.txt is not a tokenizer: it puts the token \"[CLS]\" of id"),
        "{error}"
    );
}

#[test]
fn vocabulary_files_are_named_with_the_place_of_the_fault() {
    let dir = copy_of("roberta", "faults-of-lists");
    std::fs::remove_file(dir.join("tokenizer.json")).unwrap();
    let (vocab, merges) = (dir.join("vocab.json"), dir.join("merges.txt"));
    let problem = || load(&dir, &device()).unwrap_err().to_string();
    std::fs::write(
        &vocab,
        r#"{"<s>": 0, "<pad>": 18446744073709551615, "</s>": 2, "a": 3, "b": 4, "ab": 5}"#,
    )
    .unwrap();
    std::fs::write(&merges, "#version: 0.2\na b\n").unwrap();
    let expected = "vocab.json is not a tokenizer: \"<pad>\" has the id 18446744073709551615, expected one below 2^32 - 1";
    assert!(problem().contains(expected), "{}", problem());
    std::fs::write(
        &vocab,
        r#"{"<s>": 0, "<pad>": 1, "</s>": 2, "a": 3, "b": 4, "ab": 5}"#,
    )
    .unwrap();
    for (text, expected) in [
        (
            "a b\nb a\n",
            "merges.txt is not a tokenizer: line 2, \"b a\", needs \"ba\", which vocab.json has not",
        ),
        (
            "#version: 0.2\nab\n",
            "merges.txt is not a tokenizer: line 2, \"ab\", is not two words",
        ),
        ("a  b\n", "merges.txt is not a tokenizer: line 1"),
    ] {
        std::fs::write(&merges, text).unwrap();
        assert!(problem().contains(expected), "{}", problem());
    }
    std::fs::write(dir.join("added_tokens.json"), r#"{"<x>": -1}"#).unwrap();
    std::fs::write(&merges, "a b\n").unwrap();
    let added = problem();
    assert!(
        added.contains("\"<x>\" in") && added.contains("added_tokens.json is -1"),
        "{added}"
    );
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_and_not_waited_for() {
    for name in [
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
        "special_tokens_map.json",
        "added_tokens.json",
    ] {
        let dir = copy_of("bert", &format!("pipe-{name}"));
        if name == "vocab.txt" {
            std::fs::remove_file(dir.join("tokenizer.json")).unwrap();
        }
        let _ = std::fs::remove_file(dir.join(name));
        let made = std::process::Command::new("mkfifo")
            .arg(dir.join(name))
            .status();
        assert!(made.unwrap().success());
        let error = load(&dir, &device()).unwrap_err().to_string();
        assert!(
            error.contains(name) && error.contains("is a pipe"),
            "{error}"
        );
    }
}

#[test]
fn what_the_library_panics_at_is_an_error_with_the_file() {
    // It cuts the prefix off the second word of a merge, however short that is.
    let (_, error) = refused("gpt2", "panic-in-merges", |json| {
        json["model"]["continuing_subword_prefix"] = json!("abcdefgh");
    });
    assert!(
        error.contains("the tokenizers library cannot work with it"),
        "{error}"
    );
    // A template that needs a token it does not describe.
    refused("bert", "panic-in-template", |json| {
        json["post_processor"]["special_tokens"] = json!({});
    });
    refused("bert", "type-outside", |json| {
        json["post_processor"]["pair"][3]["Sequence"]["type_id"] = json!(7);
    });
}

#[test]
fn what_would_cost_gigabytes_is_refused_by_name() {
    let replace = json!({"type": "Replace", "pattern": {"String": "e"}, "content": "eeeeeeeeee"});
    let (_, error) = refused("bert", "cost-replace", |json| {
        json["normalizer"] = json!({"type": "Sequence", "normalizers": vec![replace; 9]});
    });
    assert!(
        error.contains("what its normalizers make of one byte"),
        "{error}"
    );
    let (_, error) = refused("bert", "cost-prepend", |json| {
        json["normalizer"] = json!({"type": "Prepend", "prepend": "x".repeat(1 << 20)});
    });
    assert!(
        error.contains("put in front: 1048576 bytes, expected at most 64"),
        "{error}"
    );
    let (_, error) = refused("bert", "cost-added", |json| {
        json["added_tokens"][4]["content"] = json!("x".repeat(100_000));
    });
    assert!(
        error.contains("100000 bytes, expected at most 1024"),
        "{error}"
    );
    let (_, error) = refused("bert", "cost-template", |json| {
        let text = json["post_processor"]["single"][1].clone();
        json["post_processor"]["single"] = json!(vec![text; 5_000]);
    });
    assert!(
        error.contains("the template \"single\" of post_processor: 5000 pieces"),
        "{error}"
    );
    let dir = copy_of("bert", "cost-other-file");
    edit(&dir, "added_tokens.json", |json| {
        json["y".repeat(100_000)] = json!(260)
    });
    let error = load(&dir, &device()).unwrap_err().to_string();
    assert!(error.contains("the added token \"yyyy"), "{error}");
}

#[test]
fn a_setting_that_is_not_done_is_refused_and_a_wrong_one_is_named() {
    let with = |test: &str, key: &str, value: Value| {
        let dir = copy_of("bert", test);
        edit(&dir, "tokenizer_config.json", |config| {
            config["tokenizer_class"] = json!("BertTokenizer");
            config[key] = value;
        });
        load(&dir, &device())
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    for (at, (key, value, expected)) in [
        (
            "fast_tokenizer_files",
            json!(["tokenizer.4.0.0.json"]),
            "only tokenizer.json is read",
        ),
        ("init_inputs", json!(["vocab.txt"]), "is not supported"),
        ("do_lower_case", json!("no"), "expected true or false"),
        (
            "truncation_side",
            json!("middle"),
            "expected \"left\" or \"right\"",
        ),
        (
            "tokenizer_class",
            json!("BertJapaneseTokenizer"),
            "a program of its own",
        ),
        ("mask_token", json!(4), "expected a text"),
        (
            "extra_special_tokens",
            json!("<x>"),
            "expected a list of tokens",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let error = with(&format!("setting-{at}"), key, value).unwrap_err();
        assert!(
            error.contains(expected) && error.contains("tokenizer_config.json"),
            "{error}"
        );
    }
    for (at, (key, value)) in [
        ("init_inputs", json!([])),
        ("fast_tokenizer_files", json!(["tokenizer.json"])),
        ("strip_accents", json!(null)),
        ("chat_template", json!("{{ x }}")),
        ("a_setting_of_tomorrow", json!({"a": 1})),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(
            with(&format!("setting-fine-{at}"), key, value),
            Ok(()),
            "{key}"
        );
    }
}

#[test]
fn megabytes_are_cut_in_pieces_and_what_cannot_be_cut_is_refused() {
    let tokenizer = load(&oracle("bert"), &device()).unwrap().tokenizer;
    let words = 600_000;
    let text = "a film ".repeat(words / 2);
    let encoded = &tokenizer.encode(&[(&text, None)], 16).unwrap()[0];
    let short = &tokenizer
        .encode(&[("a film a film a film a film a film", None)], 16)
        .unwrap()[0];
    let tokens = tokenizer.encode_plain("a film").unwrap().len();
    assert_eq!(encoded.truncated_tokens, words / 2 * tokens - 14);
    assert_eq!(encoded.ids[..8], short.ids[..8]);

    let error = tokenizer
        .encode(&[(&"a".repeat(5 << 20), None)], 16)
        .unwrap_err();
    assert!(matches!(error, TokenizeError::TooLong { .. }));
    assert!(
        error
            .to_string()
            .contains("no space stands between two words there"),
        "{error}"
    );
}
