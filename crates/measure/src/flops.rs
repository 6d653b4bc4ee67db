//! Floating-point operations of a transformer, counted from its matrix products.
//!
//! A product of a x b and b x c numbers counts 2·a·b·c (a multiply and an add each). Over `layers` blocks and T tokens in sequences of length L
//! with query width Q (heads x head size), key and value width K, hidden size H and feed-forward size M:
//!
//! - maps of a block: 2·T·(H·Q + 2·H·K + Q·H + g·H·M), with g = 2 (in, out) or 3 (gated: gate, up, down);
//! - attention of a block: 4·T·L·Q (scores and weighted sum; a causal mask is not discounted, as kernels compute the square).
//!
//! This is "C_forward" of Kaplan et al. 2020, "Scaling laws for neural language models", Table 1, with one difference: the table
//! counts 2·L·d a token and layer for attention ("mask"), the scores only; here the sum over values counts too. Norms,
//! activations, softmax and embedding look-ups are left out, as there.
//!
//! Backward, a map costs one product for the gradient of its input and one more for the gradient of its weight where that trains;
//! attention costs twice its forward, since both operands are activations. Below the deepest trainable block nothing is computed.

/// The plain numbers that decide a transformer's operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlopShape {
    /// Blocks.
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
}

/// What trains, from below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trainable {
    /// Blocks below this one hold nothing trainable; `layers` if none does.
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
}

/// Operations of one forward pass over `tokens` tokens in sequences of `length`, the output layers excluded.
pub fn forward_flops(shape: &FlopShape, tokens: u64, length: u64) -> f64 {
    shape.layers as f64 * (maps_flops(shape, tokens) + attention_flops(shape, tokens, length))
}

/// Operations of the backward pass that belongs to it.
pub fn backward_flops(shape: &FlopShape, tokens: u64, length: u64, trainable: &Trainable) -> f64 {
    let blocks = shape.layers.saturating_sub(trainable.from_layer) as f64;
    let products = if trainable.weights { 2.0 } else { 1.0 }; // dx, and dW where it trains
    let added = 4.0 * tokens as f64 * trainable.added_per_token as f64; // dx and dW
    blocks * (products * maps_flops(shape, tokens) + 2.0 * attention_flops(shape, tokens, length))
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
    let run = FlopShape {
        layers: shape.layers.saturating_sub(cached_layers),
        ..*shape
    };
    let added = 2.0 * tokens as f64 * trainable.added_per_token as f64;
    forward_flops(&run, tokens, length) + added + backward_flops(shape, tokens, length, trainable)
}

fn maps_flops(shape: &FlopShape, tokens: u64) -> f64 {
    2.0 * tokens as f64 * shape.block_weights() as f64
}

fn attention_flops(shape: &FlopShape, tokens: u64, length: u64) -> f64 {
    4.0 * tokens as f64 * length as f64 * shape.query_width as f64
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
    };

    #[test]
    fn bert_base_forward_is_twice_its_block_weights_and_the_attention() {
        // 12 x 7,077,888 weights of maps = 84,934,656 (Kaplan's N = 12·layers·H²), 128 tokens.
        assert_eq!(
            BERT_BASE.layers * BERT_BASE.block_weights(),
            12 * 12 * 768 * 768
        );
        let expected = 2.0 * 128.0 * 84_934_656.0 + 12.0 * 4.0 * 128.0 * 128.0 * 768.0;
        assert_eq!(forward_flops(&BERT_BASE, 128, 128), expected);
    }

    #[test]
    fn training_everything_costs_three_forwards() {
        let all = Trainable {
            from_layer: 0,
            weights: true,
            added_per_token: 0,
        };
        let forward = forward_flops(&BERT_BASE, 640, 40);
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
}
