//! VeRA's settings.

use crate::adaptation::{Scalings, VeraAdaptation};
use adapt::init::InitRng;
use adapt::{
    Attach, BesideMap, Change, FitError, Hue, Inserted, Level, Look, MethodInfo, Outline, Peft,
    ProjectedMap, Sites, Target, Trained, sub_seed,
};
use burn::tensor::{Tensor, TensorData};
use std::num::NonZeroUsize;
use transformer::{Backbone, Depth, Proj, Shape};

/// `vera` in the registry.
pub static VERA: Trained<Vera> = Trained::new();

adapt::settings! {
    /// VeRA's settings.
    pub struct Vera {
        /// Peak learning rate. Kopiczko et al. 2024, table 8: 4e-3 to 3e-2 for RoBERTa.
        learning_rate: f64 = 1e-2 => adapt::Range::LEARNING_RATE,
        /// r. Kopiczko et al. 2024, table 8: 256 for RoBERTa-large, 1024 for base.
        rank: NonZeroUsize = NonZeroUsize::new(256).expect("not zero") => adapt::Range::WIDTH,
        /// What Λ_d starts at. Kopiczko et al. 2024, §4.
        d_initial: f64 = 0.1 => adapt::Range::above(0.0, 1e3),
        /// The adapted maps; any maps of equal widths, named as in `lora`. Kopiczko et al. 2024, §4.1.
        targets: Vec<Target> = vec![Target::Query, Target::Value],
        /// A and B are drawn from it, and so need not be stored.
        projection_seed: u64 = 0 => adapt::Range::SEED,
    }
}

impl Vera {
    fn sites(&self, shape: &Shape) -> Vec<Proj> {
        Target::sites(&self.targets, shape)
    }
}

impl Peft for Vera {
    const INFO: MethodInfo = MethodInfo {
        name: "vera",
        definition: "Frozen random low-rank matrices shared by all layers, of which each layer trains two scaling vectors.",
        paper: "Kopiczko et al. 2024, VeRA, arXiv:2310.11454",
        level: Level::InsertedComputation,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Vermilion,
            outline: Outline::Diamond,
        }),
    };

    type Adaptation = VeraAdaptation;

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
        let blocks = (0..to.shape.blocks)
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
        (shape.blocks * per_block) as u64
    }

    /// Both shared matrices, and the vectors behind them, in every layer.
    fn added_per_token(&self, shape: &Shape) -> u64 {
        let of_map = |site| {
            let [d_in, d_out] = shape.map_widths(site);
            let rank = self.rank.get();
            rank * (d_in + d_out) + rank + d_out
        };
        let per_block: usize = self.sites(shape).into_iter().map(of_map).sum();
        (shape.layers * per_block) as u64
    }

    fn inserted(&self, shape: &Shape) -> Option<Inserted> {
        let beside = BesideMap::ScaledRandom {
            rank: self.rank.get(),
        };
        let sites = self.sites(shape).into_iter();
        Some(Inserted {
            maps: sites.map(|site| (site, beside)).collect(),
            ..Inserted::default()
        })
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
