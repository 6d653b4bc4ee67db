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

/// Operations of the optimisation steps and of filling the frozen-prefix cache; of one forward pass over the texts where a method takes
/// no steps and works on features. Validation is not training and does not count beyond the cache.
pub(crate) fn of_training(
    shape: &FlopShape,
    steps: &[(usize, usize)],
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
    if steps.is_empty() {
        return (depth == Depth::Head).then(|| filling(shape.layers, extra));
    }
    let weights = footprint.trains_backbone_weights;
    let trainable = Trainable {
        from_layer,
        weights,
        added_per_token: footprint.added_per_token,
    };
    let cached_layers = if read.cached { from_layer } else { 0 };
    let stepping: f64 = steps
        .iter()
        .map(|&(tokens, samples)| {
            let tokens = tokens as u64 + extra * samples as u64;
            let length = tokens / (samples as u64).max(1) + keys;
            step_flops(shape, tokens, length, &trainable, cached_layers)
        })
        .sum();
    Some(stepping + filling(cached_layers, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::bundled;
    use burn::tensor::Device;

    const SHAPE: FlopShape = FlopShape {
        layers: 4,
        hidden: 8,
        query_width: 8,
        key_value_width: 8,
        intermediate: 16,
        gated: false,
        windows: Vec::new(),
        distances: None,
        projected_embedding: None,
    };

    /// A forward pass of a text alone.
    fn whole(length: u64) -> f64 {
        forward_flops(&SHAPE, 0..4, length, length)
    }

    #[test]
    fn a_window_reaches_one_way_in_a_causal_model_and_both_ways_in_others() {
        let tiny = bundled::models().find(|bundle| bundle.name == "tiny-bert");
        let dir = tiny.unwrap().unpack().unwrap();
        let mut shape = transformer::load_shape(&dir).unwrap();
        shape.kinds[1].reach = Some(3);
        let windows = |shape: &Shape| flop_shape(shape).windows;
        assert_eq!(windows(&shape)[..2], [None, Some(7)]);
        shape.causal = true;
        assert_eq!(windows(&shape)[..2], [None, Some(4)]);
        assert_eq!(windows(&shape).len(), shape.layers);
    }

    #[test]
    fn a_cached_prefix_is_paid_once_and_not_in_every_epoch() {
        let footprint = Footprint {
            acts_from: Some(Depth::Block(3)),
            trains_backbone_weights: true,
            ..Footprint::default()
        };
        let steps = [(20, 4); 10]; // five epochs of eight texts of five tokens
        let texts = [5; 8];
        let cached = of_training(
            &SHAPE,
            &steps,
            Read {
                lengths: &texts,
                cached: true,
            },
            &footprint,
        )
        .unwrap();
        let uncached = of_training(
            &SHAPE,
            &steps,
            Read {
                lengths: &texts,
                cached: false,
            },
            &footprint,
        )
        .unwrap();
        let forward = |layers| forward_flops(&SHAPE, 0..layers, 40, 5);
        assert_eq!(uncached - cached, 5.0 * forward(3) - forward(3));
        assert_eq!(cached, forward(3) + 5.0 * 3.0 * forward(1)); // the top block: forward, and twice that backward
    }

    #[test]
    fn features_cost_one_forward_pass_and_a_prompt_no_training() {
        let read = Read {
            lengths: &[5, 7],
            cached: false,
        };
        let features = Footprint {
            acts_from: Some(Depth::Head),
            ..Footprint::default()
        };
        let expected = whole(5) + whole(7);
        assert_eq!(of_training(&SHAPE, &[], read, &features), Some(expected));
        assert_eq!(of_training(&SHAPE, &[], read, &Footprint::default()), None);
    }

    #[test]
    fn extra_tokens_lengthen_every_prediction() {
        let plain = per_prediction(&SHAPE, &[5, 7], 2, &Footprint::default()).unwrap();
        let prompted = per_prediction(
            &SHAPE,
            &[5, 7],
            2,
            &Footprint {
                extra_tokens: 10.0,
                ..Footprint::default()
            },
        )
        .unwrap();
        assert_eq!(plain, (whole(5) + whole(7)) / 2.0);
        assert_eq!(prompted, (whole(15) + whole(17)) / 2.0);
        assert_eq!(per_prediction(&SHAPE, &[], 0, &Footprint::default()), None);
    }

    #[test]
    fn inserted_computation_costs_more_than_the_bare_model_and_merged_exactly_that() {
        let cost = |footprint: &Footprint| per_prediction(&SHAPE, &[5, 7], 2, footprint).unwrap();
        let bare = cost(&Footprint::default());
        let pairs = Footprint {
            added_params: 96,
            added_per_token: 96,
            ..Footprint::default()
        };
        assert_eq!(cost(&pairs) - bare, 2.0 * 96.0 * 6.0);
        let merged = Footprint {
            added_params: 0,
            added_per_token: 0,
            ..pairs.clone()
        };
        assert_eq!(cost(&merged), bare);
        // A prefix is seen by every token, and no map computes it.
        let prefix = Footprint {
            extra_keys: 10.0,
            ..Footprint::default()
        };
        assert_eq!(cost(&prefix) - bare, 4.0 * 4.0 * 6.0 * 10.0 * 8.0);
        let trained = |footprint: Footprint| {
            let read = Read {
                lengths: &[5, 7],
                cached: false,
            };
            let footprint = Footprint {
                acts_from: Some(Depth::Block(0)),
                ..footprint
            };
            of_training(&SHAPE, &[(12, 2)], read, &footprint).unwrap()
        };
        let bare = trained(Footprint::default());
        assert_eq!(trained(pairs) - bare, 6.0 * 96.0 * 12.0);
        assert!(trained(prefix) > bare);
    }

    #[test]
    fn pairs_encoded_apart_cost_two_passes_a_prediction_and_both_ways_where_both_were_tried() {
        let tiny = bundled::models().find(|bundle| bundle.name == "tiny-bert");
        let dir = tiny.unwrap().unpack().unwrap();
        let tokenizer = transformer::load(&dir, &Device::default())
            .unwrap()
            .tokenizer;
        let pair = |text: &str, second: &str| Example {
            row: 0,
            text: text.to_owned(),
            second: Some(second.to_owned()),
            label: 0,
        };
        let examples = [pair("a film", "good"), pair("x", "a long evening")];
        let joint = lengths(&examples, &tokenizer, 64, PairEncoding::Joint).unwrap();
        let apart = lengths(&examples, &tokenizer, 64, PairEncoding::Apart).unwrap();
        assert_eq!((joint.len(), apart.len()), (2, 4));
        let special = |texts: usize| texts + 1; // one in front, one behind each text
        let words = |lengths: &[usize], sequences: usize| -> usize {
            lengths.iter().sum::<usize>() - sequences * special(4 / sequences)
        };
        assert_eq!(words(&joint, 2), words(&apart, 4));
        let footprint = Footprint {
            pairs: PairEncoding::Apart,
            pairs_tried_both: true,
            ..Footprint::default()
        };
        let fit = lengths_of_fit(&examples, &tokenizer, 64, &footprint).unwrap();
        assert_eq!(fit, [joint, apart.clone()].concat());
        let expected = apart
            .iter()
            .map(|&length| whole(length as u64))
            .sum::<f64>()
            / 2.0;
        assert_eq!(
            per_prediction(&SHAPE, &apart, examples.len(), &footprint),
            Some(expected)
        );
    }
}
