//! LoRA's settings, and what they mean for a model of a given shape.

use crate::adaptation::{LoraAdaptation, LowRank, Start};
use crate::principal::principal_factors;
use adapt::{
    Attach, BesideMap, Change, FitError, Hue, Inserted, Level, Look, MethodInfo, Outline, Peft,
    Sites, Target, Trained, first_layer, init,
};
use burn::module::{Module, Param, ParamGroup};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;
use transformer::{Backbone, Depth, Proj, Shape};

/// `lora` in the registry.
pub static LORA: Trained<Lora> = Trained::new();

adapt::settings! {
    /// LoRA's settings.
    pub struct Lora {
        /// Peak learning rate; of A where `b_rate_ratio` is not 1. Hu et al. 2021, table 9: 2e-4 to 5e-4 for RoBERTa, about ten times full
        /// finetuning's.
        learning_rate: f64 = 5e-4 => adapt::Range::LEARNING_RATE,
        /// r. Hu et al. 2021, table 9.
        rank: NonZeroUsize = NonZeroUsize::new(8).expect("not zero") => adapt::Range::WIDTH,
        /// α. Twice the rank, the usual choice since Hu et al. 2021.
        alpha: f64 = 16.0 => adapt::Range::above(0.0, 1e6),
        /// Which maps get a correction: any of query, key, value, out, gate, up, down, or `attention`, `mlp`, `all`. Hu et al. 2021, §4.2.
        targets: Vec<Target> = vec![Target::Query, Target::Value],
        /// s = α / √r rather than α / r. Kalajdzievski 2023, arXiv:2312.03732.
        rank_stabilized: bool = false,
        /// B learns at so many times the rate of A: LoRA+, Hayou et al. 2024, arXiv:2402.12354 (there 16).
        b_rate_ratio: f64 = 1.0 => adapt::Range::above(0.0, 1e6),
        /// First block that gets corrections; blocks below get none, and are then computed once for all epochs. Of layers that share a
        /// block (ALBERT) all get the block's.
        from_block: usize = 0 => adapt::Range::whole(0, 1000),
        /// What A and B start as. `"kaiming"`: A as `torch.nn.Linear` starts and B zero, PEFT's default; `"gaussian"`: A normal with deviation
        /// 1/r (Hu et al. draw normally) and B zero; `"pissa"`.
        init: Init = Init::Kaiming,
        /// Whether each output's column of W + s·AB is rescaled to a trained magnitude. Liu et al. 2024.
        dora: bool = false,
    }
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

impl Lora {
    /// What the correction AB is multiplied with, s.
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

    /// Trained parameters beside one block.
    fn params_of_block(&self, shape: &Shape) -> u64 {
        let of_map = |site| {
            let [d_in, d_out] = shape.map_widths(site);
            self.rank.get() * (d_in + d_out) + if self.dora { d_out } else { 0 }
        };
        let maps = self.sites(shape).into_iter();
        maps.map(of_map).sum::<usize>() as u64
    }

    /// The maps of a block that get a correction.
    fn sites(&self, shape: &Shape) -> Vec<Proj> {
        Target::sites(&self.targets, shape)
    }
}

impl Peft for Lora {
    const INFO: MethodInfo = MethodInfo {
        name: "lora",
        definition: "Frozen linear maps learn a correction of low rank beside them: y = xW + s(xA)B.",
        paper: "Hu et al. 2021, LoRA, arXiv:2106.09685",
        level: Level::InsertedComputation,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Vermilion,
            outline: Outline::Circle,
        }),
    };

    const VARIANTS: &'static [&'static str] = &[
        r#"{"rank": 3, "alpha": 5, "targets": ["all"], "dora": true}"#,
        r#"{"rank": 3, "alpha": 5, "targets": ["query", "mlp"], "init": "pissa"}"#,
        r#"{"rank": 3, "alpha": 5, "targets": ["out", "down"], "dora": true, "init": "pissa", "rank_stabilized": true, "b_rate_ratio": 16}"#,
    ];

    type Adaptation = LoraAdaptation;

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<LoraAdaptation, FitError> {
        let sites = self.sites(to.shape);
        if sites.is_empty() || self.from_block >= to.shape.blocks {
            return Err(FitError::NotApplicable(format!(
                "lora.targets {:?} from block {} match no linear map of this model of {} blocks",
                self.targets, self.from_block, to.shape.blocks
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
        let blocks = (0..to.shape.blocks)
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

    fn acts_from(&self, shape: &Shape) -> Depth {
        Depth::Block(first_layer(shape, self.from_block))
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        shape.blocks.saturating_sub(self.from_block) as u64 * self.params_of_block(shape)
    }

    /// Every weight of a pair is used once by each layer, and DoRA's magnitudes are factors.
    fn added_per_token(&self, shape: &Shape) -> u64 {
        let layers = shape.layers - first_layer(shape, self.from_block);
        layers as u64 * self.params_of_block(shape)
    }

    fn learning_rate_factors(&self) -> Vec<(ParamGroup, f64)> {
        let group = || ParamGroup::from_regex(r"^adaptation\..*\.b$").expect("a valid pattern");
        let differs = self.b_rate_ratio != 1.0;
        differs
            .then(|| (group(), self.b_rate_ratio))
            .into_iter()
            .collect()
    }

    fn inserted(&self, shape: &Shape) -> Option<Inserted> {
        let beside = BesideMap::LowRank {
            rank: self.rank.get(),
            magnitude: self.dora,
        };
        let sites = self.sites(shape).into_iter();
        Some(Inserted {
            from_block: self.from_block,
            maps: sites.map(|site| (site, beside)).collect(),
            ..Inserted::default()
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
