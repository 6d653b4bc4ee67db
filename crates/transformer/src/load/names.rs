//! How the parameters of a [`Backbone`](crate::Backbone) are called in a checkpoint, for each family.

mod maps;

use std::ops::Range;

use super::family::Family;
use crate::hooks::Proj;
use crate::shape::{Architecture, NormKind, QueryKeyNorm, ScoreBias, Shape};
use maps::{path, storage};

/// One parameter: its path in our modules, and where it stands in a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterName {
    /// Path in the module tree, as `ParamGroup` matches it: `blocks.0.attention.query.weight`.
    pub path: String,
    /// Name in the checkpoint, without a prefix such as `bert.`.
    pub tensor: String,
    /// Dimensions of our parameter.
    pub dims: Vec<usize>,
    /// How the checkpoint's tensor relates to it.
    pub storage: Storage,
    /// Added to the stored numbers: 1 for the gains of Gemma's norms, which are stored less 1; elsewhere 0.
    pub offset: f32,
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
    /// These rows (or elements) of a taller `nn.Linear`, `[of, d_in]`: several maps in one.
    Rows {
        /// Which ones.
        range: Range<usize>,
        /// Of how many.
        of: usize,
    },
    /// One of several maps in an `nn.Linear` whose rows are `[heads, parts, head_dim]`: GPT-NeoX keeps each head's query, key and value
    /// together.
    PerHead {
        /// Which of the parts.
        part: usize,
        /// How many there are.
        parts: usize,
        /// Heads of each.
        heads: usize,
        /// Rows of each head.
        head_dim: usize,
    },
}

impl ParameterName {
    /// Dimensions of the tensor in the checkpoint.
    pub fn stored_dims(&self) -> Vec<usize> {
        let tall = |rows: usize| {
            let columns = self.dims.iter().rev().skip(1).copied(); // Of a bias there are none.
            std::iter::once(rows).chain(columns).collect()
        };
        match &self.storage {
            Storage::Same => self.dims.clone(),
            Storage::Transposed => self.dims.iter().rev().copied().collect(),
            Storage::Columns { of, .. } => {
                let (_, rows) = self.dims.split_last().expect("parameters have dimensions");
                rows.iter().copied().chain([*of]).collect()
            }
            Storage::Rows { of, .. } => tall(*of),
            Storage::PerHead {
                parts,
                heads,
                head_dim,
                ..
            } => tall(heads * parts * head_dim),
        }
    }
}

/// The prefixes under which the backbone stands in files that also hold a head; the empty one comes last.
pub(crate) fn prefixes(architecture: Architecture) -> &'static [&'static str] {
    Family::of(architecture).prefixes
}

/// The word embeddings' name, without a prefix.
pub(crate) fn words(architecture: Architecture) -> String {
    format!(
        "{}.weight",
        Family::of(architecture).name("embeddings.word")
    )
}

/// Every parameter of a backbone of this shape, a block at a time: how many blocks config.json asks for is not believed until their
/// tensors are found.
pub(crate) fn backbone(shape: &Shape) -> impl Iterator<Item = ParameterName> {
    let blocks = (0..shape.blocks).flat_map(|number| block(shape, number));
    embeddings(shape)
        .into_iter()
        .chain(distances(shape))
        .chain(blocks)
        .chain(final_norm(shape))
}

fn embeddings(shape: &Shape) -> Vec<ParameterName> {
    let mut list = List::of(shape);
    let width = shape.embedding;
    list.table("embeddings.word", [shape.vocab, width]);
    if let Some(positions) = &shape.positions {
        list.table("embeddings.position", [positions.rows, width]);
    }
    if shape.token_types > 0 {
        list.table("embeddings.token_type", [shape.token_types, width]);
    }
    if shape.embedding_norm {
        list.norm("embeddings.norm", width);
    }
    if shape.embedding_projection {
        list.linear("embeddings.projection", [width, shape.hidden]);
    }
    list.names
}

fn distances(shape: &Shape) -> Vec<ParameterName> {
    let mut list = List::of(shape);
    match shape.score_bias {
        ScoreBias::None => {}
        ScoreBias::Buckets { buckets, .. } => {
            list.table("distances.table", [buckets, shape.heads]);
        }
        ScoreBias::Disentangled { span, norm, .. } => {
            list.table("distances.table", [2 * span, shape.hidden]);
            if norm {
                list.norm("distances.norm", shape.hidden);
            }
        }
    }
    list.names
}

fn final_norm(shape: &Shape) -> Vec<ParameterName> {
    let mut list = List::of(shape);
    if shape.final_norm {
        list.norm("final_norm", shape.hidden);
    }
    list.names
}

fn block(shape: &Shape, number: usize) -> Vec<ParameterName> {
    let mut list = List::of(shape);
    list.block = Some(number);
    let order = shape.norm_order;
    for site in [Proj::Query, Proj::Key, Proj::Value, Proj::Out] {
        list.map(site);
    }
    let widths = match shape.query_key_norm {
        QueryKeyNorm::None => None,
        QueryKeyNorm::Head => Some([shape.head_dim; 2]),
        QueryKeyNorm::Full => Some([shape.query_width(), shape.key_value_width()]),
    };
    if let Some([query, key]) = widths {
        list.norm("attention.query_norm", query);
        list.norm("attention.key_norm", key);
    }
    if order.has_norm() && !(shape.skips_first_norm && number == 0) {
        list.norm("attention.norm", shape.hidden);
    }
    if order.has_output_norm() {
        list.norm("attention.output_norm", shape.hidden);
    }
    if shape.gated {
        list.map(Proj::Gate);
    }
    list.map(Proj::Up);
    list.map(Proj::Down);
    if order.has_norm() {
        list.norm("feed_forward.norm", shape.hidden);
    }
    if order.has_output_norm() {
        list.norm("feed_forward.output_norm", shape.hidden);
    }
    list.names
}

/// Collects the names of a part of the backbone.
struct List<'a> {
    shape: &'a Shape,
    family: &'static Family,
    /// The block that is listed, where it is one.
    block: Option<usize>,
    names: Vec<ParameterName>,
}

impl<'a> List<'a> {
    fn of(shape: &'a Shape) -> List<'a> {
        List {
            shape,
            family: Family::of(shape.architecture),
            block: None,
            names: Vec::new(),
        }
    }

    fn push(&mut self, part: &str, kind: &str, dims: &[usize], storage: Storage, offset: f32) {
        let name = self.family.name(part);
        let (path, tensor) = match self.block {
            Some(number) => (
                format!("blocks.{number}.{part}.{kind}"),
                name.replace('#', &number.to_string()),
            ),
            None => (format!("{part}.{kind}"), name.to_owned()),
        };
        self.names.push(ParameterName {
            path,
            tensor: format!("{tensor}.{kind}"),
            dims: dims.to_vec(),
            storage,
            offset,
        });
    }

    fn table(&mut self, part: &str, dims: [usize; 2]) {
        self.push(part, "weight", &dims, Storage::Same, 0.0);
    }

    fn linear(&mut self, part: &str, dims: [usize; 2]) {
        self.push(part, "weight", &dims, Storage::Transposed, 0.0);
        self.push(part, "bias", &dims[1..], Storage::Same, 0.0);
    }

    fn map(&mut self, site: Proj) {
        let dims = self.shape.map_widths(site);
        let storage = storage(self.shape, self.family, site);
        let bias_storage = match &storage {
            Storage::Transposed => Storage::Same,
            other => other.clone(),
        };
        self.push(path(site), "weight", &dims, storage, 0.0);
        if self.shape.map_bias(site) {
            self.push(path(site), "bias", &dims[1..], bias_storage, 0.0);
        }
    }

    fn norm(&mut self, part: &str, width: usize) {
        let offset = self.family.gain_offset;
        self.push(part, "weight", &[width], Storage::Same, offset);
        if self.shape.norm == NormKind::Layer {
            self.push(part, "bias", &[width], Storage::Same, 0.0);
        }
    }
}

#[cfg(test)]
mod tests;
