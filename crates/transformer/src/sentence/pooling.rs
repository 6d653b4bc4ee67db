//! `1_Pooling/config.json`: which tokens' states become the text's vector.

use serde_json::{Value, json};

use super::SentenceError;
use super::json::Fields;
use crate::pooling::Pooling;

/// Names since version 6, and the flags of earlier ones, in the order in which several stand side by side.
const MODES: [(&str, &str, Pooling); 6] = [
    ("cls", "pooling_mode_cls_token", Pooling::First),
    ("max", "pooling_mode_max_tokens", Pooling::Max),
    ("mean", "pooling_mode_mean_tokens", Pooling::Mean),
    (
        "mean_sqrt_len_tokens",
        "pooling_mode_mean_sqrt_len_tokens",
        Pooling::MeanSqrtLength,
    ),
    (
        "weightedmean",
        "pooling_mode_weightedmean_tokens",
        Pooling::WeightedMean,
    ),
    ("lasttoken", "pooling_mode_lasttoken", Pooling::LastToken),
];

/// What the file says.
pub(super) struct PoolingModule {
    /// At least one; several stand side by side.
    pub(super) modes: Vec<Pooling>,
    /// Whether the prompt's tokens count.
    pub(super) include_prompt: bool,
}

/// Reads the settings of a Pooling module over states of this width.
pub(super) fn read(fields: &Fields, hidden: usize) -> Result<PoolingModule, SentenceError> {
    let flags = MODES.map(|(_, flag, _)| flag);
    let others = [
        "embedding_dimension",
        "word_embedding_dimension",
        "pooling_mode",
        "include_prompt",
    ];
    fields.known(&[&flags[..], &others].concat())?;
    for key in ["embedding_dimension", "word_embedding_dimension"] {
        fields.only(key, &json!(hidden))?;
    }
    let modes = match fields.get("pooling_mode") {
        Some(value) => named(fields, value)?,
        None => flagged(fields)?,
    };
    Ok(PoolingModule {
        modes,
        include_prompt: fields.flag("include_prompt")?.unwrap_or(true),
    })
}

fn named(fields: &Fields, value: &Value) -> Result<Vec<Pooling>, SentenceError> {
    let one = |value: &Value| {
        let name = value.as_str()?;
        let found = MODES.iter().find(|(mode, _, _)| *mode == name);
        found.map(|(_, _, pooling)| *pooling)
    };
    let modes: Option<Vec<Pooling>> = match value {
        // No more than there are: each takes memory.
        Value::Array(names) if (1..=MODES.len()).contains(&names.len()) => {
            names.iter().map(one).collect()
        }
        value => one(value).map(|mode| vec![mode]),
    };
    modes.ok_or_else(|| {
        let names = MODES.map(|(mode, _, _)| mode).join(", ");
        fields.wrong("pooling_mode", value, &format!("one or several of {names}"))
    })
}

fn flagged(fields: &Fields) -> Result<Vec<Pooling>, SentenceError> {
    let mut modes = Vec::new();
    for (_, flag, pooling) in MODES {
        if fields.flag(flag)?.unwrap_or(false) {
            modes.push(pooling);
        }
    }
    if modes.is_empty() {
        modes.push(Pooling::Mean);
    }
    Ok(modes)
}
