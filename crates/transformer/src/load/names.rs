//! How the parameters of a [`Backbone`](crate::Backbone) are called in a checkpoint, for each family.

use std::ops::Range;

use super::family::{AttentionNames, Family};
use crate::shape::{Architecture, NormKind, Positions, Shape};

/// One parameter: its path in our modules, and where it stands in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterName {
    /// Path in the module tree, as `ParamGroup` matches it: `blocks.0.attention.query.weight`.
    pub path: String,
    /// Name in the checkpoint, without a prefix such as `bert.`.
    pub tensor: String,
    /// Dimensions of our parameter.
    pub dims: Vec<usize>,
    /// How the checkpoint's tensor relates to it.
    pub storage: Storage,
}

/// How a checkpoint stores a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Storage {
    /// As we do.
    Same,
    /// `[d_out, d_in]`, PyTorch's `nn.Linear`.
    Transposed,
    /// These columns (or elements) of a wider tensor: GPT-2 keeps queries, keys and values side by side.
    Columns {
        /// Which ones.
        range: Range<usize>,
        /// Of how many.
        of: usize,
    },
}

impl ParameterName {
    /// Dimensions of the tensor in the checkpoint.
    pub fn stored_dims(&self) -> Vec<usize> {
        match &self.storage {
            Storage::Same => self.dims.clone(),
            Storage::Transposed => self.dims.iter().rev().copied().collect(),
            Storage::Columns { of, .. } => {
                let (_, rows) = self.dims.split_last().expect("parameters have dimensions");
                rows.iter().copied().chain([*of]).collect()
            }
        }
    }
}

/// The prefixes under which the backbone stands in files that also hold a head; the empty one comes last.
pub(crate) fn prefixes(architecture: Architecture) -> &'static [&'static str] {
    match architecture {
        Architecture::Bert => &["bert.", "model.", ""],
        Architecture::DistilBert => &["distilbert.", "model.", ""],
        Architecture::Roberta => &["roberta.", "model.", ""],
        Architecture::Gpt2 => &["transformer.", "model.", ""],
        Architecture::Llama => &["model.", "transformer.", ""],
    }
}

/// The word embeddings' name, without a prefix.
pub(crate) fn words(architecture: Architecture) -> String {
    format!("{}.weight", Family::of(architecture).word)
}

/// Every parameter of a backbone of this shape, a block at a time: how many blocks config.json asks for is not believed until their
/// tensors are found.
pub(crate) fn backbone(shape: &Shape) -> impl Iterator<Item = ParameterName> {
    let blocks = (0..shape.layers).flat_map(|layer| block(shape, layer));
    embeddings(shape)
        .into_iter()
        .chain(blocks)
        .chain(final_norm(shape))
}

fn embeddings(shape: &Shape) -> Vec<ParameterName> {
    let family = Family::of(shape.architecture);
    let mut list = List::default();
    list.table("embeddings.word", family.word, [shape.vocab, shape.hidden]);
    if let Positions::Learned { rows, .. } = shape.positions {
        list.table("embeddings.position", family.position, [rows, shape.hidden]);
    }
    if shape.token_types > 0 {
        let dims = [shape.token_types, shape.hidden];
        list.table("embeddings.token_type", family.token_type, dims);
    }
    if let Some(norm) = family.embedding_norm {
        list.norm("embeddings.norm", norm, shape);
    }
    list.names
}

fn final_norm(shape: &Shape) -> Vec<ParameterName> {
    let mut list = List::default();
    if let Some(norm) = Family::of(shape.architecture).final_norm {
        list.norm("final_norm", norm, shape);
    }
    list.names
}

fn block(shape: &Shape, layer: usize) -> Vec<ParameterName> {
    let family = Family::of(shape.architecture);
    let mut list = List::default();
    let ours = |part: &str| format!("blocks.{layer}.{part}");
    let theirs = |part: &str| format!("{}.{layer}.{part}", family.blocks);
    let (hidden, inner) = (shape.hidden, shape.intermediate);
    let (q, kv) = (shape.query_width(), shape.key_value_width());
    let (bias, ff_bias) = (shape.attention_bias, shape.feed_forward_bias);

    match family.attention {
        AttentionNames::Apart { query, key, value } => {
            for (name, part, width) in [("query", query, q), ("key", key, kv), ("value", value, kv)]
            {
                let path = ours(&format!("attention.{name}"));
                list.linear(
                    &path,
                    &theirs(part),
                    [hidden, width],
                    bias,
                    Storage::Transposed,
                );
            }
        }
        AttentionNames::SideBySide { all } => {
            for (at, name) in ["query", "key", "value"].into_iter().enumerate() {
                let storage = Storage::Columns {
                    range: at * q..(at + 1) * q,
                    of: 3 * q,
                };
                let path = ours(&format!("attention.{name}"));
                list.linear(&path, &theirs(all), [hidden, q], bias, storage);
            }
        }
    }
    let map = || family.maps.clone();
    list.linear(
        &ours("attention.out"),
        &theirs(family.out),
        [q, hidden],
        bias,
        map(),
    );
    list.norm(
        &ours("attention.norm"),
        &theirs(family.attention_norm),
        shape,
    );
    if shape.gated {
        let gate = theirs(family.gate);
        list.linear(
            &ours("feed_forward.gate"),
            &gate,
            [hidden, inner],
            ff_bias,
            map(),
        );
    }
    list.linear(
        &ours("feed_forward.up"),
        &theirs(family.up),
        [hidden, inner],
        ff_bias,
        map(),
    );
    list.linear(
        &ours("feed_forward.down"),
        &theirs(family.down),
        [inner, hidden],
        ff_bias,
        map(),
    );
    list.norm(
        &ours("feed_forward.norm"),
        &theirs(family.feed_forward_norm),
        shape,
    );
    list.names
}

/// Collects names; also used for heads.
#[derive(Default)]
pub(crate) struct List {
    pub(crate) names: Vec<ParameterName>,
}

impl List {
    pub(crate) fn push(&mut self, path: String, tensor: String, dims: &[usize], storage: Storage) {
        self.names.push(ParameterName {
            path,
            tensor,
            dims: dims.to_vec(),
            storage,
        });
    }

    fn table(&mut self, path: &str, tensor: &str, dims: [usize; 2]) {
        let (path, tensor) = (format!("{path}.weight"), format!("{tensor}.weight"));
        self.push(path, tensor, &dims, Storage::Same);
    }

    pub(crate) fn linear(
        &mut self,
        path: &str,
        tensor: &str,
        dims: [usize; 2],
        bias: bool,
        storage: Storage,
    ) {
        let bias_storage = match &storage {
            Storage::Transposed => Storage::Same,
            other => other.clone(),
        };
        let name = (format!("{path}.weight"), format!("{tensor}.weight"));
        self.push(name.0, name.1, &dims, storage);
        if bias {
            let name = (format!("{path}.bias"), format!("{tensor}.bias"));
            self.push(name.0, name.1, &dims[1..], bias_storage);
        }
    }

    pub(crate) fn norm(&mut self, path: &str, tensor: &str, shape: &Shape) {
        let dims = [shape.hidden];
        let name = (format!("{path}.weight"), format!("{tensor}.weight"));
        self.push(name.0, name.1, &dims, Storage::Same);
        if shape.norm == NormKind::Layer {
            let name = (format!("{path}.bias"), format!("{tensor}.bias"));
            self.push(name.0, name.1, &dims, Storage::Same);
        }
    }
}
