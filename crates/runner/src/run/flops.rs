//! Operations of a trial, by formula: what was computed is known from the plan's depth, the steps' tokens and the test texts' lengths.

use adapt::{Footprint, PairEncoding};
use measure::flops::{Distances, FlopShape, Trainable, forward_flops, step_flops};
use task::Example;
use transformer::{Depth, ScoreBias, Shape, Tokenizer};

/// A model's sizes as the formula needs them.
pub fn flop_shape(shape: &Shape) -> FlopShape {
    FlopShape {
        layers: shape.layers as u64,
        hidden: shape.hidden as u64,
        query_width: shape.query_width() as u64,
        key_value_width: shape.key_value_width() as u64,
        intermediate: shape.intermediate as u64,
        gated: shape.gated,
        windows: shape
            .kinds
            .iter()
            .map(|kind| window(shape, kind.reach))
            .collect(),
        distances: match shape.score_bias {
            ScoreBias::None | ScoreBias::Buckets { .. } => None,
            ScoreBias::Disentangled {
                span,
                content_to_position,
                position_to_content,
                ..
            } => Some(Distances {
                span: span as u64,
                products: u64::from(content_to_position) + u64::from(position_to_content),
            }),
        },
        projected_embedding: shape.embedding_projection.then_some(shape.embedding as u64),
    }
}

/// Most keys that a query sees within this reach: itself, and so many on one side or on both.
fn window(shape: &Shape, reach: Option<usize>) -> Option<u64> {
    let sides = if shape.causal { 1 } else { 2 };
    reach.map(|reach| (sides * reach + 1) as u64)
}

/// Tokens of each sequence, cut at `max_length`: one an example, or two where the texts of a pair run apart; nothing where the tokenizer
/// refuses one.
pub(crate) fn lengths(
    examples: &[Example],
    tokenizer: &Tokenizer,
    max_length: usize,
    pairs: PairEncoding,
) -> Option<Vec<usize>> {
    let examples = examples
        .iter()
        .map(|e| (e.text.as_str(), e.second.as_deref()));
    let texts: Vec<(&str, Option<&str>)> = match pairs {
        PairEncoding::Joint => examples.collect(),
        PairEncoding::Apart => examples
            .flat_map(|(first, second)| [Some(first), second])
            .flatten()
            .map(|text| (text, None))
            .collect(),
    };
    let encoded = tokenizer.encode(&texts, max_length).ok()?;
    Some(encoded.iter().map(|text| text.ids.len()).collect())
}

/// Tokens of each sequence that a fit read.
pub(crate) fn lengths_of_fit(
    examples: &[Example],
    tokenizer: &Tokenizer,
    max_length: usize,
    footprint: &Footprint,
) -> Option<Vec<usize>> {
    let of = |pairs| lengths(examples, tokenizer, max_length, pairs);
    if footprint.pairs_tried_both {
        Some([of(PairEncoding::Joint)?, of(PairEncoding::Apart)?].concat())
    } else {
        of(footprint.pairs)
    }
}

/// Operations of one prediction, averaged over `examples` whose sequences have these lengths.
pub(crate) fn per_prediction(
    shape: &FlopShape,
    lengths: &[usize],
    examples: usize,
    footprint: &Footprint,
) -> Option<f64> {
    let extra = footprint.extra_tokens.round() as u64;
    let keys = footprint.extra_keys.round() as u64;
    let added = 2.0 * footprint.added_per_token as f64;
    let all: f64 = lengths
        .iter()
        .map(|&length| length as u64 + extra)
        .map(|length| {
            forward_flops(shape, 0..shape.layers, length, length + keys) + added * length as f64
        })
        .sum();
    (examples > 0).then(|| all / examples as f64)
}

/// The texts a fit read, and whether what lies below the trained part was computed once for each of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read<'a> {
    /// Tokens of each text of the training and validation splits.
    pub(crate) lengths: &'a [usize],
    pub(crate) cached: bool,
}

/// What a fit computed, each pass as its tokens and its texts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passes<'a> {
    /// Optimisation steps.
    pub(crate) steps: &'a [(usize, usize)],
    /// Passes over the training texts without a gradient, for an output layer that is fitted to them.
    pub(crate) encoded: &'a [(usize, usize)],
}

/// Operations of the optimisation steps, of encoding for an output layer and of filling the frozen-prefix cache; of one forward pass over the texts where a method takes
/// no steps and works on features. Validation is not training and does not count beyond the cache.
pub(crate) fn of_training(
    shape: &FlopShape,
    passes: Passes<'_>,
    read: Read<'_>,
    footprint: &Footprint,
) -> Option<f64> {
    let depth = footprint.acts_from?;
    let from_layer = match depth {
        Depth::Embeddings => 0,
        Depth::Block(block) => block as u64,
        Depth::Head => shape.layers,
    };
    let forward = |layers, length| forward_flops(shape, 0..layers, length, length);
    let extra = footprint.extra_tokens.round() as u64;
    let keys = footprint.extra_keys.round() as u64;
    let filling = |layers, extra| {
        read.lengths
            .iter()
            .map(|&length| forward(layers, length as u64 + extra))
            .sum::<f64>()
    };
    if passes.steps.is_empty() {
        return (depth == Depth::Head).then(|| filling(shape.layers, extra));
    }
    let weights = footprint.trains_backbone_weights;
    let trainable = Trainable {
        from_layer,
        weights,
        added_per_token: footprint.added_per_token,
    };
    let cached_layers = if read.cached { from_layer } else { 0 };
    let all_tokens = |&(tokens, samples): &(usize, usize)| {
        let tokens = tokens as u64 + extra * samples as u64;
        (tokens, tokens / (samples as u64).max(1) + keys)
    };
    let of_step = |pass| {
        let (tokens, length) = all_tokens(pass);
        step_flops(shape, tokens, length, &trainable, cached_layers)
    };
    let of_encoding = |pass| {
        let (tokens, length) = all_tokens(pass);
        forward_flops(shape, cached_layers..shape.layers, tokens, length)
            + 2.0 * (footprint.added_per_token * tokens) as f64
    };
    let stepping: f64 = passes.steps.iter().map(of_step).sum();
    let encoding: f64 = passes.encoded.iter().map(of_encoding).sum();
    Some(stepping + encoding + filling(cached_layers, 0))
}

#[cfg(test)]
mod tests;
