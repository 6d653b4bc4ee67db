//! Closed forms of a transformer's parameter counts, from its shape alone.

use transformer::{NormKind, NormOrder, Positions, Shape};

/// Words, positions, token types and, in post-norm models, the norm above them.
pub fn embedding_params(shape: &Shape) -> u64 {
    let positions = match shape.positions {
        Positions::Learned { rows, .. } => rows,
        Positions::Rotary { .. } => 0,
    };
    let norm = if shape.norm_order == NormOrder::Post {
        norm_params(shape)
    } else {
        0
    };
    ((shape.vocab + positions + shape.token_types) * shape.hidden) as u64 + norm
}

/// One block: four attention maps, two or three feed-forward maps, two norms.
pub fn block_params(shape: &Shape) -> u64 {
    let (h, f, q, kv) = (
        shape.hidden,
        shape.intermediate,
        shape.query_width(),
        shape.key_value_width(),
    );
    let attention = h * q
        + 2 * h * kv
        + q * h
        + if shape.attention_bias {
            q + 2 * kv + h
        } else {
            0
        };
    let ups = if shape.gated { 2 } else { 1 };
    let feed_forward = (ups + 1) * h * f
        + if shape.feed_forward_bias {
            ups * f + h
        } else {
            0
        };
    (attention + feed_forward) as u64 + 2 * norm_params(shape)
}

/// The norm after the last block, in pre-norm models.
pub fn final_norm_params(shape: &Shape) -> u64 {
    if shape.norm_order == NormOrder::Pre {
        norm_params(shape)
    } else {
        0
    }
}

fn norm_params(shape: &Shape) -> u64 {
    match shape.norm {
        NormKind::Layer => 2 * shape.hidden as u64,
        NormKind::Rms => shape.hidden as u64,
    }
}
