//! What a transformer looks like: every difference between the families that are read, as data.

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
    /// Clark et al. 2020, <https://arxiv.org/abs/2003.10555>.
    Electra,
    /// Song et al. 2020, <https://arxiv.org/abs/2004.09297>.
    Mpnet,
    /// Lan et al. 2020, <https://arxiv.org/abs/1909.11942>.
    Albert,
    /// He et al. 2021, <https://arxiv.org/abs/2111.09543>.
    DebertaV2,
    /// Warner et al. 2024, <https://arxiv.org/abs/2412.13663>.
    ModernBert,
    /// Weller et al. 2025, <https://arxiv.org/abs/2507.11412>: ModernBERT, causal, with queries, keys and values apart.
    ModernBertDecoder,
    /// Boizard et al. 2025, <https://arxiv.org/abs/2503.05500>: Llama that sees both ways.
    EuroBert,
    /// GTE v1.5 (`new`). Zhang et al. 2024, <https://arxiv.org/abs/2407.19669>.
    GteNew,
    /// Nussbaum et al. 2024, <https://arxiv.org/abs/2402.01613>.
    NomicBert,
    /// Radford et al. 2019.
    Gpt2,
    /// Black et al. 2022, <https://arxiv.org/abs/2204.06745>; Pythia.
    GptNeoX,
    /// Zhang et al. 2022, <https://arxiv.org/abs/2205.01068>.
    Opt,
    /// Touvron et al. 2023, <https://arxiv.org/abs/2302.13971>, with the grouped-query attention of Llama 2 and 3.
    Llama,
    /// Jiang et al. 2023, <https://arxiv.org/abs/2310.06825>.
    Mistral,
    /// Yang et al. 2024, <https://arxiv.org/abs/2407.10671>; Qwen 2.5 too.
    Qwen2,
    /// Yang et al. 2025, <https://arxiv.org/abs/2505.09388>.
    Qwen3,
    /// Abdin et al. 2024, <https://arxiv.org/abs/2404.14219>.
    Phi3,
    /// OLMo et al. 2024, <https://arxiv.org/abs/2501.00656>.
    Olmo2,
    /// Bakouch et al. 2025.
    SmolLm3,
    /// Gemma Team 2024, <https://arxiv.org/abs/2408.00118>.
    Gemma2,
    /// Gemma Team 2025, <https://arxiv.org/abs/2503.19786>; EmbeddingGemma too.
    Gemma3,
}

impl Architecture {
    /// The name as `config.json` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::Bert => "bert",
            Architecture::DistilBert => "distilbert",
            Architecture::Roberta => "roberta",
            Architecture::Electra => "electra",
            Architecture::Mpnet => "mpnet",
            Architecture::Albert => "albert",
            Architecture::DebertaV2 => "deberta-v2",
            Architecture::ModernBert => "modernbert",
            Architecture::ModernBertDecoder => "modernbert-decoder",
            Architecture::EuroBert => "eurobert",
            Architecture::GteNew => "new",
            Architecture::NomicBert => "nomic_bert",
            Architecture::Gpt2 => "gpt2",
            Architecture::GptNeoX => "gpt_neox",
            Architecture::Opt => "opt",
            Architecture::Llama => "llama",
            Architecture::Mistral => "mistral",
            Architecture::Qwen2 => "qwen2",
            Architecture::Qwen3 => "qwen3",
            Architecture::Phi3 => "phi3",
            Architecture::Olmo2 => "olmo2",
            Architecture::SmolLm3 => "smollm3",
            Architecture::Gemma2 => "gemma2",
            Architecture::Gemma3 => "gemma3_text",
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
    /// Width of the embeddings; those of another width than `hidden` need a projection.
    pub embedding: usize,
    /// A linear map with a bias lies between the embeddings and the residual stream (ELECTRA where the widths differ, ALBERT always).
    pub embedding_projection: bool,
    /// Factor on the word embeddings (Gemma: √hidden).
    pub embedding_scale: Option<f64>,
    /// Whether the embeddings are normalised, before any projection.
    pub embedding_norm: bool,
    /// Number of blocks that a token goes through.
    pub layers: usize,
    /// What each of them sees and how it rotates, `layers` entries.
    pub kinds: Vec<LayerKind>,
    /// Number of blocks that have weights of their own: fewer than `layers` where they are shared (ALBERT), see [`Shape::block_of`].
    pub blocks: usize,
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
    /// The table of positions, where positions are learned.
    pub positions: Option<LearnedPositions>,
    /// The rotations that [`LayerKind::rotation`] names: none, one for all blocks, or one for each kind.
    pub rotations: Vec<Rotation>,
    /// What is added to the attention scores by the distance of two tokens.
    pub score_bias: ScoreBias,
    /// Normalisation of queries and keys, before the rotation.
    pub query_key_norm: QueryKeyNorm,
    /// Factor on the attention scores of block 0, usually 1 / √head_dim.
    pub score_scale: f64,
    /// Extra division of the attention scores by `layer + 1` (GPT-2's `scale_attn_by_inverse_layer_idx`).
    pub scale_by_inverse_layer: bool,
    /// Scores s become `cap · tanh(s / cap)` (Gemma 2).
    pub score_cap: Option<f64>,
    /// Logits of the language head become `cap · tanh(logits / cap)` (Gemma 2).
    pub logit_cap: Option<f64>,
    /// Which normalisation.
    pub norm: NormKind,
    /// Where the normalisation stands in a block.
    pub norm_order: NormOrder,
    /// Block 0 has no norm before its attention, since the embeddings are normalised (ModernBERT).
    pub skips_first_norm: bool,
    /// Attention and feed-forward both read the block's input, and both are added to it (GPT-NeoX).
    pub parallel: bool,
    /// Whether a norm stands after the last block.
    pub final_norm: bool,
    /// Added to the variance under the root.
    pub norm_epsilon: f64,
    /// Activation of the feed-forward.
    pub activation: Activation,
    /// Gated feed-forward, `down(act(gate(x)) * up(x))`, rather than `down(act(up(x)))`.
    pub gated: bool,
    /// Whether the maps to queries, keys and values have a bias.
    pub query_key_value_bias: bool,
    /// Whether the attention's output map has a bias.
    pub attention_out_bias: bool,
    /// Whether the feed-forward's first maps (gate and up) have a bias.
    pub feed_forward_up_bias: bool,
    /// Whether the feed-forward's last map has a bias.
    pub feed_forward_down_bias: bool,
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
    /// What config.json says of the classification head.
    pub classifier: ClassifierSettings,
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

    /// Whether a linear map has a bias.
    pub fn map_bias(&self, site: Proj) -> bool {
        match site {
            Proj::Query | Proj::Key | Proj::Value => self.query_key_value_bias,
            Proj::Out => self.attention_out_bias,
            Proj::Gate | Proj::Up => self.feed_forward_up_bias,
            Proj::Down => self.feed_forward_down_bias,
        }
    }

    /// The block whose weights layer `layer` uses: itself, unless weights are shared; ALBERT's groups are runs of equal length.
    pub fn block_of(&self, layer: usize) -> usize {
        layer * self.blocks / self.layers
    }

    /// Whether layers share weights: then a change of one block acts from the first layer that uses it.
    pub fn shares_blocks(&self) -> bool {
        self.blocks < self.layers
    }

    /// Whether dropout runs on the attention's output: everywhere but in DistilBERT, whose reference code leaves it out.
    pub fn drops_attention_output(&self) -> bool {
        self.architecture != Architecture::DistilBert
    }

    /// The row of the position table for padding, which is also the id of padding: RoBERTa's tables begin with it, and MPNet's.
    pub(crate) fn padding_row(&self) -> Option<usize> {
        let positions = self.positions.as_ref()?;
        positions.counts_words.then(|| positions.offset - 1)
    }

    /// What the attention scores of block `layer` are multiplied by.
    pub fn attention_scale(&self, layer: usize) -> f64 {
        if self.scale_by_inverse_layer {
            self.score_scale / (layer + 1) as f64
        } else {
            self.score_scale
        }
    }
}

/// What config.json says of `transformers`' classification head (`...ForSequenceClassification`); what else the head is made of is known by family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassifierSettings {
    /// Activation of the map below the output layer, where the family lets config.json name it.
    pub activation: Option<Activation>,
    /// `classifier_bias`: whether ModernBERT's maps have a bias that others always have.
    pub bias: bool,
    /// `classifier_pooling`.
    pub pooling: ClassifierPooling,
}

/// What an encoder's classification head reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClassifierPooling {
    /// The first token.
    #[default]
    First,
    /// The mean of the tokens.
    Mean,
    /// Every token by itself: the logits' mean is taken (EuroBERT).
    Late,
}

/// What one layer's attention sees, and how it turns queries and keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerKind {
    /// The farthest token that is seen: `|i - j| <= reach`; `None` sees all.
    pub reach: Option<usize>,
    /// Which of [`Shape::rotations`]; `None` does not rotate.
    pub rotation: Option<usize>,
}

/// A table of learned positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearnedPositions {
    /// Rows of the table.
    pub rows: usize,
    /// Row of a text's first token (RoBERTa: padding id + 1; OPT: 2).
    pub offset: usize,
    /// Positions are counted over the ids other than padding, as RoBERTa and MPNet do, rather than over the mask.
    pub counts_words: bool,
}

/// Rotation of queries and keys, Su et al. 2021, <https://arxiv.org/abs/2104.09864>.
#[derive(Clone, Debug, PartialEq)]
pub struct Rotation {
    /// Angle per position of each pair of dimensions. Pairs cover the first `2 * len` dimensions of a head; the others are not rotated.
    pub inverse_frequencies: Vec<f64>,
    /// The angles of texts longer than this are those of [`long`](Rotation::long) (Phi-3's longrope).
    pub long: Option<LongRotation>,
    /// Factor on cosines and sines (longrope's and yarn's attention factor); 1 elsewhere.
    pub factor: f64,
}

/// Other angles for long texts: every token of a batch longer than `beyond` positions is turned by them.
#[derive(Clone, Debug, PartialEq)]
pub struct LongRotation {
    /// The longest text with the short angles.
    pub beyond: usize,
    /// Angle per position of each pair of dimensions.
    pub inverse_frequencies: Vec<f64>,
}

/// What is added to attention scores by the distance of two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScoreBias {
    /// Nothing.
    None,
    /// One learned number a head for each bucket of distances, one table for all layers: T5's buckets, seeing both ways. Half of the buckets
    /// are for keys after the query; of each half the first half holds one distance each, the rest grows logarithmically to `farthest`.
    /// Raffel et al. 2020, §2.1; `MPNetEncoder.relative_position_bucket`.
    Buckets {
        /// How many, an even number.
        buckets: usize,
        /// From this distance on, all fall into the last bucket.
        farthest: usize,
    },
    /// Content-to-position and position-to-content products with vectors of log-bucketed distances, projected by each layer's own
    /// query and key maps. He et al. 2021 (DeBERTa), <https://arxiv.org/abs/2006.03654>, eq. 4.
    Disentangled {
        /// Rows of the table of distances are `2 * span`.
        span: usize,
        /// `position_buckets`; `None`: distances are not bucketed.
        buckets: Option<usize>,
        /// The farthest distance that is told apart, `max_relative_positions`.
        farthest: usize,
        /// Whether content queries meet position keys (`c2p`).
        content_to_position: bool,
        /// Whether position queries meet content keys (`p2c`).
        position_to_content: bool,
        /// Whether the table is normalised (`norm_rel_ebd`).
        norm: bool,
    },
}

/// Normalisation of queries and keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryKeyNorm {
    /// None.
    None,
    /// Over each head's width, one gain `[head_dim]` for all heads (Qwen 3, Gemma 3).
    Head,
    /// Over all heads together, gain `[heads * head_dim]` (OLMo 2).
    Full,
}

/// Which normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormKind {
    /// Mean and variance, with gain and bias.
    Layer,
    /// Mean and variance, with gain only.
    LayerWithoutBias,
    /// Root mean square, with gain only.
    Rms,
}

/// Where the normalisation stands in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NormOrder {
    /// `norm(x + sublayer(x))`: BERT and its kin.
    Post,
    /// `x + sublayer(norm(x))`: GPT-2 and Llama.
    Pre,
    /// `x + norm(sublayer(x))`: OLMo 2.
    Output,
    /// `x + norm(sublayer(norm(x)))`: Gemma 2 and 3.
    Both,
}

impl NormOrder {
    /// Whether a sub-layer's `norm` stands before its maps or after its residual add; OLMo 2 has neither.
    pub fn has_norm(self) -> bool {
        self != NormOrder::Output
    }

    /// Whether a sub-layer's result is normalised before the residual add: its `output_norm`.
    pub fn has_output_norm(self) -> bool {
        matches!(self, NormOrder::Output | NormOrder::Both)
    }
}
