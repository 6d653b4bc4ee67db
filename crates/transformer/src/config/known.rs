//! Every field of `config.json` that `transformers` looks up for these architectures, and what is done with it here: it is read, or
//! refused unless it has the value that is implemented, or it changes no hidden state. The lists are complete for the version named in
//! `tests/fixtures/config_fields.json`, which `scripts/reference_config_fields.py` makes.

use serde_json::Value;

use super::Config;
use crate::load::LoadError;
use crate::shape::Architecture;

/// A field that is refused unless it has one of these values.
struct Only {
    key: &'static str,
    /// As JSON.
    allowed: &'static [&'static str],
    reason: &'static str,
}

const fn only(key: &'static str, allowed: &'static [&'static str], reason: &'static str) -> Only {
    Only {
        key,
        allowed,
        reason,
    }
}

const OF_ALL: &[Only] = &[
    only(
        "quantization_config",
        &["null"],
        "quantized weights are not read; load it in transformers, call dequantize() and save_pretrained()",
    ),
    only(
        "per_layer_config",
        &["null", "{}"],
        "every block must have the same sizes",
    ),
    only(
        "pruned_heads",
        &["null", "{}"],
        "every block must have all of its heads",
    ),
    only(
        "transformers_weights",
        &["null"],
        "weights are read from model.safetensors",
    ),
    only(
        "fusion_config",
        &["null", "{}"],
        "fused modules are not read",
    ),
    only(
        "text_config",
        &["null"],
        "a model of several parts is not read; save its text model alone",
    ),
    only(
        "decoder",
        &["null"],
        "a model of several parts is not read; save its text model alone",
    ),
    only(
        "generator",
        &["null"],
        "a model of several parts is not read; save its text model alone",
    ),
];

const OF_BERT: &[Only] = &[
    only(
        "position_embedding_type",
        &["null", "\"absolute\""],
        "only \"absolute\" is",
    ),
    only("is_decoder", &["null", "false"], "only false is"),
    only("add_cross_attention", &["null", "false"], "only false is"),
    only("is_causal", &["null", "false"], "only false is"),
];

const OF_DISTILBERT: &[Only] = &[only("is_causal", &["null", "false"], "only false is")];

const OF_GPT2: &[Only] = &[
    only("add_cross_attention", &["null", "false"], "only false is"),
    // null switches the causal mask off too.
    only("is_causal", &["true"], "only true is"),
];

const OF_LLAMA: &[Only] = &[
    only("is_causal", &["true"], "only true is"),
    only("partial_rotary_factor", &["null", "1"], "only 1.0 is"),
];

fn restricted(architecture: Architecture) -> impl Iterator<Item = &'static Only> {
    let own = match architecture {
        Architecture::Bert | Architecture::Roberta => OF_BERT,
        Architecture::DistilBert => OF_DISTILBERT,
        Architecture::Gpt2 => OF_GPT2,
        Architecture::Llama => OF_LLAMA,
    };
    OF_ALL.iter().chain(own)
}

/// Other names of a field, from `attribute_map` of the configuration's class. Where both are there, this one wins.
fn second_names(architecture: Architecture) -> &'static [(&'static str, &'static str)] {
    match architecture {
        Architecture::DistilBert => &[
            ("hidden_size", "dim"),
            ("num_attention_heads", "n_heads"),
            ("num_hidden_layers", "n_layers"),
        ],
        Architecture::Gpt2 => &[
            ("hidden_size", "n_embd"),
            ("max_position_embeddings", "n_positions"),
            ("num_attention_heads", "n_head"),
            ("num_hidden_layers", "n_layer"),
        ],
        _ => &[],
    }
}

impl Config {
    /// Fields under the names by which they are read.
    pub(super) fn with_own_names(mut self) -> Config {
        if let Ok(architecture) = self.architecture() {
            for (second, own) in second_names(architecture) {
                if let Some(value) = self.fields.remove(*second).filter(|value| !value.is_null()) {
                    self.fields.insert((*own).to_owned(), value);
                }
            }
        }
        self
    }

    pub(super) fn refuse_what_is_not_implemented(
        &self,
        architecture: Architecture,
    ) -> Result<(), LoadError> {
        for only in restricted(architecture) {
            let found = self.fields.get(only.key);
            if let Some(found) = found.filter(|found| !only.allows(found)) {
                return Err(self.unsupported(only.key, found, only.reason));
            }
        }
        let full = |kind: &Value| kind == "full_attention";
        match self.present("layer_types") {
            Some(found) if !found.as_array().is_some_and(|kinds| kinds.iter().all(full)) => {
                Err(self.unsupported(
                    "layer_types",
                    found,
                    "every layer must be \"full_attention\"",
                ))
            }
            _ => Ok(()),
        }
    }

    fn unsupported(&self, key: &str, found: &Value, reason: &str) -> LoadError {
        LoadError::UnsupportedSetting {
            file: self.file.clone(),
            key: key.to_owned(),
            found: found.to_string(),
            reason: reason.to_owned(),
        }
    }
}

impl Only {
    fn allows(&self, found: &Value) -> bool {
        self.allowed.iter().any(|allowed| {
            let allowed: Value = serde_json::from_str(allowed).expect("a value in JSON");
            *found == allowed || found.is_number() && found.as_f64() == allowed.as_f64()
        })
    }
}

#[cfg(test)]
mod tests {
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
}
