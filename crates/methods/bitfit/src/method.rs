//! What the registry holds.

use crate::config::{BitFit, LayerNorm};
use adapt::{ConfigError, Level, Method, MethodInfo, Plan, SearchRange, parse_config};
use serde_json::Value;
use transformer::Pretrained;

/// `bitfit`.
pub static BITFIT: BitFitMethod = BitFitMethod;

/// `bitfit` in the registry.
#[derive(Clone, Copy, Debug)]
pub struct BitFitMethod;

impl Method for BitFitMethod {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: "bitfit",
            definition: "Only the bias terms of the model are trained.",
            paper: "Ben Zaken et al. 2022, BitFit, arXiv:2106.10199",
            level: Level::Parameters,
            uses_model: true,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<BitFit>(self.info().name, config)?))
    }

    fn search_ranges(&self) -> &'static [SearchRange] {
        const { &[SearchRange::learning_rate(1e-3)] }
    }

    fn not_applicable(&self, base: &Pretrained) -> Option<String> {
        (crate::config::bias_params(&base.shape) == 0)
            .then(|| "the model has no bias terms".to_owned())
    }
}

/// `layer-norm`.
pub static LAYER_NORM: LayerNormMethod = LayerNormMethod;

/// `layer-norm` in the registry.
#[derive(Clone, Copy, Debug)]
pub struct LayerNormMethod;

impl Method for LayerNormMethod {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: "layer-norm",
            definition: "Only the gains and biases of the normalisation layers are trained.",
            paper: "Qi et al. 2022, LayerNorm tuning, arXiv:2211.08682; Zhao et al. 2023, arXiv:2312.11420",
            level: Level::Parameters,
            uses_model: true,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<LayerNorm>(
            self.info().name,
            config,
        )?))
    }

    fn search_ranges(&self) -> &'static [SearchRange] {
        const { &[SearchRange::learning_rate(1e-3)] }
    }
}
