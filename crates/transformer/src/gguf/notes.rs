//! What to say beside the results of a model in a GGUF file.

use std::collections::BTreeMap;

use super::kind::Kind;
use super::{Gguf, config, value};

/// One sentence each.
pub(super) fn of(gguf: &Gguf) -> Vec<String> {
    let mut notes = vec![stored_as(gguf)];
    let idle = config::not_read(gguf);
    if !idle.is_empty() {
        let idle = idle.join(", ");
        notes.push(format!(
            "entries of the file's metadata that are not read: {idle}"
        ));
    }
    let architecture = gguf.architecture().unwrap_or_default();
    if architecture == "gptneox" {
        notes.push(
            "the file does not say which GELU its model has: that of Pythia (\"gelu\") is taken"
                .to_owned(),
        );
    }
    let pooling = gguf
        .metadata()
        .count(&format!("{architecture}.pooling_type"));
    if let Ok(Some(kind @ 1..=3)) = pooling {
        let (name, setting) = match kind {
            1 => ("the mean", "mean"),
            2 => ("the first token", "first"),
            _ => ("the last token", "last-token"),
        };
        notes.push(format!(
            "the file makes vectors of texts by {name}; where that is meant, say `--set budget.pooling={setting}`"
        ));
    }
    notes
}

/// In which formats the model's numbers are stored, by their share.
fn stored_as(gguf: &Gguf) -> String {
    let mut counts: BTreeMap<Kind, u64> = BTreeMap::new();
    for place in &gguf.head.tensors {
        let numbers: u64 = place.dims.iter().map(|dim| *dim as u64).product();
        *counts.entry(place.kind).or_default() += numbers;
    }
    let all: u64 = counts.values().sum::<u64>().max(1);
    let mut kinds: Vec<(Kind, u64)> = counts.into_iter().collect();
    kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
    let quantised = kinds.iter().any(|(kind, _)| kind.is_quantised());
    let named = kinds.iter().map(|(kind, count)| {
        let share = *count as f64 / all as f64 * 100.0;
        if kinds.len() == 1 {
            kind.name().to_owned()
        } else {
            format!("{} ({share:.1} %)", kind.name())
        }
    });
    let named = named.collect::<Vec<_>>().join(", ");
    let how = if quantised {
        "dequantised from"
    } else {
        "stored as"
    };
    let name = gguf.name();
    format!(
        "the weights are those of {}, {how} {named}, and used as float32",
        value::start_of(&name)
    )
}
