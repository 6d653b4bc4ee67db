//! The lists are complete, and no field is on two of them.

use super::*;
use std::path::Path;

/// Fields that [`Config::shape`], [`Config::notes`] or the tokenizer read.
fn read(architecture: Architecture) -> &'static [&'static str] {
    match architecture {
        Architecture::Bert | Architecture::Roberta => &[
            "attention_probs_dropout_prob",
            "hidden_act",
            "hidden_dropout_prob",
            "hidden_size",
            "intermediate_size",
            "layer_norm_eps",
            "max_position_embeddings",
            "num_attention_heads",
            "num_hidden_layers",
            "type_vocab_size",
        ],
        Architecture::DistilBert => &[
            "activation",
            "attention_dropout",
            "dim",
            "dropout",
            "hidden_dim",
            "max_position_embeddings",
            "n_heads",
            "n_layers",
        ],
        Architecture::Gpt2 => &[
            "activation_function",
            "attn_pdrop",
            "embd_pdrop",
            "layer_norm_epsilon",
            "n_embd",
            "n_head",
            "n_inner",
            "n_layer",
            "n_positions",
            "resid_pdrop",
            "scale_attn_by_inverse_layer_idx",
            "scale_attn_weights",
        ],
        Architecture::Llama => &[
            "attention_bias",
            "attention_dropout",
            "head_dim",
            "hidden_act",
            "hidden_size",
            "intermediate_size",
            "max_position_embeddings",
            "mlp_bias",
            "num_attention_heads",
            "num_hidden_layers",
            "num_key_value_heads",
            "rms_norm_eps",
            "rope_parameters",
            "rope_theta",
        ],
    }
}

const READ_BY_ALL: [&str; 10] = [
    "auto_map",
    "bos_token_id",
    "dtype",
    "eos_token_id",
    "initializer_range",
    "layer_types",
    "model_type",
    "pad_token_id",
    "tie_word_embeddings",
    "vocab_size",
];

/// Names, heads of tasks, what is given back beside the hidden states, memory and speed.
const WITHOUT_EFFECT: [&str; 22] = [
    "_name_or_path",
    "architectures",
    "attention_chunk_size", // Of layers that are not "full_attention", as the next two.
    "kv_sharing_modes",
    "sliding_window",
    "chunk_size_feed_forward",
    "gradient_checkpointing",
    "id2label",
    "is_encoder_decoder",
    "label2id",
    "mtp_layer_types",
    "num_labels",
    "output_attentions",
    "output_cross_attentions",
    "output_hidden_states",
    "problem_type",
    "return_dict",
    "transformers_version",
    "use_cache",
    "vision_aspect_ratio",
    "vision_feature_layer",
    "vision_feature_select_strategy",
];

fn without_effect(architecture: Architecture) -> &'static [&'static str] {
    match architecture {
        Architecture::Bert | Architecture::Roberta => {
            &["classifier_dropout", "head_dim", "rope_parameters"]
        }
        Architecture::DistilBert => &[
            "head_dim",
            "qa_dropout",
            "rope_parameters",
            "seq_classif_dropout",
            "sinusoidal_pos_embds", // The file has the table.
        ],
        Architecture::Gpt2 => &[
            "head_dim",
            "reorder_and_upcast_attn",
            "rope_parameters",
            "summary_activation",
            "summary_first_dropout",
            "summary_proj_to_labels",
            "summary_type",
            "summary_use_proj",
        ],
        Architecture::Llama => &["pretraining_tp"],
    }
}

#[test]
fn every_field_that_transformers_looks_up_is_read_or_refused_or_without_effect() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/config_fields.json");
    let text = std::fs::read_to_string(file).unwrap();
    let fixture: Value = serde_json::from_str(&text).unwrap();
    for architecture in [
        Architecture::Bert,
        Architecture::DistilBert,
        Architecture::Roberta,
        Architecture::Gpt2,
        Architecture::Llama,
    ] {
        let fields = &fixture["architectures"][architecture.name()];
        let defaults = fields["defaults"].as_object().unwrap().keys();
        let looked_up = fields["looked_up"].as_array().unwrap().iter();
        let looked_up = looked_up.map(|name| name.as_str().unwrap());
        let mut count = 0;
        for name in defaults.map(String::as_str).chain(looked_up) {
            let lists = [
                read(architecture),
                &READ_BY_ALL,
                &WITHOUT_EFFECT,
                without_effect(architecture),
            ];
            let listed = lists.iter().filter(|list| list.contains(&name)).count();
            let second = second_names(architecture)
                .iter()
                .any(|(second, _)| *second == name);
            let refused = restricted(architecture).any(|only| only.key == name);
            let places = listed + usize::from(second) + usize::from(refused);
            assert_eq!(places, 1, "{architecture:?}: {name}");
            count += 1;
        }
        assert!(count > 60, "{architecture:?}: {count}");
    }
}
