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
mod tests;
