//! Floating-point operations of a transformer, counted from its matrix products.
//!
//! A product of a x b and b x c numbers counts 2·a·b·c (a multiply and an add each). Over `layers` blocks and T tokens in sequences of length L
//! with query width Q (heads x head size), key and value width K, hidden size H and feed-forward size M:
//!
//! - maps of a block: 2·T·(H·Q + 2·H·K + Q·H + g·H·M), with g = 2 (in, out) or 3 (gated: gate, up, down);
//! - attention of a block: 4·T·min(L, W)·Q (scores and weighted sum), W the keys that a query sees at most: those of a window, else all (a
//!   causal mask is not discounted, as kernels compute the square);
//! - scores with R = min(2·span, 2·L - 1) vectors of distances (DeBERTa): 2·T·R·Q for each of their two products, and 2·R·H·Q for each of
//!   the two maps of a block that project them, once a batch;
//! - a projection of E wide embeddings: 2·T·E·H.
//!
//! This is "C_forward" of Kaplan et al. 2020, "Scaling laws for neural language models", Table 1, with one difference: the table
//! counts 2·L·d a token and layer for attention ("mask"), the scores only; here the sum over values counts too. Norms,
//! activations, softmax, rotations, soft caps, score biases by bucket and embedding look-ups are left out, as there.
//!
//! Backward, a map costs one product for the gradient of its input and one more for the gradient of its weight where that trains;
//! attention costs twice its forward, since both operands are activations. Below the deepest trainable block nothing is computed.

use std::ops::Range;

/// The plain numbers that decide a transformer's operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlopShape {
    /// Layers that a token goes through.
    pub layers: u64,
    /// Hidden size H.
    pub hidden: u64,
    /// Heads x head size, Q.
    pub query_width: u64,
    /// Key-value heads x head size, K; equals `query_width` without grouped queries.
    pub key_value_width: u64,
    /// Feed-forward size M.
    pub intermediate: u64,
    /// Whether the feed-forward part has a gate (three maps instead of two).
    pub gated: bool,
    /// Most keys that a query sees, by layer, W; layers beyond the list see all.
    pub windows: Vec<Option<u64>>,
    /// Products of queries or keys with vectors of distances.
    pub distances: Option<Distances>,
    /// Width of embeddings that are projected to the hidden size, E.
    pub projected_embedding: Option<u64>,
}

/// Attention scores from vectors of distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distances {
    /// Half the rows of their table.
    pub span: u64,
    /// How many products there are: of queries with distances, of distances with keys.
    pub products: u64,
}

/// What trains, from below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trainable {
    /// Layers below this one hold nothing trainable; `layers` if none does.
    pub from_layer: u64,
    /// Whether the maps' weights train from there on, or only what is added beside them.
    pub weights: bool,
    /// Weights of inserted computation (low-rank factors, adapters), each used once a token.
    pub added_per_token: u64,
}

impl FlopShape {
    /// Multiply-add weights of one block: each is used once a token.
    pub fn block_weights(&self) -> u64 {
        let maps = if self.gated { 3 } else { 2 };
        self.hidden * (2 * self.query_width + 2 * self.key_value_width)
            + maps * self.hidden * self.intermediate
    }

    /// Most keys that a query of this layer sees.
    pub(crate) fn window(&self, layer: u64) -> Option<u64> {
        self.windows.get(layer as usize).copied().flatten()
    }

    /// The maps of so many layers.
    fn maps(&self, layers: &Range<u64>, tokens: u64, length: u64) -> f64 {
        let of_layers = count(layers) * 2.0 * tokens as f64 * self.block_weights() as f64;
        let of_distances = self.distances.map_or(0.0, |distances| {
            let rows = distances.rows(length) * distances.products;
            count(layers) * 2.0 * (rows * self.hidden * self.query_width) as f64
        });
        of_layers + of_distances + self.projection(layers, tokens)
    }

    /// The projection between the embeddings and the lowest layer.
    fn projection(&self, layers: &Range<u64>, tokens: u64) -> f64 {
        let width = self.projected_embedding.filter(|_| layers.start == 0);
        2.0 * tokens as f64 * (width.unwrap_or(0) * self.hidden) as f64
    }

    /// The attention of so many layers.
    fn attention(&self, layers: &Range<u64>, tokens: u64, length: u64) -> f64 {
        let products = |keys: u64, times: u64| {
            2.0 * tokens as f64 * keys as f64 * self.query_width as f64 * times as f64
        };
        let of_layer = |layer: u64| {
            let window = self.window(layer);
            products(window.map_or(length, |window| window.min(length)), 2)
        };
        let of_distances = self.distances.map_or(0.0, |distances| {
            products(distances.rows(length), distances.products)
        });
        let of_layers: f64 = layers.clone().map(of_layer).sum();
        of_layers + count(layers) * of_distances
    }
}

impl Distances {
    /// Rows of the table that occur in a text of this length.
    fn rows(&self, length: u64) -> u64 {
        (2 * self.span).min((2 * length).saturating_sub(1))
    }
}

fn count(layers: &Range<u64>) -> f64 {
    layers.end.saturating_sub(layers.start) as f64
}

/// Operations of one forward pass of these layers over `tokens` tokens in sequences of `length`, the output layers excluded.
pub fn forward_flops(shape: &FlopShape, layers: Range<u64>, tokens: u64, length: u64) -> f64 {
    shape.maps(&layers, tokens, length) + shape.attention(&layers, tokens, length)
}

/// Operations of the backward pass that belongs to it.
pub fn backward_flops(shape: &FlopShape, tokens: u64, length: u64, trainable: &Trainable) -> f64 {
    let layers = trainable.from_layer..shape.layers;
    let products = if trainable.weights { 2.0 } else { 1.0 }; // dx, and dW where it trains
    let added = 4.0 * tokens as f64 * trainable.added_per_token as f64; // dx and dW
    let below = if trainable.weights {
        0.0
    } else {
        shape.projection(&layers, tokens) // No gradient goes below what trains beside the layers.
    };
    products * (shape.maps(&layers, tokens, length) - below)
        + 2.0 * shape.attention(&layers, tokens, length)
        + added
}

/// Operations of a training step on a frozen prefix that is computed (`cached_layers` = 0) or read from the cache.
pub fn step_flops(
    shape: &FlopShape,
    tokens: u64,
    length: u64,
    trainable: &Trainable,
    cached_layers: u64,
) -> f64 {
    let added = 2.0 * tokens as f64 * trainable.added_per_token as f64;
    forward_flops(shape, cached_layers..shape.layers, tokens, length)
        + added
        + backward_flops(shape, tokens, length, trainable)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BERT_BASE: FlopShape = FlopShape {
        layers: 12,
        hidden: 768,
        query_width: 768,
        key_value_width: 768,
        intermediate: 3072,
        gated: false,
        windows: Vec::new(),
        distances: None,
        projected_embedding: None,
    };

    #[test]
    fn bert_base_forward_is_twice_its_block_weights_and_the_attention() {
        // 12 x 7,077,888 weights of maps = 84,934,656 (Kaplan's N = 12·layers·H²), 128 tokens.
        assert_eq!(
            BERT_BASE.layers * BERT_BASE.block_weights(),
            12 * 12 * 768 * 768
        );
        let expected = 2.0 * 128.0 * 84_934_656.0 + 12.0 * 4.0 * 128.0 * 128.0 * 768.0;
        assert_eq!(forward_flops(&BERT_BASE, 0..12, 128, 128), expected);
    }

    #[test]
    fn training_everything_costs_three_forwards() {
        let all = Trainable {
            from_layer: 0,
            weights: true,
            added_per_token: 0,
        };
        let forward = forward_flops(&BERT_BASE, 0..12, 640, 40);
        assert_eq!(step_flops(&BERT_BASE, 640, 40, &all, 0), 3.0 * forward);
    }

    #[test]
    fn frozen_weights_save_one_product_and_a_cached_prefix_its_forward() {
        let grouped = FlopShape {
            layers: 5,
            hidden: 10,
            query_width: 12,
            key_value_width: 4,
            intermediate: 7,
            gated: true,
            ..BERT_BASE
        };
        // A block's maps by hand: q 10x12, k and v 10x4, o 12x10, three of 10x7.
        assert_eq!(grouped.block_weights(), 120 + 80 + 120 + 210);
        let maps = 2.0 * 6.0 * 530.0;
        let attention = 4.0 * 6.0 * 3.0 * 12.0;
        let added = Trainable {
            from_layer: 3,
            weights: false,
            added_per_token: 11,
        };
        assert_eq!(
            backward_flops(&grouped, 6, 3, &added),
            2.0 * (maps + 2.0 * attention) + 4.0 * 66.0
        );
        let step = step_flops(&grouped, 6, 3, &added, 3);
        assert_eq!(
            step,
            2.0 * (maps + attention) + 6.0 * 66.0 + 2.0 * (maps + 2.0 * attention)
        );
        let none = Trainable {
            from_layer: 5,
            weights: true,
            added_per_token: 0,
        };
        assert_eq!(backward_flops(&grouped, 6, 3, &none), 0.0);
    }

    #[test]
    fn a_window_discounts_attention_of_its_layers_and_of_texts_that_are_longer() {
        let windowed = FlopShape {
            windows: vec![None, Some(9), Some(9)],
            ..BERT_BASE
        };
        let saved = |layers: Range<u64>, length| {
            forward_flops(&BERT_BASE, layers.clone(), 640, length)
                - forward_flops(&windowed, layers, 640, length)
        };
        let of_layer = 4.0 * 640.0 * 768.0 * (40.0 - 9.0);
        assert_eq!(saved(0..12, 40), 2.0 * of_layer);
        assert_eq!(saved(0..2, 40), of_layer);
        assert_eq!(saved(3..12, 40), 0.0);
        assert_eq!(saved(0..12, 8), 0.0);
    }

    #[test]
    fn distances_are_multiplied_by_tokens_and_projected_once_a_batch() {
        let distances = Some(Distances {
            span: 8,
            products: 2,
        });
        let with = FlopShape {
            distances,
            ..BERT_BASE
        };
        let more = |length| {
            forward_flops(&with, 0..12, 640, length) - forward_flops(&BERT_BASE, 0..12, 640, length)
        };
        let of = |rows: f64| 12.0 * 2.0 * (2.0 * rows * 768.0 * 768.0 + 2.0 * 640.0 * rows * 768.0);
        assert_eq!(more(40), of(16.0));
        assert_eq!(more(5), of(9.0));
    }

    #[test]
    fn a_projection_of_embeddings_counts_below_the_first_layer_and_backwards_where_it_trains() {
        let with = FlopShape {
            projected_embedding: Some(128),
            ..BERT_BASE
        };
        let projection = 2.0 * 640.0 * 128.0 * 768.0;
        let more = |layers: Range<u64>| {
            forward_flops(&with, layers.clone(), 640, 40)
                - forward_flops(&BERT_BASE, layers, 640, 40)
        };
        assert_eq!([more(0..12), more(1..12)], [projection, 0.0]);
        let backward = |weights, from_layer| {
            let trainable = Trainable {
                from_layer,
                weights,
                added_per_token: 7,
            };
            backward_flops(&with, 640, 40, &trainable)
                - backward_flops(&BERT_BASE, 640, 40, &trainable)
        };
        assert_eq!(backward(true, 0), 2.0 * projection);
        assert_eq!([backward(false, 0), backward(true, 1)], [0.0, 0.0]);
    }
}
