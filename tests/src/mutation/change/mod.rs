//! What is done to the files of an input, by their kind.

mod archive;
mod bytes;
mod json;
mod parquet;
pub(super) mod safetensors;
mod tables;
mod tokenizer;
mod words;

use super::input::{Content, Input, Special};
use super::random::Draws;

/// Changes one to three of the input's files named in `targets`; `other` finds a file of the same name of another entry.
pub(crate) fn change(
    input: &mut Input,
    targets: &[String],
    other: impl Fn(&str, &mut Draws) -> Vec<u8>,
    draws: &mut Draws,
) {
    for _ in 0..draws.size(3).max(1) {
        let name = draws.one(targets).clone();
        if draws.happens(0.03) {
            let special = *draws.one(&Special::ALL);
            input.changes.push(format!("{name} is {special:?}"));
            input.set(&name, Content::Special(special));
            continue;
        }
        let donor = other(&name, draws);
        let bytes = input.bytes(&name);
        let changed = file(&name, bytes, &donor, draws);
        input.changes.push(name.clone());
        input.set(&name, Content::Bytes(changed));
    }
}

fn file(name: &str, content: Vec<u8>, other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let ending = name.rsplit('.').next().unwrap_or_default();
    if draws.happens(0.12) {
        return bytes::change(content, other, draws);
    }
    match ending {
        "json" if name.ends_with("tokenizer.json") && draws.happens(0.6) => {
            tokenizer::change(&content, draws)
        }
        "json" => json::change(&content, other, draws),
        "safetensors" => safetensors::change(content, other, draws),
        "parquet" => parquet::change(content, other, draws),
        "zst" => archive::change(content, other, draws),
        _ => tables::change(content, other, draws),
    }
}
