//! LoRA's settings, and what they mean for a model of a given shape.

use crate::adaptation::{LoraAdaptation, LowRank};
use adapt::{Attach, Change, FitError, Peft, Sites, Target};
use burn::module::ParamGroup;
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
        let (shape, rank) = (to.shape.clone(), self.rank.get());
        let blocks = (0..shape.layers)
            .map(|block| {
                let here = block >= self.from_block;
                Sites::from_fn(|site| {
                    let [d_in, d_out] = shape.map_widths(site);
                    (here && sites.contains(&site))
                        .then(|| LowRank::new(d_in, rank, d_out, &mut to.rng, to.device))
                })
            })
            .collect();
        Ok(LoraAdaptation::new(blocks, self.scale()))
    }

    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Block(self.from_block)
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        let per_block: usize = self
            .sites(shape)
            .into_iter()
            .map(|site| self.rank.get() * shape.map_widths(site).iter().sum::<usize>())
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
        Some(adaptation.merge_into(backbone))
    }
}
