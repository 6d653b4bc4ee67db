//! What to say beside the results of a model in a GGUF file.

use std::collections::BTreeMap;

use super::kind::Kind;
use super::{Gguf, config};

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
        if kinds.len() == 1 || share < 0.05 {
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
        without_kind(&name)
    )
}

/// `SmolLM2-135M-Instruct` of `SmolLM2-135M-Instruct.Q4_1`: the models' names end in their formats.
fn without_kind(name: &str) -> &str {
    let is_kind = |part: &str| {
        let part = part.to_lowercase();
        let numbers = ["q", "iq", "f", "bf", "mxfp"].iter();
        let mut numbers = numbers.filter_map(|start| part.strip_prefix(start));
        let begins = numbers.any(|number| number.starts_with(|c: char| c.is_ascii_digit()));
        begins && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    match name.rsplit_once(['.', '-']) {
        Some((start, end)) if is_kind(end) && !start.is_empty() => start,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::without_kind;

    #[test]
    fn a_format_at_the_end_of_a_name_is_left_out() {
        for (name, expected) in [
            ("SmolLM2-135M-Instruct.Q4_1", "SmolLM2-135M-Instruct"),
            ("gemma-3-270m-it-Q4_K_M", "gemma-3-270m-it"),
            ("model-f16", "model"),
            ("Qwen3-0.6B", "Qwen3-0.6B"),
            ("falcon-quick", "falcon-quick"),
            ("q8_0", "q8_0"),
        ] {
            assert_eq!(without_kind(name), expected);
        }
    }
}
