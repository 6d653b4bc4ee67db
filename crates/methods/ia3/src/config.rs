//! (IA)³'s settings.

use crate::adaptation::{Ia3Adaptation, Scaling};
use adapt::{
    Attach, BesideMap, Change, FitError, Hue, Inserted, Level, Look, MethodInfo, Outline, Peft,
    RescaledMap, Sites, Target, Trained,
};
use transformer::{Backbone, Depth, Proj, Shape};

/// `ia3` in the registry.
pub static IA3: Trained<Ia3> = Trained::new();

adapt::settings! {
    /// (IA)³'s settings.
    pub struct Ia3 {
        /// Peak learning rate. Liu et al. 2022 use 3e-3 with Adafactor.
        learning_rate: f64 = 5e-3 => adapt::Range::LEARNING_RATE,
        /// The rescaled maps: of query, key, value, gate and up the output, of out and down the input. The default is that of Liu et al.
        /// 2022.
        targets: Vec<Target> = vec![Target::Key, Target::Value, Target::Down],
    }
}

impl Ia3 {
    fn sites(&self, shape: &Shape) -> Vec<Proj> {
        Target::sites(&self.targets, shape)
    }

    fn params_of_block(&self, shape: &Shape) -> usize {
        let maps = self.sites(shape).into_iter();
        maps.map(|site| width(shape, site)).sum()
    }
}

/// Whether the vector stands before the map rather than after it.
pub(crate) fn scales_input(site: Proj) -> bool {
    matches!(site, Proj::Out | Proj::Down)
}

/// Width of a map's vector.
fn width(shape: &Shape, site: Proj) -> usize {
    let [d_in, d_out] = shape.map_widths(site);
    if scales_input(site) { d_in } else { d_out }
}

impl Peft for Ia3 {
    const INFO: MethodInfo = MethodInfo {
        name: "ia3",
        definition: "Keys, values and the inner feed-forward activation are rescaled by learned vectors.",
        paper: "Liu et al. 2022, (IA)³ in T-Few, arXiv:2205.05638",
        level: Level::InsertedComputation,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Vermilion,
            outline: Outline::Up,
        }),
    };

    type Adaptation = Ia3Adaptation;

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, to: &mut Attach<'_>) -> Result<Ia3Adaptation, FitError> {
        let sites = self.sites(to.shape);
        if sites.is_empty() {
            return Err(FitError::NotApplicable(format!(
                "ia3.targets {:?} match no linear map of this model",
                self.targets
            )));
        }
        let blocks = (0..to.shape.blocks)
            .map(|_| {
                Sites::from_fn(|site| {
                    sites
                        .contains(&site)
                        .then(|| Scaling::new(width(to.shape, site), to.device))
                })
            })
            .collect();
        Ok(Ia3Adaptation { blocks })
    }

    fn acts_from(&self, _shape: &Shape) -> Depth {
        Depth::Block(0)
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        (shape.blocks * self.params_of_block(shape)) as u64
    }

    /// A factor each, in every layer.
    fn added_per_token(&self, shape: &Shape) -> u64 {
        (shape.layers * self.params_of_block(shape)) as u64
    }

    fn inserted(&self, shape: &Shape) -> Option<Inserted> {
        let beside = |site: Proj| match scales_input(site) {
            true => (site, BesideMap::ScaledInput),
            false => (site, BesideMap::ScaledOutput),
        };
        Some(Inserted {
            maps: self.sites(shape).into_iter().map(beside).collect(),
            ..Inserted::default()
        })
    }

    fn change(&self, adaptation: &Ia3Adaptation) -> Option<Change> {
        let all = Sites::all(&adaptation.blocks);
        let maps = all.map(|(at, scaling)| RescaledMap {
            at,
            factor: scaling.scale.val(),
            scales_input: scales_input(at.site),
        });
        Some(Change::Rescaled(maps.collect()))
    }

    fn merge(&self, adaptation: &Ia3Adaptation, backbone: Backbone) -> Option<Backbone> {
        Some(adaptation.merge_into(backbone))
    }
}
