//! How many parameters a backbone of a given shape has, in closed form: maps, tables and norms by where they stand.

use crate::head::vectors;
use std::ops::Add;
use transformer::{NormKind, Proj, QueryKeyNorm, ScoreBias, Shape};

/// Parameters of a part of a backbone, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Tables, and weights of linear maps.
    pub weights: u64,
    /// Biases of linear maps.
    pub biases: u64,
    /// Gains of norms.
    pub gains: u64,
    /// Biases of norms.
    pub norm_biases: u64,
}

impl Count {
    /// All of them.
    pub fn all(self) -> u64 {
        self.weights + self.all_biases() + self.gains
    }

    /// Those whose name ends in `bias`.
    pub fn all_biases(self) -> u64 {
        self.biases + self.norm_biases
    }

    /// Those of norms.
    pub fn of_norms(self) -> u64 {
        self.gains + self.norm_biases
    }

    fn table(rows: usize, width: usize) -> Self {
        Self {
            weights: (rows * width) as u64,
            ..Self::default()
        }
    }

    fn map([d_in, d_out]: [usize; 2], bias: bool) -> Self {
        Self {
            weights: (d_in * d_out) as u64,
            biases: if bias { d_out as u64 } else { 0 },
            ..Self::default()
        }
    }

    /// `times` norms of this width.
    fn norms(kind: NormKind, width: usize, times: usize) -> Self {
        let gains = (times * width) as u64;
        Self {
            gains,
            norm_biases: gains * (vectors(kind) as u64 - 1),
            ..Self::default()
        }
    }
}

impl Add for Count {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            weights: self.weights + other.weights,
            biases: self.biases + other.biases,
            gains: self.gains + other.gains,
            norm_biases: self.norm_biases + other.norm_biases,
        }
    }
}

impl std::iter::Sum for Count {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// Words, positions, token types, their norm and projection.
pub fn embeddings(shape: &Shape) -> Count {
    let positions = shape.positions.map_or(0, |positions| positions.rows);
    let rows = shape.vocab + positions + shape.token_types;
    let norms = usize::from(shape.embedding_norm);
    let mut count =
        Count::table(rows, shape.embedding) + Count::norms(shape.norm, shape.embedding, norms);
    if shape.embedding_projection {
        count = count + Count::map([shape.embedding, shape.hidden], true);
    }
    count
}

/// The table of distances that all blocks share, and its norm.
pub fn distances(shape: &Shape) -> Count {
    match shape.score_bias {
        ScoreBias::None => Count::default(),
        ScoreBias::Buckets { buckets, .. } => Count::table(buckets, shape.heads),
        ScoreBias::Disentangled { span, norm, .. } => {
            Count::table(2 * span, shape.hidden)
                + Count::norms(shape.norm, shape.hidden, usize::from(norm))
        }
    }
}

/// Block `index` of those that have weights of their own: its linear maps and norms.
pub fn block(shape: &Shape, index: usize) -> Count {
    let maps = Proj::ALL
        .into_iter()
        .filter(|site| *site != Proj::Gate || shape.gated)
        .map(|site| Count::map(shape.map_widths(site), shape.map_bias(site)));
    let order = shape.norm_order;
    let skipped = usize::from(index == 0 && shape.skips_first_norm);
    let norms =
        2 * usize::from(order.has_norm()) + 2 * usize::from(order.has_output_norm()) - skipped;
    let query_key = match shape.query_key_norm {
        QueryKeyNorm::None => 0,
        QueryKeyNorm::Head => 2 * shape.head_dim,
        QueryKeyNorm::Full => shape.query_width() + shape.key_value_width(),
    };
    maps.sum::<Count>()
        + Count::norms(shape.norm, shape.hidden, norms)
        + Count::norms(shape.norm, query_key, 1)
}

/// The blocks from `first` on.
pub fn blocks_from(shape: &Shape, first: usize) -> Count {
    (first..shape.blocks).map(|index| block(shape, index)).sum()
}

/// The norm after the last block, where there is one.
pub fn final_norm(shape: &Shape) -> Count {
    Count::norms(shape.norm, shape.hidden, usize::from(shape.final_norm))
}

/// All of a backbone.
pub fn backbone(shape: &Shape) -> Count {
    embeddings(shape) + distances(shape) + blocks_from(shape, 0) + final_norm(shape)
}
