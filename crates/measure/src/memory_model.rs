//! Peak memory of a trial's training before it runs, by the same arithmetic as the crates `ops`, `transformer` and `adapt` do it.
//!
//! A step is gone through with buffers that have a size and no values: forwards, where each operation keeps what its backward pass needs, and
//! backwards, where gradients come and what was kept goes; then clipping and AdamW. The peak is read off. So the parts need no formula of
//! their own: attention keeps queries, keys, values and two numbers a row and head (the probabilities are computed again), a norm its
//! normalised input, an activation its input, a linear map its input where its weight trains and the input cannot be computed again, dropout
//! nothing but a seed; and below the first trained computation nothing is kept.
//!
//! Resident memory is more than the heap: the allocator keeps freed pages for the next step.

mod block;
mod forward;
mod maker;
mod ops;
mod recompute;
mod resident;
mod tape;
mod training;
mod weights;

use crate::flops::FlopShape;
use resident::Runs;

pub use resident::Holding;
pub use training::{Texts, Training, texts_only, training, without_model};

/// The plain numbers that decide a model's memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelShape {
    /// Layers and widths.
    pub flops: FlopShape,
    /// Blocks with weights of their own, which layers may share.
    pub blocks: u64,
    /// Query heads.
    pub heads: u64,
    /// Rows of the word embedding.
    pub vocabulary: u64,
    /// Width of the embeddings.
    pub embedding: u64,
    /// Whether the embeddings are multiplied by a number.
    pub scales_embedding: bool,
    /// Whether a norm stands above the embeddings.
    pub has_embedding_norm: bool,
    /// Rows of the position table; 0 where there is none.
    pub position_rows: u64,
    /// Numbers of a rotation that a position takes; 0 where nothing is rotated.
    pub angles: u64,
    /// Rows of the token-type table.
    pub token_types: u64,
    /// The table of distances.
    pub distances: Option<DistanceTable>,
    /// Where a block's norms stand.
    pub norms: NormPlaces,
    /// The first block has no norm before its attention.
    pub skips_first_norm: bool,
    /// Attention and feed-forward both read the block's input.
    pub is_parallel: bool,
    /// Whether a norm stands after the last block.
    pub has_final_norm: bool,
    /// Whether norms have a bias.
    pub norm_has_bias: bool,
    /// Widths of the norms of queries and of keys, where there are.
    pub query_key_norms: Option<[u64; 2]>,
    /// Maps with a bias.
    pub biased: Vec<MapSite>,
    /// Whether dropout runs on the attention's output.
    pub drops_attention_output: bool,
}

/// A table of distances that all layers share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DistanceTable {
    /// Rows.
    pub rows: u64,
    /// Numbers of a row: one a head, or the hidden size.
    pub width: u64,
    /// Whether it is normalised.
    pub has_norm: bool,
}

/// Where a block's norms stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormPlaces {
    /// After the residual add.
    Post,
    /// Before the sub-layer.
    Pre,
    /// After the sub-layer, before the residual add.
    Output,
    /// Before and after the sub-layer.
    Both,
}

impl NormPlaces {
    fn has_norm(self) -> bool {
        self != Self::Output
    }

    fn has_output_norm(self) -> bool {
        matches!(self, Self::Output | Self::Both)
    }
}

impl ModelShape {
    /// The block that layer `layer` uses.
    fn block_of(&self, layer: u64) -> usize {
        (layer * self.blocks / self.flops.layers.max(1)) as usize
    }

    fn widths(&self, site: MapSite) -> [u64; 2] {
        let shape = &self.flops;
        let (h, q, kv, m) = (
            shape.hidden,
            shape.query_width,
            shape.key_value_width,
            shape.intermediate,
        );
        match site {
            MapSite::Query => [h, q],
            MapSite::Key | MapSite::Value => [h, kv],
            MapSite::Out => [q, h],
            MapSite::Gate | MapSite::Up => [h, m],
            MapSite::Down => [m, h],
        }
    }
}

/// The linear maps of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in the transformer's `Proj`")]
pub enum MapSite {
    Query,
    Key,
    Value,
    Out,
    Gate,
    Up,
    Down,
}

impl MapSite {
    /// All of them, in the order they run.
    pub const ALL: [Self; 7] = [
        Self::Query,
        Self::Key,
        Self::Value,
        Self::Out,
        Self::Gate,
        Self::Up,
        Self::Down,
    ];

    /// Its place in a block, as parameters are named.
    fn path(self) -> &'static str {
        match self {
            Self::Query => "attention.query",
            Self::Key => "attention.key",
            Self::Value => "attention.value",
            Self::Out => "attention.out",
            Self::Gate => "feed_forward.gate",
            Self::Up => "feed_forward.up",
            Self::Down => "feed_forward.down",
        }
    }
}

/// What a method computes beside a linear map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtMap {
    /// Two trained matrices of this rank, in one operation with the map.
    LowRank {
        /// Columns of the first.
        rank: u64,
        /// Whether the outputs are brought to trained magnitudes.
        magnitude: bool,
    },
    /// A trained vector on the map's output.
    ScaledOutput,
    /// A trained vector on the map's input.
    ScaledInput,
    /// Two random matrices that all maps share, with a trained vector after each.
    ScaledRandom {
        /// Columns of the first.
        rank: u64,
    },
}

/// A small network at a hidden state: down, activation, up, and a sum with what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bottleneck {
    /// Width in between.
    pub width: u64,
    /// Whether it reads what the sub-layer read, rather than what it gave.
    pub reads_block_input: bool,
    /// Whether its result is multiplied by a number.
    pub is_scaled: bool,
}

/// What a method inserts, the same in every block from `from_block` on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inserted {
    /// First block with something in it.
    pub from_block: u64,
    /// Beside linear maps.
    pub at_maps: Vec<(MapSite, AtMap)>,
    /// At the attention's output.
    pub after_attention: Option<Bottleneck>,
    /// At the feed-forward's output.
    pub after_feed_forward: Option<Bottleneck>,
    /// Trained keys and values in front of every block's own.
    pub prefix_tokens: u64,
    /// Trained vectors in front of the text.
    pub prompt_tokens: u64,
    /// Parameters of networks that compute what stands in front.
    pub network_params: u64,
}

/// The classification head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadShape {
    /// Classes.
    pub classes: u64,
    /// Whether the output layer has a bias.
    pub has_bias: bool,
    /// The map of the hidden width below it.
    pub inner: Option<HeadInner>,
}

/// The map below the output layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadInner {
    /// Whether it has a bias.
    pub has_bias: bool,
    /// Vectors of the norm behind it; 0 where there is none.
    pub norm_vectors: u64,
}

/// From where on something trains or is inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From the embeddings on.
    Embeddings,
    /// From this block on.
    Block(u64),
    /// In the head alone.
    Head,
}

/// What all passes of a training have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PassShape {
    /// From where on something trains.
    pub from: Start,
    /// Whether the states below are computed once and kept.
    pub is_cached: bool,
    /// Whether hidden states are dropped from there on.
    pub drops_hidden: bool,
    /// Whether the head reads the mean of all tokens, rather than one.
    pub pools_mean: bool,
    /// Whether the map below the output layer runs on every token.
    pub pools_late: bool,
    /// Whether tokens are of several types: pairs of texts.
    pub has_types: bool,
    /// Threads.
    pub workers: u64,
}

impl PassShape {
    fn drops_from(&self, layer: u64) -> bool {
        let from = match self.from {
            Start::Embeddings => 0,
            Start::Block(block) => block,
            Start::Head => u64::MAX,
        };
        self.drops_hidden && layer >= from
    }
}

/// A rectangular batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchShape {
    /// Texts.
    pub rows: u64,
    /// Tokens of the longest.
    pub length: u64,
}

impl BatchShape {
    /// Tokens, padding included.
    pub fn tokens(&self) -> u64 {
        self.rows * self.length
    }
}

/// What memory is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Weights,
    Gradients,
    Optimizer,
    Activations,
    Cache,
    Snapshot,
    Rest,
}

impl Part {
    const ALL: [Self; 7] = [
        Self::Weights,
        Self::Gradients,
        Self::Optimizer,
        Self::Activations,
        Self::Cache,
        Self::Snapshot,
        Self::Rest,
    ];
}

#[cfg(test)]
mod tests;
