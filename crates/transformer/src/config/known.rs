//! Every field of `config.json` that `transformers` looks up for the families that are read, and what is done with it here: it is read, or
//! refused unless it has the value that is implemented, or it changes no hidden state. The lists are complete for the version named in
//! `tests/fixtures/config_fields.json`, which `scripts/reference_config_fields.py` makes.

use serde_json::Value;

use super::layers::FULL;
use super::{
    Config, albert, bert, deberta, distilbert, gemma, gpt_neox, gpt2, gte, llama, mistral,
    modernbert, mpnet, nomic, olmo2, opt, phi3, qwen, smollm3,
};
use crate::load::LoadError;
use crate::shape::Architecture;

/// A field that is refused unless it has one of these values.
pub(super) struct Only {
    key: &'static str,
    /// As JSON.
    allowed: &'static [&'static str],
    reason: &'static str,
}

pub(super) const fn only(
    key: &'static str,
    allowed: &'static [&'static str],
    reason: &'static str,
) -> Only {
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

fn restricted(architecture: Architecture) -> impl Iterator<Item = &'static Only> {
    let own = match architecture {
        Architecture::Bert | Architecture::Roberta | Architecture::Electra => bert::ONLY,
        Architecture::DistilBert => distilbert::ONLY,
        Architecture::Mpnet => mpnet::ONLY,
        Architecture::Albert => albert::ONLY,
        Architecture::DebertaV2 => deberta::ONLY,
        Architecture::ModernBert => modernbert::ONLY,
        Architecture::ModernBertDecoder => modernbert::ONLY_DECODER,
        Architecture::EuroBert => llama::ONLY_EUROBERT,
        Architecture::GteNew => gte::ONLY,
        Architecture::NomicBert => nomic::ONLY,
        Architecture::Gpt2 => gpt2::ONLY,
        Architecture::GptNeoX => gpt_neox::ONLY,
        Architecture::Opt => opt::ONLY,
        Architecture::Llama => llama::ONLY,
        Architecture::Mistral => mistral::ONLY,
        Architecture::Qwen2 | Architecture::Qwen3 => qwen::ONLY,
        Architecture::Phi3 => phi3::ONLY,
        Architecture::Olmo2 => olmo2::ONLY,
        Architecture::SmolLm3 => smollm3::ONLY,
        Architecture::Gemma2 => gemma::ONLY_GEMMA2,
        Architecture::Gemma3 => gemma::ONLY_GEMMA3,
    };
    OF_ALL.iter().chain(own)
}

/// Other names of a field and the one by which it is read, and whether the other wins where both are there: those from `attribute_map` of
/// the configuration's class do.
fn second_names(architecture: Architecture) -> (&'static [(&'static str, &'static str)], bool) {
    match architecture {
        Architecture::DistilBert => (distilbert::SECOND_NAMES, true),
        Architecture::Gpt2 => (gpt2::SECOND_NAMES, true),
        Architecture::NomicBert => (nomic::SECOND_NAMES, false),
        _ => (&[], true),
    }
}

/// Whether `layer_types` is read; elsewhere every layer must see all tokens.
fn reads_layer_types(architecture: Architecture) -> bool {
    matches!(
        architecture,
        Architecture::ModernBert
            | Architecture::ModernBertDecoder
            | Architecture::Qwen2
            | Architecture::Qwen3
            | Architecture::SmolLm3
            | Architecture::Gemma2
            | Architecture::Gemma3
    )
}

impl Config {
    /// Fields under the names by which they are read.
    pub(super) fn with_own_names(mut self) -> Config {
        if let Ok(architecture) = self.architecture() {
            let (names, wins) = second_names(architecture);
            for (second, own) in names {
                let value = self.fields.remove(*second);
                let is_free = wins || !self.fields.contains_key(*own);
                if let Some(value) = value.filter(|value| is_free && !value.is_null()) {
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
        if reads_layer_types(architecture) {
            return Ok(());
        }
        let full = |kind: &Value| kind == FULL;
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

    pub(super) fn unsupported(&self, key: &str, found: &Value, reason: &str) -> LoadError {
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
