//! What is said of a `model_type` that is not read.

use super::*;

#[test]
fn a_relative_or_a_spelling_names_what_is_read() {
    for (found, expected) in [
        (
            "t5",
            ": the nearest that is read is \"mpnet\" (models of an encoder and a decoder are not read, nor their encoders alone)",
        ),
        (
            "qwen2_moe",
            ": the nearest that is read is \"qwen2\" (mixtures of experts are not read)",
        ),
        (
            "gemma3",
            ": the nearest that is read is \"gemma3_text\" (models that read images are not; save the text model alone)",
        ),
        (
            "mamba",
            ": the nearest that is read is \"gpt_neox\" (recurrent and state-space layers are not read)",
        ),
        (
            "bart",
            ": the nearest that is read is \"roberta\" (models of an encoder and a decoder are not read, nor their encoders alone)",
        ),
        ("vit", ": it is no model of text"),
        ("BERT", ": the nearest that is read is \"bert\""),
        ("gpt-neox", ": the nearest that is read is \"gpt_neox\""),
        ("qwen3_reranker", ": the nearest that is read is \"qwen3\""),
        (
            "modern_bert",
            ": the nearest that is read is \"modernbert\"",
        ),
        ("deberta_v3", ": the nearest that is read is \"deberta-v2\""),
        ("something-else", ""),
        ("", ""),
    ] {
        assert_eq!(hint(found), expected, "{found}");
    }
}

#[test]
fn every_relative_is_of_a_type_that_is_read_and_none_is_read_itself() {
    for kin in TABLE {
        assert!(MODEL_TYPES.contains(&kin.nearest), "{}", kin.nearest);
        for name in kin.types.split(' ') {
            assert!(!name.is_empty() && !MODEL_TYPES.contains(&name), "{name}");
        }
    }
}

#[test]
fn distances_count_letters() {
    for (from, to, expected) in [("", "abc", 3), ("kitten", "sitting", 3), ("abc", "abc", 0)] {
        assert_eq!(distance(from, to), expected, "{from} {to}");
    }
}
