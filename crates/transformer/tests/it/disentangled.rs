//! Attention with vectors of distances (DeBERTa) inside of a backbone: padding, hooks, prefixes, and which vectors learn.

use burn::tensor::{Device, Int, Tensor, TensorData};
use transformer::{
    Architecture, At, Backbone, Batch, Hooks, KeyValue, Linear, Pass, Proj, ScoreBias, Shape,
};

use crate::fixtures::*;

/// Distances up to 4 apart, in buckets up to 29, of texts with up to 40 tokens.
const BUCKETED: ScoreBias = ScoreBias::Disentangled {
    span: 8,
    buckets: Some(8),
    farthest: 30,
    content_to_position: true,
    position_to_content: true,
    norm: true,
};

const PLAIN: ScoreBias = ScoreBias::Disentangled {
    span: 6,
    buckets: None,
    farthest: 6,
    content_to_position: true,
    position_to_content: true,
    norm: false,
};

fn shape(score_bias: ScoreBias) -> Shape {
    let bert = pretrained("bert").shape;
    Shape {
        architecture: Architecture::DebertaV2,
        positions: None,
        token_types: 0,
        score_scale: 1.0 / (3.0 * bert.head_dim as f64).sqrt(),
        score_bias,
        initializer_range: 0.3,
        ..bert
    }
}

/// Texts of these lengths, padded to `length` at the end, or at the beginning.
fn batch_of(lengths: &[usize], length: usize, left: bool, device: &Device) -> Batch {
    let (mut ids, mut mask) = (Vec::new(), Vec::new());
    for (row, &tokens) in lengths.iter().enumerate() {
        let padding = length - tokens;
        for at in 0..length {
            let token = if left {
                at.checked_sub(padding)
            } else {
                Some(at).filter(|at| *at < tokens)
            };
            ids.push(token.map_or(0, |at| (3 + (at * at + 5 * row) % 17) as i64));
            mask.push(f32::from(token.is_some()));
        }
    }
    let dims = [lengths.len(), length];
    Batch {
        ids: Tensor::<2, Int>::from_data(TensorData::new(ids, dims), device),
        types: None,
        mask: Tensor::from_data(TensorData::new(mask, dims), device),
    }
}

fn states(backbone: &Backbone, batch: &Batch, hooks: &dyn Hooks) -> Vec<f32> {
    let out = backbone.forward(batch, &Pass::with(hooks));
    real_rows(out.x, batch.mask.clone())
}

#[test]
fn padding_on_either_side_changes_nothing() {
    for bias in [BUCKETED, PLAIN] {
        let backbone = Backbone::random(&shape(bias), 3, &device());
        let lengths = [5, 37, 1];
        let alone: Vec<f32> = (0..3)
            .flat_map(|row| {
                let whole = batch_of(&lengths, 37, false, &device());
                let tokens = lengths[row];
                let cut = Batch {
                    ids: whole.ids.slice([row..row + 1, 0..tokens]),
                    types: None,
                    mask: whole.mask.slice([row..row + 1, 0..tokens]),
                };
                states(&backbone, &cut, &transformer::Unhooked)
            })
            .collect();
        for (length, left) in [(37, false), (37, true), (40, true), (40, false)] {
            let batch = batch_of(&lengths, length, left, &device());
            let padded = states(&backbone, &batch, &transformer::Unhooked);
            let what = format!("{bias:?} to {length}, left: {left}");
            assert_close(&padded, &alone, 1e-5, &what);
        }
    }
}

#[test]
fn the_order_of_words_matters() {
    let backbone = Backbone::random(&shape(BUCKETED), 3, &device());
    let run = |ids: [i64; 4]| {
        let batch = Batch {
            ids: Tensor::from_data(TensorData::new(ids.to_vec(), [1, 4]), &device()),
            types: None,
            mask: Tensor::ones([1, 4], &device()),
        };
        states(&backbone, &batch, &transformer::Unhooked)[..48].to_vec()
    };
    assert_close(&run([5, 6, 7, 8]), &run([5, 6, 7, 8]), 1e-9, "the same");
    let (a, b) = (run([5, 6, 7, 8]), run([5, 8, 7, 6]));
    let moved = a.iter().zip(&b).any(|(a, b)| (a - b).abs() > 1e-3);
    assert!(moved, "the first word does not tell 6 7 8 from 8 7 6");
}

/// What a method that changes a map does: all that goes through the map of one site is multiplied.
struct Louder(Proj);

impl Hooks for Louder {
    fn project(&self, at: At<Proj>, x: &Tensor<3>, map: &Linear) -> Tensor<3> {
        let y = map.apply(x);
        if at.site == self.0 { y * 1.5 } else { y }
    }
}

#[test]
fn what_acts_on_queries_and_keys_acts_on_those_of_distances_too() {
    let plain = Backbone::random(&shape(BUCKETED), 3, &device());
    let batch = batch_of(&[9, 4], 9, false, &device());
    for site in [Proj::Query, Proj::Key] {
        let mut folded = plain.clone();
        for block in &mut folded.blocks {
            let map = block.map_mut(site).unwrap();
            map.weight = map.weight.clone().map(|weight| weight * 1.5);
            map.bias = map.bias.clone().map(|bias| bias.map(|bias| bias * 1.5));
        }
        let hooked = states(&plain, &batch, &Louder(site));
        let expected = states(&folded, &batch, &transformer::Unhooked);
        assert_close(&hooked, &expected, 1e-5, &format!("{site:?}"));
    }
}

/// Keys and values in front of every block's own, in this order.
struct Prefix(Vec<i64>);

impl Hooks for Prefix {
    fn prefix(&self, layer: usize) -> Option<KeyValue> {
        let width = 48;
        let part = |factor: f32| {
            let numbers = self.0.iter().flat_map(|&token| {
                (0..width)
                    .map(move |at| (factor * (token + 1) as f32 + at as f32 + layer as f32).sin())
            });
            let dims = [1, self.0.len(), width];
            Tensor::from_data(
                TensorData::new(numbers.collect::<Vec<_>>(), dims),
                &device(),
            )
        };
        Some(KeyValue {
            key: part(0.7),
            value: part(1.3),
        })
    }
}

#[test]
fn a_prefix_is_seen_by_all_and_has_no_distance() {
    let backbone = Backbone::random(&shape(BUCKETED), 3, &device());
    let batch = batch_of(&[9, 4], 9, false, &device());
    let run = |order: &[i64]| states(&backbone, &batch, &Prefix(order.to_vec()));
    let found = run(&[0, 1, 2]);
    assert_close(&run(&[2, 0, 1]), &found, 1e-5, "another order");
    let without = states(&backbone, &batch, &transformer::Unhooked);
    let seen = found
        .iter()
        .zip(&without)
        .any(|(a, b)| (a - b).abs() > 1e-3);
    assert!(seen, "the prefix changes nothing");
}

#[test]
fn only_vectors_of_distances_that_occur_learn() {
    let device = device().autodiff();
    let backbone = Backbone::random(&shape(PLAIN), 3, &device);
    let batch = batch_of(&[5, 3], 5, false, &device);
    let out = backbone.forward(&batch, &Pass::plain());
    let weights = Tensor::<3>::from_data(
        TensorData::new(
            (0..2 * 5 * 48)
                .map(|at| (at as f32).sin())
                .collect::<Vec<_>>(),
            [2, 5, 48],
        ),
        &device,
    );
    let gradients = (out.x * weights * batch.mask.unsqueeze_dim::<3>(2))
        .sum()
        .backward();
    let table = backbone.distances.as_ref().unwrap().table.weight.val();
    let learns: Vec<bool> = values(table.grad(&gradients).unwrap())
        .chunks(48)
        .map(|row| row.iter().any(|g| *g != 0.0))
        .collect();
    // Row 6 is the distance 0; five tokens are up to four apart.
    let expected: Vec<bool> = (0..12).map(|row: i32| (row - 6).abs() <= 4).collect();
    assert_eq!(learns, expected);
}
