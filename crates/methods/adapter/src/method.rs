//! What the registry holds.

use crate::config::Adapter;
use adapt::{ConfigError, Level, Method, MethodInfo, Plan, SearchRange, parse_config};
use serde_json::Value;

/// `adapter`.
pub static ADAPTER: AdapterMethod = AdapterMethod;

/// `adapter` in the registry.
#[derive(Clone, Copy, Debug)]
pub struct AdapterMethod;

impl Method for AdapterMethod {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: "adapter",
            definition: "Small bottleneck layers with a skip connection are inserted after the sub-layers of each block.",
            paper: "Houlsby et al. 2019, arXiv:1902.00751; Pfeiffer et al. 2021, arXiv:2005.00247; He et al. 2022, arXiv:2110.04366",
            level: Level::InsertedComputation,
            uses_model: true,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<Adapter>(self.info().name, config)?))
    }

    fn variants(&self) -> &'static [&'static str] {
        &[
            r#"{"placement": "houlsby", "bottleneck": 5}"#,
            r#"{"placement": "pfeiffer", "bottleneck": 5, "activation": "tanh"}"#,
            r#"{"placement": "parallel", "bottleneck": 5, "scale": 2.0}"#,
        ]
    }

    fn search_ranges(&self) -> &'static [SearchRange] {
        const { &[SearchRange::learning_rate(5e-4)] }
    }
}
