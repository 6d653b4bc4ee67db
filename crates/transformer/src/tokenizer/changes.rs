//! Tests: a field of a tokenizer's files that decides ids changes them where it is changed, or is refused.

use serde_json::{Value, json};

use super::reference::{Case, json_cases};

/// Each has something that one of the fields below tells apart.
const TEXTS: [(&str, Option<&str>); 9] = [
    (" The  Films, was GOOD café!", None),
    ("[MASK]film x[MASK]x <mask>film", None),
    ("the\tfilm q東q", None),
    ("a <ent> good", Some("the film")),
    ("qq xyz", None),
    ("ÀÉ, naïve", None),
    ("", Some("film")),
    ("in the film", None),
    ("e\u{301} 2024 it's", None),
];

fn ids(case: &Case) -> Option<Vec<Vec<u32>>> {
    let tokenizer = case.folder.read().ok()?;
    let encoded = tokenizer.encode(&TEXTS, 100).ok()?;
    Some(encoded.into_iter().map(|one| one.ids).collect())
}

/// The case with one value in one of its files replaced, or taken away.
fn change(case: &Case, file: &str, pointer: &str, value: Option<Value>) {
    let path = case.folder.0.join(file);
    let mut json: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = json.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(fields), Some(value)) => {
            fields.insert(key.to_owned(), value);
        }
        (Value::Object(fields), None) => {
            fields.remove(key).unwrap();
        }
        (Value::Array(list), Some(value)) => list[key.parse::<usize>().unwrap()] = value,
        (Value::Array(list), None) => {
            list.remove(key.parse().unwrap());
        }
        (other, _) => panic!("{pointer} in {other}"),
    }
    case.folder.write(file, json.to_string().as_bytes());
}

fn all_change(file: &str, changes: &[(&str, &str, Option<Value>)]) {
    let mut unchanged = Vec::new();
    for (name, pointer, value) in changes {
        let mut cases = json_cases().into_iter();
        let case = cases.find(|case| case.name == *name).unwrap();
        let before = ids(&case).unwrap();
        change(&case, file, pointer, value.clone());
        // Nothing, where it is refused.
        if ids(&case).is_some_and(|after| after == before) {
            unchanged.push(format!("{name}, {pointer}"));
        }
    }
    assert!(unchanged.is_empty(), "{}", unchanged.join("\n"));
}

#[test]
fn every_setting_of_a_class_changes_ids() {
    let on = Some(json!(true));
    let off = Some(json!(false));
    all_change(
        "special_tokens_map.json",
        &[("opt, vocab.json", "/bos_token", Some(json!("<s>")))],
    );
    let albert = "albert, case and accents kept";
    let deberta = "deberta, lower case, split at punctuation";
    all_change(
        "tokenizer_config.json",
        &[
            (albert, "/do_lower_case", on.clone()),
            (albert, "/keep_accents", off.clone()),
            (albert, "/add_prefix_space", off.clone()),
            (
                "albert, no post-processor",
                "/cls_token",
                Some(json!("[MASK]")),
            ),
            (deberta, "/do_lower_case", off.clone()),
            (deberta, "/split_by_punct", off.clone()),
            (deberta, "/add_prefix_space", off.clone()),
            ("deberta, unk_id", "/unk_id", Some(json!(5))),
            ("deberta, unk_id", "/unk_id", Some(json!("3"))),
            ("mpnet, cased", "/do_lower_case", on.clone()),
            ("mpnet, cased", "/strip_accents", off.clone()),
            ("mpnet, cased", "/sep_token", Some(json!("film"))),
            ("qwen3, prefix space", "/add_prefix_space", off.clone()),
            (
                "qwen3, vocab.json with the end of text",
                "/add_eos_token",
                off.clone(),
            ),
            ("gpt_neox, prefix space", "/add_prefix_space", off.clone()),
            ("gpt_neox, vocab.json", "/add_bos_token", off.clone()),
            ("opt, vocab.json", "/add_bos_token", off),
            ("opt, vocab.json", "/add_prefix_space", on.clone()),
            ("gemma, backend", "/fix_mistral_regex", on),
            (
                "albert, backend",
                "/tokenizer_class",
                Some(json!("AlbertTokenizer")),
            ),
            (
                "qwen3, backend",
                "/tokenizer_class",
                Some(json!("Qwen2Tokenizer")),
            ),
        ],
    );
}

#[test]
fn every_part_of_tokenizer_json_changes_ids() {
    let albert = "albert, backend";
    let gemma = "gemma, backend";
    let neox = "gpt_neox, backend";
    let never = Some(json!("never"));
    all_change(
        "tokenizer.json",
        &[
            (albert, "/model/unk_id", Some(json!(2))),
            (albert, "/model/unk_id", Some(json!(1_000))),
            (albert, "/model/vocab/5/1", Some(json!(-50.0))),
            (albert, "/model/vocab/5/0", Some(json!("▁other"))),
            (albert, "/model/type", Some(json!("WordLevel"))),
            (albert, "/normalizer", Some(Value::Null)),
            (albert, "/normalizer/normalizers/1", None),
            (albert, "/normalizer/normalizers/2", None),
            (albert, "/pre_tokenizer", Some(Value::Null)),
            (albert, "/pre_tokenizer/pretokenizers/0", None),
            (
                albert,
                "/pre_tokenizer/pretokenizers/1/prepend_scheme",
                never,
            ),
            (
                albert,
                "/pre_tokenizer/pretokenizers/1/replacement",
                Some(json!("_")),
            ),
            (albert, "/post_processor", Some(Value::Null)),
            (albert, "/post_processor/single/0", None),
            (albert, "/post_processor/pair/2", None),
            (
                albert,
                "/post_processor/special_tokens/[CLS]/ids",
                Some(json!([7])),
            ),
            (albert, "/added_tokens/4/single_word", Some(json!(true))),
            (albert, "/added_tokens/4/content", Some(json!("<mask>"))),
            (gemma, "/model/fuse_unk", Some(json!(false))),
            (gemma, "/model/byte_fallback", Some(json!(true))),
            (gemma, "/model/unk_token", Some(json!("<mask>"))),
            (gemma, "/model/dropout", Some(json!(0.5))),
            (gemma, "/model/merges/0", None),
            (gemma, "/normalizer/content", Some(json!("x"))),
            (neox, "/pre_tokenizer/use_regex", Some(json!(false))),
            (neox, "/pre_tokenizer/add_prefix_space", Some(json!(true))),
        ],
    );
}
