//! LoRA as the registry holds it.

use crate::config::Lora;
use adapt::{ConfigError, Level, Method, MethodInfo, Plan, SearchRange, parse_config};
use serde_json::Value;

/// `lora`.
pub static LORA: LoraMethod = LoraMethod;

/// LoRA.
#[derive(Clone, Copy, Debug)]
pub struct LoraMethod;

impl Method for LoraMethod {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: "lora",
            definition: "Frozen linear maps learn a correction of low rank beside them: y = xW + s(xA)B.",
            paper: "Hu et al. 2021, LoRA, arXiv:2106.09685",
            level: Level::InsertedComputation,
            uses_model: true,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<Lora>(self.info().name, config)?))
    }

    fn variants(&self) -> &'static [&'static str] {
        &[
            r#"{"rank": 3, "alpha": 5, "targets": ["all"], "dora": true}"#,
            r#"{"rank": 3, "alpha": 5, "targets": ["query", "mlp"], "init": "pissa"}"#,
            r#"{"rank": 3, "alpha": 5, "targets": ["out", "down"], "dora": true, "init": "pissa", "rank_stabilized": true, "b_rate_ratio": 16}"#,
        ]
    }

    fn search_ranges(&self) -> &'static [SearchRange] {
        const { &[SearchRange::learning_rate(5e-4)] }
    }
}
