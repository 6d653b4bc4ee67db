//! What the registry holds.

use crate::config::Ia3;
use adapt::{ConfigError, Level, Method, MethodInfo, Plan, SearchRange, parse_config};
use serde_json::Value;

/// `ia3`.
pub static IA3: Ia3Method = Ia3Method;

/// `ia3` in the registry.
#[derive(Clone, Copy, Debug)]
pub struct Ia3Method;

impl Method for Ia3Method {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: "ia3",
            definition: "Keys, values and the inner feed-forward activation are rescaled by learned vectors.",
            paper: "Liu et al. 2022, (IA)³ in T-Few, arXiv:2205.05638",
            level: Level::InsertedComputation,
            uses_model: true,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<Ia3>(self.info().name, config)?))
    }

    fn search_ranges(&self) -> &'static [SearchRange] {
        const { &[SearchRange::learning_rate(5e-3)] }
    }
}
