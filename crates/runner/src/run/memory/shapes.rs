//! From a model's shape and what a method inserts to the numbers that the memory model reads.

use crate::run::flops::flop_shape;
use adapt::{BesideMap, Inserted, TrainingShape};
use measure::memory_model as model;
use measure::memory_model::{DistanceTable, MapSite, ModelShape, NormPlaces};
use transformer::{NormKind, NormOrder, Proj, QueryKeyNorm, ScoreBias, Shape};

pub(super) fn model_shape(shape: &Shape) -> ModelShape {
    let biased = Proj::ALL.into_iter().filter(|site| shape.map_bias(*site));
    let angles = shape.rotations.iter();
    ModelShape {
        flops: flop_shape(shape),
        blocks: shape.blocks as u64,
        heads: shape.heads as u64,
        vocabulary: shape.vocab as u64,
        embedding: shape.embedding as u64,
        scales_embedding: shape.embedding_scale.is_some(),
        has_embedding_norm: shape.embedding_norm,
        position_rows: shape.positions.map_or(0, |positions| positions.rows as u64),
        angles: angles
            .map(|rotation| 2 * rotation.inverse_frequencies.len() as u64)
            .sum(),
        token_types: shape.token_types as u64,
        distances: distance_table(shape),
        norms: match shape.norm_order {
            NormOrder::Post => NormPlaces::Post,
            NormOrder::Pre => NormPlaces::Pre,
            NormOrder::Output => NormPlaces::Output,
            NormOrder::Both => NormPlaces::Both,
        },
        skips_first_norm: shape.skips_first_norm,
        is_parallel: shape.parallel,
        has_final_norm: shape.final_norm,
        norm_has_bias: shape.norm == NormKind::Layer,
        query_key_norms: match shape.query_key_norm {
            QueryKeyNorm::None => None,
            QueryKeyNorm::Head => Some([shape.head_dim as u64; 2]),
            QueryKeyNorm::Full => {
                Some([shape.query_width(), shape.key_value_width()].map(|width| width as u64))
            }
        },
        biased: biased.map(map_site).collect(),
        drops_attention_output: shape.drops_attention_output(),
    }
}

fn distance_table(shape: &Shape) -> Option<DistanceTable> {
    let of = |rows: usize, width: usize, has_norm| DistanceTable {
        rows: rows as u64,
        width: width as u64,
        has_norm,
    };
    match shape.score_bias {
        ScoreBias::None => None,
        ScoreBias::Buckets { buckets, .. } => Some(of(buckets, shape.heads, false)),
        ScoreBias::Disentangled { span, norm, .. } => Some(of(2 * span, shape.hidden, norm)),
    }
}

pub(super) fn inserted(facts: &TrainingShape) -> model::Inserted {
    let Inserted {
        from_block,
        maps,
        after_attention,
        after_feed_forward,
        network_params,
    } = &facts.inserted;
    let narrow = |narrow: adapt::Narrow| model::Bottleneck {
        width: narrow.width as u64,
        reads_block_input: narrow.reads_block_input,
        is_scaled: narrow.is_scaled,
    };
    let in_front = facts.in_front;
    let tokens = in_front.tokens as u64;
    model::Inserted {
        from_block: *from_block as u64,
        at_maps: maps
            .iter()
            .map(|&(site, beside)| (map_site(site), at_map(beside)))
            .collect(),
        after_attention: after_attention.map(narrow),
        after_feed_forward: after_feed_forward.map(narrow),
        prefix_tokens: if in_front.replaces_ids { 0 } else { tokens },
        prompt_tokens: if in_front.replaces_ids { tokens } else { 0 },
        network_params: *network_params,
    }
}

fn map_site(site: Proj) -> MapSite {
    match site {
        Proj::Query => MapSite::Query,
        Proj::Key => MapSite::Key,
        Proj::Value => MapSite::Value,
        Proj::Out => MapSite::Out,
        Proj::Gate => MapSite::Gate,
        Proj::Up => MapSite::Up,
        Proj::Down => MapSite::Down,
    }
}

fn at_map(beside: BesideMap) -> model::AtMap {
    match beside {
        BesideMap::LowRank { rank, magnitude } => model::AtMap::LowRank {
            rank: rank as u64,
            magnitude,
        },
        BesideMap::ScaledOutput => model::AtMap::ScaledOutput,
        BesideMap::ScaledInput => model::AtMap::ScaledInput,
        BesideMap::ScaledRandom { rank } => model::AtMap::ScaledRandom { rank: rank as u64 },
    }
}
