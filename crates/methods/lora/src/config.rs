//! LoRA's settings, and what they mean for a model of a given shape.

use crate::adaptation::{LoraAdaptation, LowRank, Start};
use crate::principal::principal_factors;
use adapt::{Attach, Change, FitError, Peft, Sites, Target, init};
use burn::module::{Module, Param, ParamGroup};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use transformer::{Backbone, Depth, Proj, Shape};

/// LoRA's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lora {
    /// Peak learning rate; of A where `b_rate_ratio` is not 1.
    pub learning_rate: f64,
    /// r.
    pub rank: NonZeroUsize,
    /// α.
    pub alpha: f64,
    /// Which maps get a correction.
    pub targets: Vec<Target>,
    /// s = α / √r rather than α / r.
    pub rank_stabilized: bool,
    /// B learns at so many times the rate of A.
    pub b_rate_ratio: f64,
    /// First block that gets corrections.
    pub from_block: usize,
    /// What A and B start as.
    pub init: Init,
    /// Whether each output's column of W + s·AB is rescaled to a trained magnitude.
    pub dora: bool,
}

/// What A and B start as. Either way the model starts as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// A as `torch.nn.Linear` starts (PEFT's default), B zero.
    Kaiming,
    /// A normal with standard deviation 1/r (Hu et al. 2021 draw normally; the deviation is PEFT's), B zero.
    Gaussian,
    /// The leading singular directions of W, which are taken out of W. Meng et al. 2024, eq. 2 to 4.
    Pissa,
}

impl Default for Lora {
    fn default() -> Self {
        Self {
            learning_rate: 5e-4,
            rank: NonZeroUsize::new(8).expect("not zero"),
            alpha: 16.0,
            targets: vec![Target::Query, Target::Value],
            rank_stabilized: false,
            b_rate_ratio: 1.0,
            from_block: 0,
            init: Init::Kaiming,
            dora: false,
        }
    }
}

impl Lora {
    /// s.
    pub fn scale(&self) -> f64 {
        let rank = self.rank.get() as f64;
        self.alpha
            / if self.rank_stabilized {
                rank.sqrt()
            } else {
                rank
            }
    }

    fn low_rank(&self, to: &mut Attach<'_>, block: usize, site: Proj) -> LowRank {
        let ([d_in, d_out], rank) = (to.shape.map_widths(site), self.rank.get());
        let weight = || {
            let mut block = to.backbone.blocks[block].clone(); // handles
            let map = block.map_mut(site).expect("the shape has this map");
            let weight = map.weight.val();
            Tensor::<2>::from_data(weight.into_data(), &to.device.clone().inner())
        };
        let magnitude = self.dora.then(|| {
            let norms = weight().powi_scalar(2).sum_dim(0).sqrt(); // [d_in,d_out] -> [1,d_out]
            init::param(adapt::to_floats(norms), [d_out], to.device)
        });
        let device = to.device;
        let (a, b, start) = match self.init {
            Init::Kaiming => (
                init::kaiming_uniform(&mut to.rng, [d_in, rank], device),
                init::constant(0.0, [rank, d_out], device),
                None,
            ),
            Init::Gaussian => (
                init::normal(&mut to.rng, [d_in, rank], 1.0 / rank as f64, device),
                init::constant(0.0, [rank, d_out], device),
                None,
            ),
            Init::Pissa => {
                // W = W' + s·AB: the factor s is shared out between the two.
                let root = self.scale().sqrt().recip() as f32;
                let [a, b] = principal_factors(&weight(), rank, &mut to.rng)
                    .map(|factor| factor.into_iter().map(|v| v * root).collect::<Vec<_>>());
                let pair = |a: Vec<f32>, b: Vec<f32>| -> [Param<Tensor<2>>; 2] {
                    [
                        init::param(a, [d_in, rank], device),
                        init::param(b, [rank, d_out], device),
                    ]
                };
                let [start_a, start_b] = pair(a.clone(), b.clone());
                let [a, b] = pair(a, b);
                let start = Start {
                    a: start_a,
                    b: start_b,
                };
                (a, b, Some(start.no_grad()))
            }
        };
        LowRank {
            a,
            b,
            magnitude,
            start,
            squared_norms: None,
        }
    }

    /// The maps of a block that get a correction.
    fn sites(&self, shape: &Shape) -> Vec<Proj> {
        Target::sites(&self.targets, shape)
    }
}

impl Peft for Lora {
    type Adaptation = LoraAdaptation;

    fn name(&self) -> &'static str {
        "lora"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<LoraAdaptation, FitError> {
        let sites = self.sites(to.shape);
        if sites.is_empty() || self.from_block >= to.shape.layers {
            return Err(FitError::NotApplicable(format!(
                "lora.targets {:?} from block {} match no linear map of this model of {} blocks",
                self.targets, self.from_block, to.shape.layers
            )));
        }
        if self.init == Init::Pissa {
            let smallest = |site: &Proj| to.shape.map_widths(*site).into_iter().min();
            let most = sites.iter().filter_map(smallest).min().unwrap_or(0);
            if self.rank.get() > most || self.scale() <= 0.0 {
                return Err(FitError::NotApplicable(format!(
                    "lora.init \"pissa\" takes lora.rank = {} singular directions with lora.alpha = {}: \
                     expected a rank of at most {most}, the shortest side of the targeted maps, and a positive alpha",
                    self.rank, self.alpha
                )));
            }
        }
        let blocks = (0..to.shape.layers)
            .map(|block| {
                let here = block >= self.from_block;
                Sites::from_fn(|site| {
                    (here && sites.contains(&site)).then(|| self.low_rank(to, block, site))
                })
            })
            .collect();
        Ok(LoraAdaptation::new(blocks, self.scale()))
    }

    fn settle(&self, adaptation: LoraAdaptation, backbone: Backbone) -> (LoraAdaptation, Backbone) {
        adaptation.settle(backbone)
    }

    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Block(self.from_block)
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        let per_block: usize = self
            .sites(shape)
            .into_iter()
            .map(|site| {
                let [d_in, d_out] = shape.map_widths(site);
                self.rank.get() * (d_in + d_out) + if self.dora { d_out } else { 0 }
            })
            .sum();
        (shape.layers - self.from_block) as u64 * per_block as u64
    }

    fn learning_rate_factor(&self) -> Option<(ParamGroup, f64)> {
        (self.b_rate_ratio != 1.0).then(|| {
            (
                ParamGroup::from_regex(r"^adaptation\..*\.b$").expect("a valid pattern"),
                self.b_rate_ratio,
            )
        })
    }

    fn change(&self, adaptation: &LoraAdaptation) -> Option<Change> {
        Some(Change::LowRank {
            maps: adaptation.maps(),
            scale: adaptation.scale,
            rank_stabilized: self.rank_stabilized,
        })
    }

    fn merge(&self, adaptation: &LoraAdaptation, backbone: Backbone) -> Option<Backbone> {
        Some(adaptation.merge_into(backbone).backbone)
    }
}
