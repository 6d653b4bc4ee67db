//! Settings of BitFit and of LayerNorm tuning, and which of the backbone's parameters each trains.

use adapt::{
    Attach, Change, FitError, Frozen, Hue, Level, Look, MethodInfo, Outline, Peft, Trained, count,
};
use burn::module::ParamGroup;
use transformer::{Depth, Shape};

/// `bitfit` in the registry.
pub static BITFIT: Trained<Bitfit> = Trained::new();

adapt::settings! {
    /// BitFit's settings.
    pub struct Bitfit {
        /// Peak learning rate. Ben Zaken et al. 2022, §3: 1e-4 to 1e-3, far above full finetuning's.
        learning_rate: f64 = 1e-3 => adapt::Range::LEARNING_RATE,
    }
}

impl Peft for Bitfit {
    const INFO: MethodInfo = MethodInfo {
        name: "bitfit",
        definition: "Only the bias terms of the model are trained.",
        paper: "Ben Zaken et al. 2022, BitFit, arXiv:2106.10199",
        level: Level::Parameters,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Sky,
            outline: Outline::Hexagon,
        }),
    };

    type Adaptation = Frozen;

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn not_applicable(&self, shape: &Shape) -> Option<String> {
        (count::backbone(shape).all_biases() == 0).then(|| {
            "the model has no bias terms; layer-norm trains the gains that it has in their place"
                .to_owned()
        })
    }

    fn attach(&self, _to: &mut Attach<'_>) -> Result<Frozen, FitError> {
        Ok(Frozen::new())
    }

    fn train_in_backbone(&self, _shape: &Shape) -> Option<ParamGroup> {
        Some(ParamGroup::from_regex(r"(^|\.)bias$").expect("a valid pattern"))
    }

    fn acts_from(&self, shape: &Shape) -> Depth {
        acts_from(count::embeddings(shape).all_biases())
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        count::backbone(shape).all_biases()
    }
}

/// `layer-norm` in the registry.
pub static LAYER_NORM: Trained<LayerNorm> = Trained::new();

adapt::settings! {
    /// LayerNorm tuning's settings.
    pub struct LayerNorm {
        /// Peak learning rate. The same as BitFit's, which trains the same kind of vectors.
        learning_rate: f64 = 1e-3 => adapt::Range::LEARNING_RATE,
    }
}

impl Peft for LayerNorm {
    const INFO: MethodInfo = MethodInfo {
        name: "layer-norm",
        definition: "Only the gains and biases of the normalisation layers are trained.",
        paper: "Qi et al. 2022, LayerNorm tuning, arXiv:2211.08682; Zhao et al. 2023, arXiv:2312.11420",
        level: Level::Parameters,
        uses_model: true,
        look: Some(Look {
            hue: Hue::Sky,
            outline: Outline::Diamond,
        }),
    };

    type Adaptation = Frozen;

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn attach(&self, _to: &mut Attach<'_>) -> Result<Frozen, FitError> {
        Ok(Frozen::new())
    }

    fn train_in_backbone(&self, _shape: &Shape) -> Option<ParamGroup> {
        Some(ParamGroup::from_regex(r"norm\.(weight|bias)$").expect("a valid pattern"))
    }

    fn acts_from(&self, shape: &Shape) -> Depth {
        acts_from(count::embeddings(shape).of_norms())
    }

    fn trainable_params(&self, shape: &Shape) -> u64 {
        count::backbone(shape).of_norms()
    }

    fn change(&self, _adaptation: &Frozen) -> Option<Change> {
        Some(Change::Norms)
    }
}

/// From the embeddings on where so many parameters train there, such as their norm's in post-norm models.
fn acts_from(in_embeddings: u64) -> Depth {
    if in_embeddings > 0 {
        Depth::Embeddings
    } else {
        Depth::Block(0)
    }
}
