//! What the registry holds.

use crate::config::SoftPrompt;
use adapt::{ConfigError, Level, Method, MethodInfo, Plan, SearchRange, parse_config};
use serde_json::Value;

/// `soft-prompt`.
pub static SOFT_PROMPT: SoftPromptMethod = SoftPromptMethod;

/// `soft-prompt` in the registry.
#[derive(Clone, Copy, Debug)]
pub struct SoftPromptMethod;

impl Method for SoftPromptMethod {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: "soft-prompt",
            definition: "Trained token embeddings stand in front of the text.",
            paper: "Lester et al. 2021, prompt tuning, arXiv:2104.08691; Liu et al. 2021, P-tuning, arXiv:2103.10385",
            level: Level::InsertedComputation,
            uses_model: true,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<SoftPrompt>(
            self.info().name,
            config,
        )?))
    }

    fn variants(&self) -> &'static [&'static str] {
        &[
            r#"{"tokens": 3, "encoder": "mlp", "encoder_width": 7}"#,
            r#"{"tokens": 3, "encoder": "lstm", "encoder_width": 6}"#,
            r#"{"tokens": 3, "init": "vocabulary"}"#,
        ]
    }

    fn search_ranges(&self) -> &'static [SearchRange] {
        const { &[SearchRange::learning_rate(1e-2)] }
    }
}
