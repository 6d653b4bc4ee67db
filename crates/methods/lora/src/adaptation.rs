//! The correction beside each targeted map, and its merging into the map. Hu et al. 2021, eq. 3.

use adapt::init::{self, InitRng};
use adapt::{LowRankMap, Sites};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use transformer::{At, Backbone, Hooks, Linear, Proj};

/// A and B of one map.
#[derive(Module, Debug)]
pub struct LowRank {
    /// `[d_in, r]`, starts as `torch.nn.Linear` starts (PEFT's choice; the paper draws normally).
    pub a: Param<Tensor<2>>,
    /// `[r, d_out]`, starts at zero.
    pub b: Param<Tensor<2>>,
}

impl LowRank {
    /// A correction that is zero at the start.
    pub fn new(d_in: usize, rank: usize, d_out: usize, rng: &mut InitRng, device: &Device) -> Self {
        Self {
            a: init::kaiming_uniform(rng, [d_in, rank], device),
            b: init::constant(0.0, [rank, d_out], device),
        }
    }
}

/// The corrections of all blocks.
#[derive(Module, Debug)]
pub struct LoraAdaptation {
    /// By block.
    pub blocks: Vec<Sites<LowRank>>,
    /// s.
    pub scale: f64,
}

impl LoraAdaptation {
    pub(crate) fn new(blocks: Vec<Sites<LowRank>>, scale: f64) -> Self {
        Self { blocks, scale }
    }

    /// Every correction with its place.
    pub(crate) fn maps(&self) -> Vec<LowRankMap> {
        Sites::all(&self.blocks)
            .map(|(at, pair)| LowRankMap {
                at,
                a: pair.a.val(),
                b: pair.b.val(),
                magnitude: None,
            })
            .collect()
    }

    /// W ← W + s·AB for every targeted map.
    pub(crate) fn merge_into(&self, mut backbone: Backbone) -> Backbone {
        for (block, sites) in backbone.blocks.iter_mut().zip(&self.blocks) {
            for site in Proj::ALL {
                let (Some(pair), Some(map)) = (sites.get(site), block.map_mut(site)) else {
                    continue;
                };
                let correction = pair.a.val().matmul(pair.b.val()) * self.scale; // [d_in,r] x [r,d_out] -> [d_in,d_out]
                map.weight = map.weight.clone().map(|weight| weight + correction);
            }
        }
        backbone
    }
}

impl Hooks for LoraAdaptation {
    fn project(&self, at: At<Proj>, x: &Tensor<3>, map: &Linear) -> Tensor<3> {
        match self.blocks[at.layer].get(at.site) {
            Some(pair) => {
                let bias = map.bias.as_ref().map(Param::val);
                ops::linear_low_rank(
                    x.clone(),
                    map.weight.val(),
                    bias,
                    pair.a.val(),
                    pair.b.val(),
                    self.scale,
                ) // [b,t,d_in] -> [b,t,d_out]
            }
            None => map.apply(x),
        }
    }
}
