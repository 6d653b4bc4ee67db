//! What was trained, as data: from this a checkpoint for another program is written, whatever method it came from.

use crate::{Head, HeadPolicy};
use burn::tensor::Tensor;
use transformer::{At, Backbone, KeyValue, Proj};

/// An adapted model in parts that other programs know.
pub struct Portable {
    /// What the method changed.
    pub change: Change,
    /// The backbone that was trained on, with the weights that trained in place. PiSSA takes its start out of it; what is
    /// inserted is not folded in.
    pub backbone: Backbone,
    /// The trained head.
    pub head: Head,
    /// Whose head that is.
    pub head_policy: HeadPolicy,
    /// Names of the classes, in the order of the logits.
    pub classes: Vec<String>,
}

/// What a method changed.
#[expect(
    clippy::large_enum_variant,
    reason = "one is made an export; its tensors are handles"
)]
pub enum Change {
    /// y = xW + s(xA)B at some maps, with W that of the pretrained model.
    LowRank {
        /// One correction a map.
        maps: Vec<LowRankMap>,
        /// What every correction is multiplied with, s.
        scale: f64,
        /// The scale is meant as α/√r rather than α/r.
        rank_stabilized: bool,
    },
    /// The input or the output of some maps multiplied by vectors.
    Rescaled(Vec<RescaledMap>),
    /// y = xW + ((xA ⊙ d)B) ⊙ b with A and B shared by all maps, of which narrower ones use the first rows and columns.
    SharedProjection {
        /// `[d_in, r]` of the widest map.
        a: Tensor<2>,
        /// `[r, d_out]` of the widest map.
        b: Tensor<2>,
        /// Every map's own vectors.
        maps: Vec<ProjectedMap>,
    },
    /// All norms of the backbone trained in place.
    Norms,
    /// Vectors in front of the text, `[p, hidden]`.
    Prompt {
        /// As they stand there; where a network computed them, its result.
        vectors: Tensor<2>,
        /// The network that computed them, if one did.
        network: Option<PromptNetwork>,
    },
    /// Keys and values in front of every layer's own, `[1, p, h_kv]`; keys of rotary models as attention reads them.
    Prefix {
        /// By layer.
        layers: Vec<KeyValue>,
        /// Inner width of the network that computed them, if one did.
        network_width: Option<usize>,
    },
}

/// A correction of low rank.
pub struct LowRankMap {
    /// Which map.
    pub at: At<Proj>,
    /// `[d_in, r]`
    pub a: Tensor<2>,
    /// `[r, d_out]`
    pub b: Tensor<2>,
    /// `[d_out]`: the length that each column of W + sAB is brought to (DoRA).
    pub magnitude: Option<Tensor<1>>,
}

/// A vector at a map.
pub struct RescaledMap {
    /// Which map.
    pub at: At<Proj>,
    /// As wide as the map's input or output.
    pub factor: Tensor<1>,
    /// Whether it stands before the map.
    pub scales_input: bool,
}

/// A map's vectors between shared matrices.
pub struct ProjectedMap {
    /// Which map.
    pub at: At<Proj>,
    /// `[r]`
    pub d: Tensor<1>,
    /// `[d_out]`
    pub b: Tensor<1>,
}

/// What computed a prompt.
pub struct PromptNetwork {
    /// Whether it reads the vectors in turn (LSTM) or each alone.
    pub recurrent: bool,
    /// Its inner width.
    pub width: usize,
}
