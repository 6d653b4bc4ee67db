//! Two trained vectors a map around shared frozen random matrices. Kopiczko et al. 2024, eq. 2.

use adapt::{Sites, init};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use transformer::{At, Backbone, Hooks, Linear, Proj};

/// The trained vectors of one map.
#[derive(Module, Debug)]
pub struct Scalings {
    /// Λ_d, `[r]`
    pub d: Param<Tensor<1>>,
    /// Λ_b, `[d_out]`, starts at zero
    pub b: Param<Tensor<1>>,
}

impl Scalings {
    pub(crate) fn new(rank: usize, d_out: usize, d_initial: f64, device: &Device) -> Self {
        Self {
            d: init::constant(d_initial as f32, [rank], device),
            b: init::constant(0.0, [d_out], device),
        }
    }
}

/// The vectors of all blocks, and what they share. A and B are no parameters: they are drawn again from their seed.
#[derive(Module, Debug)]
pub struct VeraAdaptation {
    /// `[d_in, r]`, frozen
    pub a: Tensor<2>,
    /// `[r, d_out]`, frozen
    pub b: Tensor<2>,
    /// By block.
    pub blocks: Vec<Sites<Scalings>>,
}

impl VeraAdaptation {
    /// A with its first `d_in` rows and B with its first `d_out` columns, the vectors multiplied in: `[d_in,r]`, `[r,d_out]`.
    fn scaled(&self, scalings: &Scalings, [d_in, d_out]: [usize; 2]) -> [Tensor<2>; 2] {
        let rank = self.a.dims()[1];
        let a = self.a.clone().slice([0..d_in, 0..rank]);
        let b = self.b.clone().slice([0..rank, 0..d_out]);
        [
            a * scalings.d.val().unsqueeze::<2>(),
            b * scalings.b.val().unsqueeze::<2>(),
        ] // [d_in,r] ⊙ [1,r], [r,d_out] ⊙ [1,d_out]
    }

    /// W ← W + (A ⊙ Λ_d)(B ⊙ Λ_b).
    pub(crate) fn merge_into(&self, mut backbone: Backbone) -> Backbone {
        for (block, sites) in backbone.blocks.iter_mut().zip(&self.blocks) {
            for site in Proj::ALL {
                let (Some(scalings), Some(map)) = (sites.get(site), block.map_mut(site)) else {
                    continue;
                };
                let [a, b] = self.scaled(scalings, [map.d_in(), map.d_out()]);
                map.weight = map.weight.clone().map(|weight| weight + a.matmul(b));
            }
        }
        backbone
    }
}

impl Hooks for VeraAdaptation {
    fn project(&self, at: At<Proj>, x: &Tensor<3>, map: &Linear) -> Tensor<3> {
        let Some(scalings) = self.blocks[at.layer].get(at.site) else {
            return map.apply(x);
        };
        let [a, b] = [self.a.clone(), self.b.clone()];
        let (rank, d_in, d_out) = (a.dims()[1], map.d_in(), map.d_out());
        let inner = ops::linear(x.clone(), a.slice([0..d_in, 0..rank]), None)
            * scalings.d.val().unsqueeze::<3>(); // [b,t,d_in] -> [b,t,r]
        let added = ops::linear(inner, b.slice([0..rank, 0..d_out]), None)
            * scalings.b.val().unsqueeze::<3>(); // [b,t,r] -> [b,t,d_out]
        map.apply(x) + added
    }
}
