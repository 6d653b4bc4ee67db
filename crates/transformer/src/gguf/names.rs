//! How the tensors of each architecture are called in a GGUF file and in a Hugging Face checkpoint, and what lies between the two:
//! `gguf/tensor_mapping.py` and the conversions of llama.cpp.

mod tables;

use super::encoding::{Encoding, Form};
use super::error::GgufError;
use super::head::Place;
use super::{Gguf, Tensor};
use crate::load::LoadError;
use tables::ARCHITECTURES;

/// A part of a name in the file, the part in the checkpoint, and what was done to the tensors.
type Entry = (&'static str, &'static str, Done);

/// What the converter does to tensors of one name; see [`Form`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    Nothing,
    /// [`Form::Interleaved`] by the heads of the queries.
    InterleavedQueries,
    /// [`Form::Interleaved`] by the heads of the keys.
    InterleavedKeys,
    /// [`Form::Apart`].
    Apart,
    /// [`Form::Transposed`].
    Transposed,
    /// [`Form::OneMore`].
    OneMore,
}
use Done::{Apart, InterleavedKeys, InterleavedQueries, Nothing, OneMore, Transposed};

/// The names of one architecture.
pub(super) struct Names {
    /// Of `general.architecture`.
    pub(super) architecture: &'static str,
    outer: &'static [Entry],
    /// What stands before a block's number in the checkpoint.
    blocks: &'static str,
    inner: &'static [&'static [Entry]],
}

/// Factors of rotary frequencies, which the configuration takes up.
pub(super) const FACTORS: &str = "rope_freqs.weight";
/// As above, for short texts.
pub(super) const SHORT_FACTORS: &str = "rope_factors_short.weight";
/// As above, for long ones.
pub(super) const LONG_FACTORS: &str = "rope_factors_long.weight";

/// All tensors of the file under the names of a checkpoint. Outside of the blocks what is unknown is left over, and
/// warned of where the model's tensors are looked for; inside it is refused.
pub(super) fn tensors(gguf: &Gguf) -> Result<Vec<Tensor>, LoadError> {
    let names = names(gguf)?;
    let heads = Heads::of(gguf, names.architecture)?;
    let places = gguf.head.tensors.iter();
    let model = places
        .filter(|place| ![FACTORS, SHORT_FACTORS, LONG_FACTORS].contains(&place.name.as_str()));
    model
        .map(|place| tensor(gguf, names, &heads, place))
        .collect()
}

/// The names of the file's architecture.
///
/// # Errors
/// One that is not read.
pub(super) fn names(gguf: &Gguf) -> Result<&'static Names, LoadError> {
    let found = gguf.architecture()?;
    let names = ARCHITECTURES
        .iter()
        .find(|names| names.architecture == found);
    names.ok_or_else(|| {
        let read = ARCHITECTURES
            .each_ref()
            .map(|names| names.architecture)
            .join(", ");
        let found = super::value::start_of(found);
        gguf.unsupported(
            format!("has the architecture \"{found}\", which is not read"),
            format!("read are {read}; others may be as a folder in Hugging Face layout"),
        )
    })
}

/// How many heads the rows of queries and of keys belong to.
struct Heads {
    queries: usize,
    keys: usize,
}

impl Heads {
    fn of(gguf: &Gguf, architecture: &str) -> Result<Heads, LoadError> {
        let count = |key: &str| {
            let found = gguf.metadata().count(&format!("{architecture}.{key}"))?;
            Ok::<_, LoadError>(found.and_then(|count| usize::try_from(count).ok()))
        };
        let queries = count("attention.head_count")?.unwrap_or(0);
        Ok(Heads {
            queries,
            keys: count("attention.head_count_kv")?.unwrap_or(queries),
        })
    }

    fn form(&self, done: Done) -> Form {
        let heads = self.queries;
        match done {
            Nothing => Form::Same,
            InterleavedQueries => Form::Interleaved { heads },
            InterleavedKeys => Form::Interleaved { heads: self.keys },
            Apart => Form::Apart { heads },
            Transposed => Form::Transposed,
            OneMore => Form::OneMore,
        }
    }
}

fn tensor(gguf: &Gguf, names: &Names, heads: &Heads, place: &Place) -> Result<Tensor, LoadError> {
    let (name, done) = match names.in_checkpoint(&place.name) {
        Some(found) => found,
        None if place.name.starts_with("blk.") => {
            let error = GgufError::Stranger {
                tensor: super::value::start_of(&place.name),
                file: gguf.file.clone(),
                architecture: names.architecture.to_owned(),
            };
            return Err(error.into());
        }
        // No name of a checkpoint: it can only be left over.
        None => (format!("gguf/{}", place.name), Nothing),
    };
    let mut dims = place.dims.clone();
    // A bias has one dimension and is as it was.
    let form = match heads.form(done) {
        Form::Transposed if dims.len() == 1 => Form::Same,
        form => form,
    };
    if form == Form::Transposed {
        dims.reverse();
    }
    if let Some(problem) = form.problem(&dims) {
        let problem = format!(
            "tensor \"{}\" has shape {:?}: {problem}",
            place.name, place.dims
        );
        let file = gguf.file.clone();
        return Err(GgufError::Damaged { file, problem }.into());
    }
    Ok(Tensor {
        name,
        spelt: place.name.clone(),
        offset: place.offset,
        dims,
        encoding: Encoding {
            kind: place.kind,
            form,
        },
    })
}

impl Names {
    /// A tensor's name in a checkpoint, and what was done to it.
    fn in_checkpoint(&self, name: &str) -> Option<(String, Done)> {
        let (stem, part) = name.rsplit_once('.')?;
        if !["weight", "bias"].contains(&part) {
            return None;
        }
        let Some(inner) = stem.strip_prefix("blk.") else {
            let (_, theirs, done) = self.outer.iter().find(|(own, ..)| *own == stem)?;
            return Some((format!("{theirs}.{part}"), *done));
        };
        let (block, stem) = inner.split_once('.')?;
        let number: usize = block.parse().ok()?;
        if number.to_string() != block {
            return None; // "00" would be a second name of "0".
        }
        let mut entries = self.inner.iter().copied().flatten();
        let (_, theirs, done) = entries.find(|(own, ..)| *own == stem)?;
        Some((format!("{}.{block}.{theirs}.{part}", self.blocks), *done))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(architecture: &str, name: &str) -> Option<(String, Done)> {
        let all = ARCHITECTURES.iter();
        let mut own = all.filter(|names| names.architecture == architecture);
        own.next().unwrap().in_checkpoint(name)
    }

    #[test]
    fn names_are_those_of_a_checkpoint() {
        for (architecture, own, theirs, done) in [
            (
                "llama",
                "blk.10.attn_k.weight",
                "model.layers.10.self_attn.k_proj.weight",
                InterleavedKeys,
            ),
            (
                "qwen2",
                "blk.0.attn_q.bias",
                "model.layers.0.self_attn.q_proj.bias",
                Nothing,
            ),
            ("gemma3", "output_norm.weight", "model.norm.weight", OneMore),
            (
                "gpt2",
                "blk.1.ffn_down.weight",
                "transformer.h.1.mlp.c_proj.weight",
                Transposed,
            ),
            (
                "gptneox",
                "blk.2.attn_qkv.bias",
                "gpt_neox.layers.2.attention.query_key_value.bias",
                Apart,
            ),
            (
                "bert",
                "token_types.weight",
                "bert.embeddings.token_type_embeddings.weight",
                Nothing,
            ),
        ] {
            assert_eq!(
                found(architecture, own),
                Some((theirs.to_owned(), done)),
                "{own}"
            );
        }
        for name in [
            "blk.0.ffn_gate_exps.weight",
            "blk.x.attn_q.weight",
            "blk.0.attn_q.scale",
            "blk",
            "cls.weight",
        ] {
            assert_eq!(found("llama", name), None, "{name}");
        }
    }
}
