//! VeRA's settings.

use crate::adaptation::{Scalings, VeraAdaptation};
use adapt::init::InitRng;
use adapt::{Attach, Change, FitError, Peft, ProjectedMap, Sites, Target, sub_seed};
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use transformer::{Backbone, Depth, Proj, Shape};

/// VeRA's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vera {
    /// Peak learning rate.
    pub learning_rate: f64,
    /// r.
    pub rank: NonZeroUsize,
    /// What Λ_d starts at.
    pub d_initial: f64,
    /// The adapted maps.
    pub targets: Vec<Target>,
    /// A and B are drawn from it.
    pub projection_seed: u64,
}

impl Default for Vera {
    fn default() -> Self {
        Self {
            learning_rate: 1e-2,
            rank: NonZeroUsize::new(256).expect("not zero"),
            d_initial: 0.1,
            targets: vec![Target::Query, Target::Value],
            projection_seed: 0,
        }
    }
}

impl Vera {
    fn sites(&self, shape: &Shape) -> Vec<Proj> {
        Target::sites(&self.targets, shape)
    }
}

impl Peft for Vera {
    type Adaptation = VeraAdaptation;

    fn name(&self) -> &'static str {
        "vera"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<VeraAdaptation, FitError> {
        let (sites, rank) = (self.sites(to.shape), self.rank.get());
        // The shared matrices are as wide as the widest map; narrower ones use their first rows and columns, as in PEFT.
        let widest = |i: usize| sites.iter().map(|&site| to.shape.map_widths(site)[i]).max();
        let (Some(d_in), Some(d_out)) = (widest(0), widest(1)) else {
            return Err(FitError::NotApplicable(format!(
                "vera.targets {:?} match no linear map of this model",
                self.targets
            )));
        };
        let blocks = (0..to.shape.layers)
            .map(|_| {
                Sites::from_fn(|site| {
                    sites.contains(&site).then(|| {
                        Scalings::new(
                            rank,
                            to.shape.map_widths(site)[1],
                            self.d_initial,
                            to.device,
                        )
                    })
                })
            })
            .collect();
        // Kaiming uniform with a = 0 (PEFT's choice): the bound is √(6 / fan_in).
        let mut rng = InitRng::new(sub_seed(self.projection_seed, "vera"));
        let mut draw = |rows: usize, columns: usize, fan_in: usize| {
            let values = rng.uniform(rows * columns, (6.0 / fan_in as f64).sqrt());
            Tensor::from_data(TensorData::new(values, [rows, columns]), to.device)
        };
        Ok(VeraAdaptation {
            a: draw(d_in, rank, d_in),
            b: draw(rank, d_out, rank),
            blocks,
        })
    }

    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Block(0)
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        let per_block: usize = self
            .sites(shape)
            .into_iter()
            .map(|site| self.rank.get() + shape.map_widths(site)[1])
            .sum();
        (shape.layers * per_block) as u64
    }

    fn change(&self, adaptation: &VeraAdaptation) -> Option<Change> {
        let all = Sites::all(&adaptation.blocks);
        let maps = all.map(|(at, scalings)| ProjectedMap {
            at,
            d: scalings.d.val(),
            b: scalings.b.val(),
        });
        Some(Change::SharedProjection {
            a: adaptation.a.clone(),
            b: adaptation.b.clone(),
            maps: maps.collect(),
        })
    }

    fn merge(&self, adaptation: &VeraAdaptation, backbone: Backbone) -> Option<Backbone> {
        Some(adaptation.merge_into(backbone))
    }
}
