//! What `serve` opens: models and adapted models, by the names that this program's commands take.

use crate::registry::METHODS;
use crate::sources::adapter_folders::{self, Found};
use crate::sources::{adapters, devices};
use adapt::Predictor;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use transformer::Pretrained;

/// An adapted model, ready to classify.
pub struct Adapted {
    /// It.
    pub predictor: Box<dyn Predictor>,
    /// Names of the classes, in the order of the scores.
    pub classes: Vec<String>,
    /// The method that it was adapted with; `peft` for a checkpoint of PEFT.
    pub method: String,
    /// What scores are divided by for calibrated probabilities, where one was fitted.
    pub temperature: Option<f64>,
}

/// An adapted model and the pretrained one below it.
pub struct Opened {
    /// The adapted model.
    pub adapted: Adapted,
    /// The pretrained one; `None` for a method without a model.
    pub model: Option<Pretrained>,
}

/// Opens the adapter at `dir` onto the model called `model`; texts are cut to `max_length` tokens instead of the length in training, if given.
///
/// # Errors
/// No adapter, or one of another model; a model or device that cannot be used.
pub fn open_adapter(
    dir: &Path,
    model: &str,
    device: &str,
    max_length: Option<NonZeroUsize>,
) -> anyhow::Result<Opened> {
    devices::allow();
    devices::check(device)?;
    let found = adapter_folders::find(dir)?;
    let method = match &found {
        Found::Own(_, info) => info.method.clone(),
        Found::Peft(_) => "peft".to_owned(),
    };
    let opened = adapters::load(METHODS, found, model, device, max_length)?;
    let adapted = Adapted {
        predictor: opened.predictor,
        classes: opened.classes,
        method,
        temperature: None,
    };
    let model = opened.reads.map(|(base, _)| base);
    Ok(Opened { adapted, model })
}

/// Opens a pretrained model; says where its files are.
///
/// # Errors
/// A model or device that cannot be used.
pub fn open_model(model: &str, device: &str) -> anyhow::Result<(Pretrained, PathBuf)> {
    devices::allow();
    devices::check(device)?;
    Ok((adapters::pretrained(model, device)?, folder(model)?))
}

/// The directory of a pretrained model, or its GGUF file.
///
/// # Errors
/// No such model.
pub fn folder(model: &str) -> anyhow::Result<PathBuf> {
    crate::sources::model_dir(model)
}
