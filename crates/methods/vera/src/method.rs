//! What the registry holds.

use crate::config::Vera;
use adapt::{ConfigError, Level, Method, MethodInfo, Plan, SearchRange, parse_config};
use serde_json::Value;

/// `vera`.
pub static VERA: VeraMethod = VeraMethod;

/// `vera` in the registry.
#[derive(Clone, Copy, Debug)]
pub struct VeraMethod;

impl Method for VeraMethod {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: "vera",
            definition: "Frozen random low-rank matrices shared by all layers, of which each layer trains two scaling vectors.",
            paper: "Kopiczko et al. 2024, VeRA, arXiv:2310.11454",
            level: Level::InsertedComputation,
            uses_model: true,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<Vera>(self.info().name, config)?))
    }

    fn search_ranges(&self) -> &'static [SearchRange] {
        const { &[SearchRange::learning_rate(1e-2)] }
    }
}
