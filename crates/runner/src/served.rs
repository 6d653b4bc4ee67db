//! What `serve` opens: models and adapted models, by the names that this program's commands take.

use crate::registry::METHODS;
use crate::sources::adapter_folders::{self, Found};
use crate::sources::{adapters, devices};
use adapt::Predictor;
use anyhow::Context;
use record::TrialRecord;
use record::store::RECORD_FILE;
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
    let (method, temperature) = match &found {
        Found::Own(folder, info) => (info.method.clone(), temperature(folder, &info.method)?),
        Found::Peft(_) => ("peft".to_owned(), None),
    };
    let opened = adapters::load(METHODS, found, model, device, max_length)?;
    let adapted = Adapted {
        predictor: opened.predictor,
        classes: opened.classes,
        method,
        temperature,
    };
    let model = opened.reads.map(|(base, _)| base);
    Ok(Opened { adapted, model })
}

/// The temperature that the validation split gave the trial whose folder an adapter lies in; `None` where it lies elsewhere, or there is none.
///
/// # Errors
/// A record beside it that cannot be read.
fn temperature(adapter: &Path, method: &str) -> anyhow::Result<Option<f64>> {
    let folders = [Some(adapter), adapter.parent()];
    let records = folders
        .into_iter()
        .flatten()
        .map(|folder| folder.join(RECORD_FILE));
    let Some(path) = records.into_iter().find(|path| path.is_file()) else {
        return Ok(None);
    };
    let text = files::read(&path, files::SETTINGS_BYTES)
        .with_context(|| format!("reading {}", path.display()))?;
    let record: TrialRecord =
        serde_json::from_slice(&text).with_context(|| format!("in {}", path.display()))?;
    let tempered = record.calibration.tempered;
    let own = tempered.filter(|_| record.spec.method == method);
    Ok(own.map(|tempered| tempered.temperature))
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

#[cfg(test)]
mod tests {
    use super::*;
    use record::{Calibration, Outcome, Tempered, TrialSpec};

    #[test]
    fn the_temperature_is_that_of_the_record_that_the_adapter_lies_beside() {
        let trial = tempfile::tempdir().unwrap();
        let adapter = trial.path().join("adapter");
        std::fs::create_dir(&adapter).unwrap();
        assert_eq!(temperature(&adapter, "cedar").unwrap(), None);
        let spec = TrialSpec {
            method: "cedar".to_owned(),
            ..TrialSpec::default()
        };
        let mut record = TrialRecord::unmeasured("t".to_owned(), spec, Outcome::Finished);
        record.calibration = Calibration {
            tempered: Some(Tempered {
                temperature: 1.75,
                ..Tempered::default()
            }),
            ..Calibration::default()
        };
        let path = trial.path().join(RECORD_FILE);
        std::fs::write(&path, serde_json::to_string(&record).unwrap()).unwrap();
        assert_eq!(temperature(&adapter, "cedar").unwrap(), Some(1.75));
        assert_eq!(temperature(trial.path(), "cedar").unwrap(), Some(1.75));
        assert_eq!(
            temperature(&adapter, "birch").unwrap(),
            None,
            "of another trial"
        );
        std::fs::write(&path, "{").unwrap();
        assert!(temperature(&adapter, "cedar").is_err());
    }
}
