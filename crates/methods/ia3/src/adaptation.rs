//! Learned rescaling of a map's output or input. Liu et al. 2022, §3.3.

use crate::config::scales_input;
use adapt::{Sites, init};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use transformer::{At, Backbone, Hooks, Linear, Proj};

/// One learned vector.
#[derive(Module, Debug)]
pub struct Scaling {
    /// `[width]`, starts at one.
    pub scale: Param<Tensor<1>>,
}

impl Scaling {
    /// A vector of ones, which changes nothing.
    pub fn new(width: usize, device: &Device) -> Self {
        Self {
            scale: init::constant(1.0, [width], device),
        }
    }

    fn apply(&self, x: Tensor<3>) -> Tensor<3> {
        x * self.scale.val().unsqueeze::<3>() // [b,t,d] ⊙ [1,1,d]
    }
}

/// The vectors of all blocks.
#[derive(Module, Debug)]
pub struct Ia3Adaptation {
    /// By block.
    pub blocks: Vec<Sites<Scaling>>,
}

impl Ia3Adaptation {
    /// Multiplies the vectors into the weights: columns (and bias) where the output is rescaled, rows where the input is.
    pub(crate) fn merge_into(&self, mut backbone: Backbone) -> Backbone {
        for (block, sites) in backbone.blocks.iter_mut().zip(&self.blocks) {
            for site in Proj::ALL {
                let (Some(scaling), Some(map)) = (sites.get(site), block.map_mut(site)) else {
                    continue;
                };
                let scale = scaling.scale.val();
                if scales_input(site) {
                    map.weight = map.weight.clone().map(|w| w * scale.unsqueeze_dim::<2>(1)); // [d_in,d_out] ⊙ [d_in,1]
                } else {
                    map.weight = map
                        .weight
                        .clone()
                        .map(|w| w * scale.clone().unsqueeze::<2>()); // [d_in,d_out] ⊙ [1,d_out]
                    map.bias = map.bias.clone().map(|bias| bias.map(|b| b * scale));
                }
            }
        }
        backbone
    }
}

impl Hooks for Ia3Adaptation {
    fn project(&self, at: At<Proj>, x: &Tensor<3>, map: &Linear) -> Tensor<3> {
        match self.blocks[at.layer].get(at.site) {
            Some(scaling) if !scales_input(at.site) => scaling.apply(map.apply(x)),
            _ => map.apply(x),
        }
    }

    fn project_input(&self, at: At<Proj>, x: Tensor<3>) -> Tensor<3> {
        match self.blocks[at.layer].get(at.site) {
            Some(scaling) if scales_input(at.site) => scaling.apply(x),
            _ => x,
        }
    }
}
