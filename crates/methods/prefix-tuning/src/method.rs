//! What the registry holds.

use crate::config::PrefixTuning;
use adapt::{ConfigError, Level, Method, MethodInfo, Plan, SearchRange, parse_config};
use serde_json::Value;

/// `prefix-tuning`.
pub static PREFIX_TUNING: PrefixTuningMethod = PrefixTuningMethod;

/// `prefix-tuning` in the registry.
#[derive(Clone, Copy, Debug)]
pub struct PrefixTuningMethod;

impl Method for PrefixTuningMethod {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: "prefix-tuning",
            definition: "Trained keys and values stand in front of every layer's own.",
            paper: "Li & Liang 2021, arXiv:2101.00190; Liu et al. 2021, P-tuning v2, arXiv:2110.07602",
            level: Level::InsertedComputation,
            uses_model: true,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<PrefixTuning>(
            self.info().name,
            config,
        )?))
    }

    fn variants(&self) -> &'static [&'static str] {
        &[
            r#"{"tokens": 3, "reparametrise": true, "width": 7}"#,
            r#"{"tokens": 3, "init": "words"}"#,
        ]
    }

    fn search_ranges(&self) -> &'static [SearchRange] {
        const { &[SearchRange::learning_rate(1e-2)] }
    }
}
