//! What the blocks of one forward pass share: masks, rotations and biases are computed once for all layers.

use std::cell::OnceCell;

use burn::tensor::{Int, Tensor};

use crate::backbone::{Backbone, Pass};
use crate::disentangled::DistanceVectors;
use crate::distances::Buckets;
use crate::dropout::{Depth, Place};
use crate::hooks::{Embedded, Hooks, KeyValue};
use crate::past::{Past, SideBySide};
use crate::shape::{Rotation, ScoreBias, Shape};

/// A pass on its way through the layers.
pub(crate) struct BlockContext<'a> {
    /// The layer that runs.
    pub(crate) layer: usize,
    /// The block that computes it.
    pub(crate) block: usize,
    pub(crate) pass: &'a Pass<'a>,
    /// T5's bias, `[heads, p + t + t - 1]`, where the model has one.
    pub(crate) score_bias: Option<Tensor<2>>,
    /// DeBERTa's distances.
    pub(crate) distance_vectors: Option<DistanceVectors>,
    shape: &'a Shape,
    /// `[b, p + t]`: past and own keys; without hooked prefixes.
    key_mask: Tensor<2>,
    /// Own tokens, t.
    length: usize,
    /// Cosines and sines, `[b, t, r]` each, for each of the model's rotations.
    rotations: Vec<(Tensor<3>, Tensor<3>)>,
    side_by_side: OnceCell<Option<SideBySide>>,
}

impl<'a> BlockContext<'a> {
    pub(crate) fn new(backbone: &'a Backbone, e: &Embedded, pass: &'a Pass<'a>) -> Self {
        let shape = backbone.shape();
        let key_mask = match pass.past {
            Some(past) => past.mask_followed_by(e.mask.clone()),
            None => e.mask.clone(),
        };
        let [_, length, _] = e.x.dims();
        let distances = backbone.distances.as_ref();
        let score_bias = match shape.score_bias {
            ScoreBias::Buckets { buckets, farthest } => distances.map(|distances| {
                let count = buckets;
                distances.score_bias(key_mask.dims()[1], length, Buckets { count, farthest })
            }),
            ScoreBias::None | ScoreBias::Disentangled { .. } => None,
        };
        let rotations = shape.rotations.iter();
        BlockContext {
            layer: 0,
            block: 0,
            pass,
            score_bias,
            distance_vectors: DistanceVectors::of(shape, distances, length),
            shape,
            key_mask,
            length,
            rotations: rotations.map(|r| turns(r, e, pass)).collect(),
            side_by_side: OnceCell::new(),
        }
    }

    pub(crate) fn enter(&mut self, layer: usize) {
        assert!(layer < self.shape.layers, "there is no layer {layer}");
        self.layer = layer;
        self.block = self.shape.block_of(layer);
    }

    /// The layer's own keys and values behind the past's, or behind what a hook puts in front; and the mask of all keys.
    pub(crate) fn with_earlier(&self, own: KeyValue, hooks: &dyn Hooks) -> (KeyValue, Tensor<2>) {
        let mask = self.key_mask.clone();
        if let Some(past) = self.pass.past {
            return (past.layer(self.layer).followed_by(own), mask);
        }
        match hooks.prefix(self.layer) {
            Some(prefix) => {
                let [b, _] = mask.dims();
                let ones = Tensor::ones([b, prefix.key.dims()[1]], &mask.device());
                (prefix.followed_by(own), Tensor::cat(vec![ones, mask], 1)) // [b, p] + [b, t] -> [b, p + t]
            }
            None => (own, mask),
        }
    }

    /// How many keys in front are seen by all, whatever their distance: a hooked prefix, which has no place in a text. In a causal model
    /// it has one, as a past has.
    pub(crate) fn always(&self, key_mask: &Tensor<2>) -> usize {
        if self.shape.causal && self.score_bias.is_none() {
            0
        } else {
            key_mask.dims()[1] - self.key_mask.dims()[1]
        }
    }

    /// The same keys for a layer that tells distances by places: what stands before a text next to it, with no padding between.
    pub(crate) fn side_by_side(
        &self,
        seen: KeyValue,
        key_mask: Tensor<2>,
    ) -> (KeyValue, Tensor<2>) {
        if self.always(&key_mask) > 0 || key_mask.dims()[1] == self.length {
            return (seen, key_mask);
        }
        let of_pass = self.side_by_side.get_or_init(|| {
            // The same in all layers: a hook's prefix is as long in each that has one.
            SideBySide::of(&key_mask, self.length)
        });
        match of_pass {
            Some(order) => order.apply(seen),
            None => (seen, key_mask),
        }
    }

    pub(crate) fn rotate(&self, x: Tensor<3>, heads: usize) -> Tensor<3> {
        match self.shape.kinds[self.layer].rotation {
            Some(which) => {
                let (cos, sin) = self.rotations[which].clone();
                ops::rotary(x, cos, sin, heads)
            }
            None => x,
        }
    }

    pub(crate) fn dropout(&self, place: Place) -> Option<ops::Dropout> {
        let plan = self.pass.dropout.as_ref()?;
        let depth = Depth::Block(self.layer);
        plan.at(self.shape.architecture, depth, place)
    }
}

/// Cosines and sines of a rotation at the places of `e`, `[b, t, r]` each.
fn turns(rotation: &Rotation, e: &Embedded, pass: &Pass) -> (Tensor<3>, Tensor<3>) {
    let long = rotation.long.as_ref().filter(|long| {
        let before = pass
            .past
            .map_or_else(|| pass.hooks.prefix_length(), Past::len);
        // A bound that costs no look at the device.
        let most = before + e.x.dims()[1];
        most > long.beyond && longest(&e.positions) > long.beyond
    });
    let frequencies = match long {
        Some(long) => &long.inverse_frequencies,
        None => &rotation.inverse_frequencies,
    };
    let (cos, sin) = angles(&e.positions, frequencies);
    if rotation.factor == 1.0 {
        (cos, sin)
    } else {
        let factor = rotation.factor as f32;
        (cos.mul_scalar(factor), sin.mul_scalar(factor))
    }
}

/// Positions that the longest text of the batch takes.
fn longest(positions: &Tensor<2, Int>) -> usize {
    let positions = ops::to_floats(positions.clone().float());
    positions.into_iter().fold(-1.0, f32::max) as usize + 1
}

/// Angles in f32, as `transformers` computes them: `[b, t]` positions -> cosines and sines `[b, t, r]`.
fn angles(positions: &Tensor<2, Int>, inverse_frequencies: &[f64]) -> (Tensor<3>, Tensor<3>) {
    let frequencies: Vec<f32> = inverse_frequencies.iter().map(|&f| f as f32).collect();
    let frequencies = Tensor::<1>::from_floats(frequencies.as_slice(), &positions.device());
    let angles = positions.clone().float().unsqueeze_dim::<3>(2) * frequencies.unsqueeze::<3>(); // [b, t, 1] x [1, 1, r]
    (angles.clone().cos(), angles.sin())
}
