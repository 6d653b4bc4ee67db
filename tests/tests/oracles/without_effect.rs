//! The fields of config.json that change no state and no logit, and why.

use serde_json::{Map, Value};

type Config = Map<String, Value>;

/// Fields, when they have no effect, and why.
type Depending = (&'static [&'static str], fn(&Config) -> bool, &'static str);

/// Fields that never have an effect here.
const NEVER: &[(&[&str], &str)] = &[
    (
        &[
            "activation_dropout",
            "attention_dropout",
            "attention_probs_dropout_prob",
            "attn_pdrop",
            "dropout",
            "embd_pdrop",
            "embedding_dropout",
            "hidden_dropout",
            "hidden_dropout_prob",
            "layerdrop",
            "mlp_dropout",
            "resid_pdrop",
        ],
        "acts in training only",
    ),
    (
        &[
            "initializer_cutoff_factor",
            "initializer_factor",
            "initializer_range",
            "init_std",
        ],
        "says how fresh weights are drawn",
    ),
    (
        &[
            "bos_token_id",
            "cls_token_id",
            "eos_token_id",
            "mask_token_id",
            "sep_token_id",
            "use_cache",
        ],
        "tokens come from the tokenizer, and caches are kept where they are of use",
    ),
    (
        &[
            "classifier_dropout",
            "classifier_dropout_prob",
            "classifier_pooling",
            "pooler_dropout",
            "pooler_hidden_act",
            "pooler_hidden_size",
            "qa_dropout",
            "seq_classif_dropout",
            "summary_activation",
            "summary_first_dropout",
            "summary_last_dropout",
            "summary_proj_to_labels",
            "summary_type",
            "summary_use_proj",
        ],
        "belongs to heads behind the states",
    ),
    (
        &["legacy"],
        "says how the language head's tensors are called, and both names are read",
    ),
    (
        &["dtype"],
        "weights are used as float32, which a warning says",
    ),
    (
        &[
            "deterministic_flash_attn",
            "reorder_and_upcast_attn",
            "sparse_pred_ignore_index",
            "sparse_prediction",
        ],
        "chooses among implementations of the same arithmetic",
    ),
    (
        &[
            "_sliding_window_pattern",
            "pretraining_tp",
            "sinusoidal_pos_embds",
        ],
        "transformers looks it up and does not use it",
    ),
];

/// Fields whose effect depends on others.
const SOMETIMES: &[Depending] = &[
    (
        &["pad_token_id"],
        |config| !counts_words(config),
        "padding is hidden by the mask whatever its id is",
    ),
    (
        &["final_logit_softcapping", "tie_word_embeddings"],
        |config| !has_language_head(config),
        "the checkpoint has no language head",
    ),
    (
        &["max_position_embeddings"],
        |config| is_rotated(config) && !is_longrope(config),
        "says how long a text may be, and no table has so many rows",
    ),
    (
        &["original_max_position_embeddings"],
        |config| !is_longrope(config),
        "the rotation is not rescaled",
    ),
    (
        &["rope_parameters.original_max_position_embeddings"],
        |config| config.contains_key("original_max_position_embeddings"),
        "the one beside rope_parameters wins",
    ),
    (
        &[
            "max_window_layers",
            "no_rope_layer_interval",
            "global_attn_every_n_layers",
        ],
        |config| config.contains_key("layer_types"),
        "layer_types says it of each layer",
    ),
    (
        &["local_attention"],
        |config| config.contains_key("sliding_window"),
        "sliding_window says it",
    ),
    (
        &["sliding_window"],
        |config| config.get("use_sliding_window") == Some(&Value::Bool(false)),
        "use_sliding_window is false",
    ),
    (
        &["use_sliding_window"],
        |config| config.get("sliding_window") == Some(&Value::Null),
        "no window is given",
    ),
    (
        &["classifier_activation", "classifier_bias"],
        |config| !config["model_type"].to_string().contains("modernbert"),
        "belongs to heads behind the states",
    ),
    (
        &["is_decoder"],
        |config| config["model_type"] == "gpt_neox",
        "every GPT-NeoX sees only what stands before",
    ),
];

/// Why a field of this configuration changes nothing; `None` where it must.
pub(crate) fn reason(field: &str, config: &Config) -> Option<&'static str> {
    let never = NEVER.iter().find(|(fields, _)| fields.contains(&field));
    let sometimes = SOMETIMES
        .iter()
        .find(|(fields, holds, _)| fields.contains(&field) && holds(config));
    never
        .map(|(_, reason)| *reason)
        .or(sometimes.map(|(_, _, reason)| *reason))
}

fn counts_words(config: &Config) -> bool {
    let kinds = ["roberta", "xlm-roberta", "camembert", "mpnet"];
    kinds.iter().any(|kind| config["model_type"] == *kind)
}

fn is_rotated(config: &Config) -> bool {
    config.contains_key("rope_parameters")
}

fn is_longrope(config: &Config) -> bool {
    let kind = config
        .get("rope_parameters")
        .and_then(|r| r.get("rope_type"));
    kind.is_some_and(|kind| kind == "longrope")
}

fn has_language_head(config: &Config) -> bool {
    let names = config.get("architectures").map(Value::to_string);
    names.is_some_and(|names| names.contains("LM"))
}

#[test]
fn no_field_stands_in_two_lists() {
    let never = NEVER.iter().flat_map(|(fields, _)| fields.iter());
    let mut all: Vec<&str> = never.copied().collect();
    all.extend(SOMETIMES.iter().flat_map(|(fields, ..)| fields.iter()));
    let listed = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), listed);
}
