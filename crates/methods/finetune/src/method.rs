//! The three rungs as the registry holds them.

use crate::config::{All, Last, Output};
use adapt::{ConfigError, Level, Method, MethodInfo, Plan, SearchRange, parse_config};
use serde_json::Value;

/// `finetune-output`.
pub static FINETUNE_OUTPUT: FinetuneOutput = FinetuneOutput;
/// `finetune-last`.
pub static FINETUNE_LAST: FinetuneLast = FinetuneLast;
/// `finetune-all`.
pub static FINETUNE_ALL: FinetuneAll = FinetuneAll;

/// Finetuning I.
#[derive(Clone, Copy, Debug)]
pub struct FinetuneOutput;

impl Method for FinetuneOutput {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: "finetune-output",
            definition: "Finetuning I: a new output layer is trained on the frozen model's pooled hidden state.",
            paper: "Devlin et al. 2019, BERT, arXiv:1810.04805",
            level: Level::Parameters,
            uses_model: true,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<Output>(self.info().name, config)?))
    }

    fn search_ranges(&self) -> &'static [SearchRange] {
        const { &[SearchRange::learning_rate(5e-3)] }
    }
}

/// The last k blocks.
#[derive(Clone, Copy, Debug)]
pub struct FinetuneLast;

impl Method for FinetuneLast {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: "finetune-last",
            definition: "The last k blocks and a new output layer are trained; the blocks below stay as they are.",
            paper: "Howard & Ruder 2018, ULMFiT, arXiv:1801.06146; Houlsby et al. 2019, figure 3, arXiv:1902.00751",
            level: Level::Parameters,
            uses_model: true,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<Last>(self.info().name, config)?))
    }

    fn search_ranges(&self) -> &'static [SearchRange] {
        const { &[SearchRange::learning_rate(1e-4)] }
    }
}

/// Finetuning II.
#[derive(Clone, Copy, Debug)]
pub struct FinetuneAll;

impl Method for FinetuneAll {
    fn info(&self) -> &'static MethodInfo {
        &MethodInfo {
            name: "finetune-all",
            definition: "Finetuning II: all parameters of the model and a new output layer are trained.",
            paper: "Devlin et al. 2019, BERT, arXiv:1810.04805",
            level: Level::Parameters,
            uses_model: true,
        }
    }

    fn plan(&self, config: Value) -> Result<Box<dyn Plan>, ConfigError> {
        Ok(Box::new(parse_config::<All>(self.info().name, config)?))
    }

    fn search_ranges(&self) -> &'static [SearchRange] {
        const { &[SearchRange::learning_rate(5e-5)] }
    }
}
