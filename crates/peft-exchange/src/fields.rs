//! What every field of `adapter_config.json` means for the logits, by kind of adapter. PEFT 0.21.2, `peft/tuners/*/config.py`;
//! `scripts/reference_peft_fields.py` lists what there is, and a test holds these tables against it.

use Meaning::{NoEffect, Off, Read};

/// What a field means for what the adapter computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Read: it changes the result, or is refused where it would change it in a way that is not implemented.
    Read,
    /// The logits do not depend on it: where the checkpoint comes from, how it was trained or started, or what its tensors say themselves.
    NoEffect,
    /// Computes something that is not implemented: refused unless it is absent, null, false or empty.
    Off,
}

type Field = (&'static str, Meaning);

/// A kind's fields; those that are not among them are [`Off`].
pub(crate) fn meaning(peft_type: &str, field: &str) -> Meaning {
    let tables = tables(peft_type).into_iter().flatten();
    let found = tables.into_iter().find(|(name, _)| *name == field);
    found.map_or(Off, |(_, meaning)| *meaning)
}

fn tables(peft_type: &str) -> [&'static [Field]; 2] {
    let own: &[Field] = match peft_type {
        "LORA" => &LORA,
        "IA3" => &IA3,
        "VERA" => &VERA,
        "LN_TUNING" => &LN_TUNING,
        "PROMPT_TUNING" => &PROMPT_TUNING,
        "P_TUNING" => &P_TUNING,
        "PREFIX_TUNING" => &PREFIX_TUNING,
        _ => &[],
    };
    [&EVERY_KIND, own]
}

const EVERY_KIND: [Field; 8] = [
    ("auto_mapping", NoEffect),
    // A name, never read as a file here: the base model is the one that was asked for.
    ("base_model_name_or_path", NoEffect),
    ("inference_mode", NoEffect),
    // The modules are saved whole: their tensors have a place or are refused by name.
    ("modules_to_save", NoEffect),
    ("peft_type", Read),
    ("peft_version", NoEffect),
    ("revision", NoEffect),
    ("task_type", Read),
];

const LORA: [Field; 34] = [
    ("alora_invocation_tokens", Off),
    ("alpha_pattern", Read),
    ("arrow_config", Off),
    ("bias", Read),
    // Settings of initialisations; those that change the base weights are refused at init_lora_weights.
    ("corda_config", NoEffect),
    ("ensure_weight_tying", Off),
    ("eva_config", NoEffect),
    ("exclude_modules", Read),
    // PEFT sets it by the type of the module that it adapts.
    ("fan_in_fan_out", NoEffect),
    ("init_lora_weights", Read),
    ("kasa_config", Off),
    ("layer_replication", Off),
    ("layers_pattern", Read),
    ("layers_to_transform", Read),
    ("loftq_config", NoEffect),
    ("lora_alpha", Read),
    ("lora_bias", Read),
    // Dropout: not while predicting.
    ("lora_dropout", NoEffect),
    ("lora_ga_config", NoEffect),
    ("megatron_config", Off),
    // Has a default, and a meaning beside megatron_config only; so have the two of use_qalora and of the GPU's memory.
    ("megatron_core", NoEffect),
    ("monteclora_config", Off),
    ("qalora_group_size", NoEffect),
    ("r", Read),
    ("rank_pattern", Read),
    ("runtime_config", NoEffect),
    ("target_modules", Read),
    ("target_parameters", Off),
    ("trainable_token_indices", Off),
    ("use_bdlora", Off),
    ("use_dora", Read),
    ("use_qalora", Off),
    ("use_rslora", Read),
    ("velora_config", Off),
];

const IA3: [Field; 5] = [
    ("exclude_modules", Read),
    ("fan_in_fan_out", NoEffect),
    ("feedforward_modules", Read),
    ("init_ia3_weights", NoEffect),
    ("target_modules", Read),
];

const VERA: [Field; 11] = [
    ("bias", Read),
    ("d_initial", NoEffect),
    ("fan_in_fan_out", NoEffect),
    ("init_weights", NoEffect),
    ("layers_pattern", Read),
    ("layers_to_transform", Read),
    // The projection must be in the file, whatever it was drawn from.
    ("projection_prng_key", NoEffect),
    ("r", Read),
    ("save_projection", NoEffect),
    ("target_modules", Read),
    ("vera_dropout", NoEffect),
];

const LN_TUNING: [Field; 2] = [("exclude_modules", Read), ("target_modules", Read)];

const PROMPT_TUNING: [Field; 9] = [
    ("num_attention_heads", NoEffect),
    ("num_layers", NoEffect),
    ("num_transformer_submodules", Read),
    ("num_virtual_tokens", Read),
    // How the vectors started.
    ("prompt_tuning_init", NoEffect),
    ("prompt_tuning_init_text", NoEffect),
    ("token_dim", Read),
    ("tokenizer_kwargs", NoEffect),
    ("tokenizer_name_or_path", NoEffect),
];

const P_TUNING: [Field; 9] = [
    // What the encoder computed is what is saved.
    ("encoder_dropout", NoEffect),
    ("encoder_hidden_size", NoEffect),
    ("encoder_num_layers", NoEffect),
    ("encoder_reparameterization_type", NoEffect),
    ("num_attention_heads", NoEffect),
    ("num_layers", NoEffect),
    ("num_transformer_submodules", Read),
    ("num_virtual_tokens", Read),
    ("token_dim", Read),
];

const PREFIX_TUNING: [Field; 8] = [
    ("encoder_hidden_size", NoEffect),
    ("init_weights", NoEffect),
    // PEFT cuts the vectors into keys and values of layers and heads by these three.
    ("num_attention_heads", Read),
    ("num_layers", Read),
    ("num_transformer_submodules", Read),
    ("num_virtual_tokens", Read),
    ("prefix_projection", NoEffect),
    ("token_dim", Read),
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_field_of_pefts_configurations_has_a_meaning_here() {
        let file = "../../tests/fixtures/peft_fields.json";
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let json: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let kinds = json["fields"].as_object().unwrap();
        assert_eq!(kinds.len(), crate::config::TYPES.len());
        for (kind, fields) in kinds {
            let theirs: BTreeSet<&str> = fields
                .as_array()
                .unwrap()
                .iter()
                .map(|field| field.as_str().unwrap())
                .collect();
            let known = tables(kind).into_iter().flatten();
            let ours: BTreeSet<&str> = known.map(|(name, _)| *name).collect();
            assert_eq!(ours, theirs, "{kind}");
        }
    }
}
