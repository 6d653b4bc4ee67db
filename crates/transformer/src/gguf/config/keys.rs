//! Every entry of the metadata under an architecture's name, and what is done with it: it is read, or refused unless it has the value
//! that changes nothing, or named in a note.

use super::Keys;
use crate::gguf::value::Value;
use crate::gguf::{Gguf, names};
use crate::load::LoadError;

/// Read for at least one architecture, or of no effect on what is computed.
const KNOWN: [&str; 34] = [
    "vocab_size",
    "context_length",
    "embedding_length",
    "block_count",
    "feed_forward_length",
    "use_parallel_residual",
    "attn_logit_softcapping",
    "final_logit_softcapping",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.key_length_swa",
    "attention.value_length_swa",
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "attention.causal",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "rope.dimension_count",
    "rope.dimension_count_swa",
    "rope.freq_base",
    "rope.freq_base_swa",
    "rope.scale_linear",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.attn_factor",
    "rope.scaling.original_context_length",
    "rope.scaling.finetuned",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "tensor_data_layout",
    "pooling_type",
];

/// An entry that changes what is computed, and the value with which it does not.
const NEUTRAL: [(&str, f64); 15] = [
    ("expert_count", 0.0),
    ("nextn_predict_layers", 0.0),
    ("logit_scale", 1.0),
    ("residual_scale", 1.0),
    ("embedding_scale", 1.0),
    ("attention.scale", 0.0),
    ("attention.output_scale", 1.0),
    ("attention.temperature_length", 0.0),
    ("attention.temperature_scale", 0.0),
    ("attention.max_alibi_bias", 0.0),
    ("attention.clamp_kqv", 0.0),
    ("attention.shared_kv_layers", 0.0),
    ("rope.scaling.alpha", 1.0),
    ("rope.scaling.yarn_ext_factor", 1.0),
    ("rope.scaling.yarn_log_multiplier", 0.0),
];

/// Architectures whose windows are read.
const WINDOWED: [&str; 5] = ["llama", "phi3", "gemma2", "gemma3", "gemma-embedding"];
/// Architectures that see both ways.
const BOTH_WAYS: [&str; 3] = ["bert", "nomic-bert", "gemma-embedding"];

/// Refuses, by name, what would be computed otherwise.
pub(super) fn refuse_what_is_not_implemented(read: &Keys<'_>) -> Result<(), LoadError> {
    let metadata = read.gguf.metadata();
    for (name, neutral) in NEUTRAL {
        if read.number(name)?.is_some_and(|found| found != neutral) {
            let expected = format!("{neutral}, the only value that is implemented");
            return Err(metadata.field(&read.key(name), &expected));
        }
    }
    let both_ways = BOTH_WAYS.contains(&read.architecture);
    let causal = read.key("attention.causal");
    if metadata
        .flag(&causal)?
        .is_some_and(|causal| causal == both_ways)
    {
        let expected = format!(
            "{}, as the architecture \"{}\" is",
            !both_ways, read.architecture
        );
        return Err(metadata.field(&causal, &expected));
    }
    let window = "attention.sliding_window";
    let windowed = WINDOWED.contains(&read.architecture);
    if !windowed && read.count(window)?.is_some_and(|window| window > 0) {
        let expected = format!("0 for the architecture \"{}\"", read.architecture);
        return Err(metadata.field(&read.key(window), &expected));
    }
    Ok(())
}

/// Entries of the model's configuration that nothing here reads; lists of labels and the like are no numbers of it.
pub(in crate::gguf) fn not_read(gguf: &Gguf) -> Vec<String> {
    let Ok(names) = names::names(gguf) else {
        return Vec::new();
    };
    let prefix = format!("{}.", names.architecture);
    let known = |name: &str| KNOWN.contains(&name) || NEUTRAL.iter().any(|(own, _)| *own == name);
    let keys = gguf.metadata().keys();
    let unknown = keys.filter(|key| {
        let inner = key.strip_prefix(&prefix);
        let texts = matches!(gguf.metadata().get(key), Some(Value::Texts(_)));
        inner.is_some_and(|inner| !known(inner)) && !texts
    });
    unknown
        .map(|key| format!("\"{}\"", crate::gguf::value::start_of(key)))
        .collect()
}
