//! Token ids are the checkpoint's own, whatever files they come from.

use std::collections::BTreeMap;

use transformer::{Encoded, LoadError, TokenizeError, Tokenizer, load};

use crate::fixtures::*;

fn encode(
    tokenizer: &Tokenizer,
    texts: &[(&str, Option<&str>)],
    max_length: usize,
) -> Vec<Encoded> {
    tokenizer.encode(texts, max_length).unwrap()
}

#[test]
fn pairs_have_separators_and_types_and_are_cut_from_the_longer_text() {
    let tokenizer = pretrained("bert").tokenizer;
    let (cls, sep) = (tokenizer.cls_id().unwrap(), tokenizer.sep_id().unwrap());
    let (a, b) = (
        "a gripping film",
        "not bad at all , in fact rather good despite the slow opening",
    );
    let whole = &encode(&tokenizer, &[(a, Some(b))], 64)[0];
    let (plain_a, plain_b) = (
        tokenizer.encode_plain(a).unwrap(),
        tokenizer.encode_plain(b).unwrap(),
    );
    let expected = [&[cls], &plain_a[..], &[sep], &plain_b[..], &[sep]].concat();
    assert_eq!(whole.ids, expected);
    let second = plain_b.len() + 1;
    assert_eq!(
        whole.types,
        [vec![0; plain_a.len() + 2], vec![1; second]].concat()
    );
    assert_eq!(whole.truncated_tokens, 0);

    let room = plain_a.len() + 4;
    let cut = &encode(&tokenizer, &[(a, Some(b))], room + 3)[0];
    assert_eq!(cut.ids.len(), room + 3);
    assert_eq!(cut.truncated_tokens, plain_b.len() - 4);
    assert_eq!(
        cut.ids,
        [&[cls], &plain_a[..], &[sep], &plain_b[..4], &[sep]].concat()
    );
    assert_eq!(tokenizer.special_count(true), 3);
}

#[test]
fn a_long_text_is_cut_and_counted() {
    let tokenizer = pretrained("roberta").tokenizer;
    let text = "not bad at all , in fact rather good despite the slow opening";
    let whole = &encode(&tokenizer, &[(text, None)], 64)[0];
    let cut = &encode(&tokenizer, &[(text, None)], 9)[0];
    assert_eq!(cut.ids.len(), 9);
    assert_eq!(cut.ids[..8], whole.ids[..8]);
    assert_eq!(cut.ids.last(), whole.ids.last());
    assert_eq!(cut.truncated_tokens, whole.ids.len() - 9);
}

#[test]
fn truncation_and_padding_stored_in_the_file_are_not_applied() {
    let dir = copy_of("bert", "stored-truncation");
    let file = dir.join("tokenizer.json");
    let mut json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    json["truncation"] = serde_json::json!({"max_length": 6, "strategy": "LongestFirst", "stride": 0, "direction": "Right"});
    json["padding"] = serde_json::json!({"strategy": {"Fixed": 20}, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"});
    std::fs::write(&file, json.to_string()).unwrap();
    let stored = load(&dir, &device()).unwrap().tokenizer;
    let plain = pretrained("bert").tokenizer;
    let texts = [
        ("a gripping film", None),
        ("not bad at all , in fact rather good", None),
    ];
    assert_eq!(encode(&stored, &texts, 32), encode(&plain, &texts, 32));
    assert_eq!(
        stored.encode_plain(texts[1].0).unwrap(),
        plain.encode_plain(texts[1].0).unwrap()
    );
}

#[test]
fn no_row_is_without_a_token() {
    for family in FAMILIES {
        let tokenizer = pretrained(family).tokenizer;
        let encoded = &encode(&tokenizer, &[("", None)], 8)[0];
        assert!(!encoded.ids.is_empty(), "{family}");
        assert_eq!(encoded.ids.len(), encoded.types.len());
        assert_eq!(encoded.truncated_tokens, 0);
    }
}

#[test]
fn too_little_room_is_an_error() {
    let tokenizer = pretrained("bert").tokenizer;
    let error = tokenizer.encode(&[("a", Some("b"))], 3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a maximum length of 3 tokens leaves no room for a text beside 3 special tokens; allow at least 4"
    );
}

#[test]
fn special_tokens_are_found() {
    let bert = pretrained("bert").tokenizer;
    assert_eq!(
        (bert.pad_id(), bert.cls_id(), bert.sep_id(), bert.mask_id()),
        (0, Some(2), Some(3), Some(4))
    );
    let roberta = pretrained("roberta").tokenizer;
    assert_eq!(
        (roberta.pad_id(), roberta.bos_id(), roberta.eos_id()),
        (1, Some(0), Some(2))
    );
    assert!(roberta.mask_id().is_some());
    let gpt2 = pretrained("gpt2").tokenizer;
    assert_eq!(
        (gpt2.pad_id(), gpt2.eos_id(), gpt2.mask_id()),
        (0, Some(0), None)
    );
}

#[test]
fn text_survives_a_round_trip_through_byte_tokens() {
    let tokenizer = pretrained("gpt2").tokenizer;
    let text = "Café naïve 東京 unseenwordhere !";
    assert_eq!(
        tokenizer.decode(&tokenizer.encode_plain(text).unwrap(), true),
        text
    );
}

const TEXTS: [(&str, Option<&str>); 4] = [
    ("a gripping film", None),
    ("Café naïve 東京 unseenwordhere !", None),
    ("not bad at all", Some("in fact rather good")),
    ("x", Some("")),
];

/// The vocabulary and merges in tokenizer.json.
fn model_part(family: &str) -> serde_json::Value {
    let text = std::fs::read_to_string(oracle(family).join("tokenizer.json")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["model"].clone()
}

#[test]
fn a_word_list_gives_the_ids_of_tokenizer_json() {
    let dir = copy_of("bert", "vocab-txt");
    std::fs::remove_file(dir.join("tokenizer.json")).unwrap();
    let vocab: BTreeMap<u64, String> = model_part("bert")["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(word, id)| (id.as_u64().unwrap(), word.clone()))
        .collect();
    let words: Vec<_> = vocab.into_values().collect();
    std::fs::write(dir.join("vocab.txt"), words.join("\n") + "\n").unwrap();
    let built = load(&dir, &device()).unwrap().tokenizer;
    let own = pretrained("bert").tokenizer;
    assert_eq!(encode(&built, &TEXTS, 32), encode(&own, &TEXTS, 32));
    let masked = "a [MASK] film";
    assert_eq!(
        built.encode_plain(masked).unwrap(),
        own.encode_plain(masked).unwrap()
    );
    assert!(
        built
            .encode_plain(masked)
            .unwrap()
            .contains(&built.mask_id().unwrap())
    );
}

#[test]
fn merges_give_the_ids_of_tokenizer_json() {
    for family in ["gpt2", "roberta"] {
        let dir = copy_of(family, &format!("merges-{family}"));
        std::fs::remove_file(dir.join("tokenizer.json")).unwrap();
        let model = model_part(family);
        std::fs::write(dir.join("vocab.json"), model["vocab"].to_string()).unwrap();
        let merges = model["merges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|merge| match merge {
                serde_json::Value::String(pair) => pair.clone(),
                pair => format!(
                    "{} {}",
                    pair[0].as_str().unwrap(),
                    pair[1].as_str().unwrap()
                ),
            });
        let merges: Vec<_> = std::iter::once("#version: 0.2".to_owned())
            .chain(merges)
            .collect();
        std::fs::write(dir.join("merges.txt"), merges.join("\n")).unwrap();
        let built = load(&dir, &device()).unwrap().tokenizer;
        let own = pretrained(family).tokenizer;
        for text in TEXTS
            .iter()
            .filter(|(_, b)| b.is_none() || family == "roberta")
        {
            let (built, own) = (encode(&built, &[*text], 32), encode(&own, &[*text], 32));
            assert_eq!(built[0].ids, own[0].ids, "{family}: {text:?}");
        }
    }
}

#[test]
fn ids_that_the_model_does_not_have_are_refused_at_the_text_that_needs_them() {
    let dir = copy_of("bert", "vocab-too-large");
    let file = dir.join("tokenizer.json");
    let mut json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let more = serde_json::json!({"id": 260, "content": "<new>", "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true});
    json["added_tokens"].as_array_mut().unwrap().push(more);
    std::fs::write(&file, json.to_string()).unwrap();
    let model = load(&dir, &device()).unwrap();
    assert_eq!(
        model.warnings,
        [
            "the tokenizer knows 261 tokens, the model has embeddings for 260; a text that needs one of the others is refused"
        ]
    );
    assert!(model.tokenizer.encode(&[("a film", None)], 32).is_ok());
    let error = model
        .tokenizer
        .encode(&[("a <new> film", None)], 32)
        .unwrap_err();
    assert!(
        matches!(error, TokenizeError::NotInModel { id: 260, .. }),
        "{error}"
    );
    let error = model.tokenizer.encode_plain("a <new> film").unwrap_err();
    assert!(matches!(error, TokenizeError::NotInModel { id: 260, .. }));
}

#[test]
fn broken_and_missing_tokenizers_are_named() {
    let dir = copy_of("bert", "broken-tokenizer");
    let file = dir.join("tokenizer.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &text[..1000]).unwrap();
    let error = load(&dir, &device()).unwrap_err();
    assert!(matches!(error, LoadError::Tokenizer(_)));
    let error = error.to_string();
    assert!(
        error.starts_with(&format!("{} is not a tokenizer: ", file.display())),
        "{error}"
    );

    std::fs::remove_file(&file).unwrap();
    let error = load(&dir, &device()).unwrap_err().to_string();
    let expected = "holds no tokenizer.json, nor vocab.txt, nor vocab.json with merges.txt, nor a SentencePiece model (spm.model, spiece.model, sentencepiece.bpe.model, tokenizer.model)";
    assert_eq!(error, format!("{} {expected}", dir.display()));

    std::fs::write(dir.join("tokenizer.model"), "x").unwrap();
    let error = load(&dir, &device()).unwrap_err().to_string();
    assert!(
        error.contains(
            "tokenizer.model is not a tokenizer: as a SentencePiece model it is faulty: "
        ),
        "{error}"
    );
}

#[test]
fn token_types_that_transformers_would_not_give_are_noted_where_no_file_lists_them() {
    let note = |family: &str, names: Option<&[&str]>| {
        let dir = copy_of(family, &format!("types-{}", names.map_or(0, <[&str]>::len)));
        let file = dir.join("tokenizer_config.json");
        let text = std::fs::read_to_string(&file).unwrap();
        let mut settings: serde_json::Value = serde_json::from_str(&text).unwrap();
        if let Some(names) = names {
            settings["model_input_names"] = names.into();
        }
        std::fs::write(&file, settings.to_string()).unwrap();
        let tokenizer = load(&dir, &device()).unwrap().tokenizer;
        let pair = &encode(&tokenizer, &[("a film", Some("a book"))], 32)[0];
        (tokenizer.note_on_pairs().is_some(), pair.types.contains(&1))
    };
    assert_eq!(note("bert", None), (true, true));
    let listed = ["input_ids", "token_type_ids", "attention_mask"];
    assert_eq!(note("bert", Some(&listed)), (false, true));
    assert_eq!(note("bert", Some(&listed[..1])), (false, false));
    // A model without token types reads none, whatever the tokenizer gives.
    assert!(!note("gpt2", None).0);
}
