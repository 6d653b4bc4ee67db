//! From a directory to a predictor.

use crate::PeftError;
use crate::config::{Config, Kind};
use crate::fold::{self, WRAPPED};
use crate::head;
use crate::modules::Model;
use crate::predictor::{PeftPredictor, Source};
use crate::prompt::Front;
use crate::tensors::Tensors;
use burn::module::Module;
use serde_json::{Map, Value};
use std::io::ErrorKind;
use std::path::Path;
use transformer::Pretrained;

/// What a PEFT checkpoint says of itself.
pub const CONFIG_FILE: &str = "adapter_config.json";

/// A PEFT checkpoint's tensors.
pub const TENSORS_FILE: &str = "adapter_model.safetensors";

/// The names of the classes, one a line: written beside a checkpoint, which has no place for them.
pub const LABELS_FILE: &str = "labels.txt";

/// What stands before the names of the base model's tensors.
pub(crate) fn prefix(prompt_learning: bool) -> &'static str {
    match prompt_learning {
        true => "base_model.",
        false => WRAPPED,
    }
}

/// Reads the checkpoint in `dir` onto the model that it was trained on.
///
/// # Errors
/// A file that is missing or broken, a kind of adapter or a setting that is not supported, a tensor that is missing, does
/// not fit the base model, or has no place.
pub fn read(dir: &Path, base: &Pretrained) -> Result<PeftPredictor, PeftError> {
    let config = Config::parse(json(&dir.join(CONFIG_FILE))?)?;
    let backbone = base.backbone.clone().no_grad().valid();
    let shape = &base.shape;
    let mut tensors = Tensors::open(&dir.join(TENSORS_FILE), backbone.device())?;
    let values = tensors.values();
    let prefix = prefix(config.kind.is_prompt_learning());
    let head = head::take(&mut tensors, prefix, base)?;
    let mut model = Model { backbone, head };
    let mut front = Front::Nothing;
    match &config.kind {
        Kind::Lora(lora) => fold::lora(&mut model, &mut tensors, &config, lora)?,
        Kind::Ia3 { feed_forward } => {
            fold::ia3(&mut model, &mut tensors, &config, feed_forward.as_ref())?;
        }
        Kind::Vera { rank } => fold::vera(&mut model, &mut tensors, &config, *rank)?,
        Kind::LayerNorm => fold::layer_norm(&mut model, &mut tensors, &config)?,
        Kind::Prompt(tokens) => front = Front::prompt(&mut tensors, shape, tokens)?,
        Kind::Prefix(tokens) => front = Front::prefix(&mut tensors, shape, tokens)?,
    }
    let left: Vec<&String> = tensors.names().collect();
    if let Some(first) = left.first() {
        return Err(PeftError::LeftOver {
            count: left.len(),
            architecture: shape.architecture.name(),
            peft_type: config.kind.name(),
            first: (*first).clone(),
        });
    }
    let classes = classes(dir, model.head.classes())?;
    let source = Source {
        dir: dir.to_owned(),
        values,
    };
    Ok(PeftPredictor::new(model, front, base, classes, source))
}

/// A checkpoint names no classes: what [`LABELS_FILE`] beside it says, or their numbers.
fn classes(dir: &Path, count: usize) -> Result<Vec<String>, PeftError> {
    let path = dir.join(LABELS_FILE);
    let text = match files::read_text(&path, files::SETTINGS_BYTES) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            return Err(PeftError::Read {
                path,
                source,
                hint: "",
            });
        }
        text => text.unwrap_or_default(),
    };
    let names: Vec<String> = text.lines().map(str::to_owned).collect();
    Ok(match names.len() == count {
        true => names,
        false => (0..count).map(|class| class.to_string()).collect(),
    })
}

fn json(path: &Path) -> Result<Map<String, Value>, PeftError> {
    let text = files::read(path, files::SETTINGS_BYTES).map_err(|source| PeftError::Read {
        path: path.to_owned(),
        source,
        hint: "",
    })?;
    serde_json::from_slice(&text).map_err(|error| PeftError::Broken {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}
