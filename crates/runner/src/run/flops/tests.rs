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

fn stepping(steps: &[(usize, usize)]) -> Passes<'_> {
    Passes {
        steps,
        encoded: &[],
    }
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
        stepping(&steps),
        Read {
            lengths: &texts,
            cached: true,
        },
        &footprint,
    )
    .unwrap();
    let uncached = of_training(
        &SHAPE,
        stepping(&steps),
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
    assert_eq!(
        of_training(&SHAPE, stepping(&[]), read, &features),
        Some(expected)
    );
    assert_eq!(
        of_training(&SHAPE, stepping(&[]), read, &Footprint::default()),
        None
    );
}

#[test]
fn texts_that_an_output_layer_is_fitted_to_cost_a_forward_pass_of_what_is_not_cached() {
    let footprint = Footprint {
        acts_from: Some(Depth::Block(3)),
        trains_backbone_weights: true,
        ..Footprint::default()
    };
    let read = |cached| Read {
        lengths: &[5; 8],
        cached,
    };
    let of = |encoded: &[(usize, usize)], cached| {
        let passes = Passes {
            encoded,
            ..stepping(&[(20, 4); 10])
        };
        of_training(&SHAPE, passes, read(cached), &footprint).unwrap()
    };
    let twice = [(40, 8); 2];
    assert_eq!(
        of(&twice, true) - of(&[], true),
        16.0 * forward_flops(&SHAPE, 3..4, 5, 5)
    );
    assert_eq!(of(&twice, false) - of(&[], false), 16.0 * whole(5));
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
        of_training(&SHAPE, stepping(&[(12, 2)]), read, &footprint).unwrap()
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
