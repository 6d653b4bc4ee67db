//! The correction beside each targeted map, its magnitudes (DoRA), and its merging into the map. Hu et al. 2021, eq. 3; Liu et al. 2024, eq. 5.

use adapt::{LowRankMap, Sites};
use burn::module::{Module, Param};
use burn::tensor::Tensor;
use transformer::{At, Backbone, Hooks, Linear, Proj};

/// The correction of one map.
#[derive(Module, Debug)]
pub struct LowRank {
    /// A, `[d_in, r]`.
    pub a: Param<Tensor<2>>,
    /// B, `[r, d_out]`.
    pub b: Param<Tensor<2>>,
    /// DoRA's m, `[d_out]`.
    pub magnitude: Option<Param<Tensor<1>>>,
    /// What A and B were at the start where that was not zero (PiSSA): the map's own weight has lost it.
    pub start: Option<Start>,
    /// ‖W‖² of each output, `[d_out]`, for DoRA. W is frozen, so this is computed once.
    pub(crate) squared_norms: Option<Tensor<1>>,
}

/// The frozen start of a correction.
#[derive(Module, Debug)]
pub struct Start {
    /// A₀, `[d_in, r]`.
    pub a: Param<Tensor<2>>,
    /// B₀, `[r, d_out]`.
    pub b: Param<Tensor<2>>,
}

impl LowRank {
    /// `[b,t,d_in] -> [b,t,d_out]`.
    fn apply(&self, x: &Tensor<3>, map: &Linear, scale: f64) -> Tensor<3> {
        let (weight, bias) = (map.weight.val(), map.bias.as_ref().map(Param::val));
        let (x, a, b) = (x.clone(), self.a.val(), self.b.val());
        let Some(magnitude) = &self.magnitude else {
            return ops::linear_low_rank(x, weight, bias, a, b, scale);
        };
        let factor = magnitude.val() / self.norms(weight.clone(), scale); // [d_out]
        let y = ops::linear_low_rank(x, weight, None, a, b, scale) * factor.unsqueeze::<3>();
        match bias {
            Some(bias) => y + bias.unsqueeze::<3>(),
            None => y,
        }
    }

    /// ‖W + s·AB‖ of each output, `[d_out]`, as a constant: Liu et al. 2024, §4.3, keep it out of the gradient.
    ///
    /// For column j it is √(‖w‖² + 2s·bᵀ(Aᵀw) + s²·bᵀ(AᵀA)b): as much work as r tokens through the map, and no matrix of the weight's size.
    fn norms(&self, weight: Tensor<2>, scale: f64) -> Tensor<1> {
        let (weight, a, b) = (
            weight.detach(),
            self.a.val().detach(),
            self.b.val().detach(),
        );
        let own = match &self.squared_norms {
            Some(norms) => norms.clone(),
            None => squared_norms(weight.clone()),
        };
        let projected = ops::linear(a.clone().transpose(), weight, None); // [r,d_in] x [d_in,d_out] -> [r,d_out]
        let gram = a.clone().transpose().matmul(a); // [r,d_in] x [d_in,r] -> [r,r]
        let change = projected * (2.0 * scale) + gram.matmul(b.clone()) * (scale * scale);
        let squared = own + (b * change).sum_dim(0).squeeze_dim::<1>(0);
        squared.clamp_min(f32::MIN_POSITIVE).sqrt()
    }

    /// s·AB, `[d_in, d_out]`.
    fn change(&self, scale: f64) -> Tensor<2> {
        self.a.val().matmul(self.b.val()) * scale // [d_in,r] x [r,d_out]
    }
}

/// Σ over the inputs of W², `[d_in,d_out] -> [d_out]`.
fn squared_norms(weight: Tensor<2>) -> Tensor<1> {
    weight.powi_scalar(2).sum_dim(0).squeeze_dim::<1>(0)
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

    /// Every correction of the pretrained map with its place.
    pub(crate) fn maps(&self) -> Vec<LowRankMap> {
        Sites::all(&self.blocks)
            .map(|(at, pair)| {
                let (mut a, mut b) = (pair.a.val(), pair.b.val());
                if let Some(start) = &pair.start {
                    // W − s·A₀B₀ + s·AB = W + s·[A A₀][B; −B₀]: the rank doubles, the weights are the pretrained ones again.
                    a = Tensor::cat(vec![a, start.a.val()], 1); // [d_in,r] -> [d_in,2r]
                    b = Tensor::cat(vec![b, start.b.val().neg()], 0); // [r,d_out] -> [2r,d_out]
                }
                let magnitude = pair.magnitude.as_ref().map(Param::val);
                LowRankMap {
                    at,
                    a,
                    b,
                    magnitude,
                }
            })
            .collect()
    }

    /// Takes the start of each correction out of its map (W ← W − s·A₀B₀), and measures the columns of what DoRA rescales.
    pub(crate) fn settle(mut self, mut backbone: Backbone) -> (Self, Backbone) {
        for (block, sites) in backbone.blocks.iter_mut().zip(&mut self.blocks) {
            for site in Proj::ALL {
                let (Some(pair), Some(map)) = (sites.get_mut(site), block.map_mut(site)) else {
                    continue;
                };
                if let Some(start) = &pair.start {
                    let (a, b) = (start.a.val().detach(), start.b.val().detach());
                    let taken = a.matmul(b) * self.scale; // [d_in,r] x [r,d_out]
                    map.weight = map.weight.clone().map(|weight| weight - taken);
                }
                if pair.magnitude.is_some() {
                    pair.squared_norms = Some(squared_norms(map.weight.val().detach()));
                }
            }
        }
        (self, backbone)
    }

    /// W ← W + s·AB for every targeted map; with magnitudes, each column brought to its own. What it takes to undo it is kept.
    pub fn merge_into(&self, mut backbone: Backbone) -> Merged {
        let mut kept = Vec::new();
        self.each_map(&mut backbone, |pair, map| {
            let rescaled = pair.magnitude.is_some();
            let norms = rescaled.then(|| pair.norms(map.weight.val(), self.scale));
            let change = pair.change(self.scale);
            map.weight = map.weight.clone().map(|weight| {
                let sum = weight + change;
                match (&pair.magnitude, &norms) {
                    (Some(magnitude), Some(norms)) => {
                        sum * (magnitude.val() / norms.clone()).unsqueeze::<2>() // [d_in,d_out] ⊙ [1,d_out]
                    }
                    _ => sum,
                }
            });
            kept.push(norms);
        });
        Merged {
            backbone,
            norms: kept,
        }
    }

    /// Calls `f` for every targeted map, lowest block first.
    fn each_map(&self, backbone: &mut Backbone, mut f: impl FnMut(&LowRank, &mut Linear)) {
        for (block, sites) in backbone.blocks.iter_mut().zip(&self.blocks) {
            for site in Proj::ALL {
                if let (Some(pair), Some(map)) = (sites.get(site), block.map_mut(site)) {
                    f(pair, map);
                }
            }
        }
    }
}

/// A backbone with corrections folded into its weights, and the way back.
#[derive(Debug)]
pub struct Merged {
    /// Costs what the pretrained one costs.
    pub backbone: Backbone,
    /// By targeted map: the norms that its columns had before they were brought to their magnitudes.
    norms: Vec<Option<Tensor<1>>>,
}

impl Merged {
    /// The weights before merging, to rounding; `adaptation` is what was merged.
    pub fn unmerge(mut self, adaptation: &LoraAdaptation) -> Backbone {
        let mut norms = self.norms.into_iter();
        adaptation.each_map(&mut self.backbone, |pair, map| {
            let norms = norms.next().flatten();
            let change = pair.change(adaptation.scale);
            map.weight = map.weight.clone().map(|weight| {
                let sum = match (&pair.magnitude, norms) {
                    (Some(magnitude), Some(norms)) => {
                        weight * (norms / magnitude.val()).unsqueeze::<2>()
                    }
                    _ => weight,
                };
                sum - change
            });
        });
        self.backbone
    }
}

impl Hooks for LoraAdaptation {
    fn project(&self, at: At<Proj>, x: &Tensor<3>, map: &Linear) -> Tensor<3> {
        match self.blocks[at.layer].get(at.site) {
            Some(pair) => pair.apply(x, map, self.scale),
            None => map.apply(x),
        }
    }
}
