//! What a transformer looks like: every difference between BERT, DistilBERT, RoBERTa, GPT-2 and Llama, as data.

use crate::hooks::Proj;
use ops::Activation;

/// The family a checkpoint belongs to; decides the names in its files, and nothing in the arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// Devlin et al. 2019, <https://arxiv.org/abs/1810.04805>.
    Bert,
    /// Sanh et al. 2019, <https://arxiv.org/abs/1910.01108>.
    DistilBert,
    /// Liu et al. 2019, <https://arxiv.org/abs/1907.11692>; XLM-RoBERTa and CamemBERT are read as RoBERTa.
    Roberta,
    /// Radford et al. 2019.
    Gpt2,
    /// Touvron et al. 2023, <https://arxiv.org/abs/2302.13971>, with the grouped-query attention of Llama 2 and 3.
    Llama,
}

impl Architecture {
    /// The name as `config.json` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::Bert => "bert",
            Architecture::DistilBert => "distilbert",
            Architecture::Roberta => "roberta",
            Architecture::Gpt2 => "gpt2",
            Architecture::Llama => "llama",
        }
    }
}

/// Sizes and switches of one backbone. `Backbone` is built from it and from nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Family of the checkpoint.
    pub architecture: Architecture,
    /// Rows of the word embedding.
    pub vocab: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Number of blocks.
    pub layers: usize,
    /// Attention heads of the queries.
    pub heads: usize,
    /// Attention heads of the keys and values; fewer than `heads` in grouped-query attention.
    pub kv_heads: usize,
    /// Width of one head; `heads * head_dim` need not equal `hidden`.
    pub head_dim: usize,
    /// Width of the feed-forward's inner activation.
    pub intermediate: usize,
    /// Longest text in tokens, special tokens included, that the positions allow.
    pub max_length: usize,
    /// Rows of the token-type embedding; 0 where there is none.
    pub token_types: usize,
    /// A token sees only itself and what stands before it.
    pub causal: bool,
    /// How a token knows where it stands.
    pub positions: Positions,
    /// Which normalisation.
    pub norm: NormKind,
    /// Where the normalisation stands in a block.
    pub norm_order: NormOrder,
    /// Added to the variance under the root.
    pub norm_epsilon: f64,
    /// Activation of the feed-forward.
    pub activation: Activation,
    /// Gated feed-forward, `down(act(gate(x)) * up(x))`, rather than `down(act(up(x)))`.
    pub gated: bool,
    /// Whether the attention's linear maps have a bias.
    pub attention_bias: bool,
    /// Whether the feed-forward's linear maps have a bias.
    pub feed_forward_bias: bool,
    /// Extra division of the attention scores by `layer + 1` (GPT-2's `scale_attn_by_inverse_layer_idx`).
    pub scale_by_inverse_layer: bool,
    /// Division of the attention scores by the root of `head_dim`; GPT-2's `scale_attn_weights` can switch it off.
    pub scale_scores: bool,
    /// Dropout rate of the attention probabilities in pretraining, from config.json.
    pub attention_dropout: f64,
    /// Dropout rate of the hidden states in pretraining, from config.json.
    pub hidden_dropout: f64,
    /// Standard deviation of freshly drawn weights, from config.json.
    pub initializer_range: f64,
    /// Id of the padding token, where config.json names one.
    pub pad_id: Option<u32>,
    /// The language head's output matrix is the word embedding.
    pub tied_embeddings: bool,
}

impl Shape {
    /// Width of all query heads together.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Width of all key (or value) heads together.
    pub fn key_value_width(&self) -> usize {
        self.kv_heads * self.head_dim
    }

    /// Widths `[d_in, d_out]` of a linear map.
    pub fn map_widths(&self, site: Proj) -> [usize; 2] {
        match site {
            Proj::Query => [self.hidden, self.query_width()],
            Proj::Key | Proj::Value => [self.hidden, self.key_value_width()],
            Proj::Out => [self.query_width(), self.hidden],
            Proj::Gate | Proj::Up => [self.hidden, self.intermediate],
            Proj::Down => [self.intermediate, self.hidden],
        }
    }

    /// Whether dropout runs on the attention's output: everywhere but in DistilBERT, whose reference code leaves it out.
    pub fn drops_attention_output(&self) -> bool {
        self.architecture != Architecture::DistilBert
    }

    /// The row of the position table for padding, which is also the id of padding: RoBERTa's tables begin with it.
    pub(crate) fn padding_row(&self) -> Option<usize> {
        match self.positions {
            Positions::Learned { offset, .. } => offset.checked_sub(1),
            Positions::Rotary { .. } => None,
        }
    }

    /// What the attention scores of block `layer` are multiplied by.
    pub fn attention_scale(&self, layer: usize) -> f64 {
        let mut scale = 1.0;
        if self.scale_scores {
            scale /= (self.head_dim as f64).sqrt();
        }
        if self.scale_by_inverse_layer {
            scale /= (layer + 1) as f64;
        }
        scale
    }
}

/// How a token knows where it stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Positions {
    /// A table of `rows` vectors; position 0 of a text is row `offset` (RoBERTa: padding id + 1).
    Learned {
        /// Rows of the table.
        rows: usize,
        /// Row of a text's first token.
        offset: usize,
    },
    /// Rotation of queries and keys, Su et al. 2021, <https://arxiv.org/abs/2104.09864>.
    Rotary {
        /// Angle per position of each pair of a head's dimensions, `head_dim / 2` values.
        inverse_frequencies: Vec<f64>,
    },
}

/// Which normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// Mean and variance, with gain and bias.
    Layer,
    /// Root mean square, with gain only.
    Rms,
}

/// Where the normalisation stands in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormOrder {
    /// `norm(x + sublayer(x))`: BERT and its kin; the embeddings are normalised, the output needs no final norm.
    Post,
    /// `x + sublayer(norm(x))`: GPT-2 and Llama, with one norm after the last block.
    Pre,
}
