//! From where a killed pretraining goes on: weights, the optimiser's state, and how far it had come, in a folder that appears by rename.

use crate::PretrainError;
use crate::model::Model;
use crate::prepare::{copy_model_files, read_model, write_weights};
use burn::optim::ModuleOptimizer;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use transformer::Precision;

const FOLDER: &str = "checkpoints";
const OPTIMIZER_FILE: &str = "optimizer.bpk";
const STATE_FILE: &str = "state.json";
/// The newest ones that stay.
const KEPT: usize = 2;

/// How far a pretraining has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Steps done.
    pub(crate) step: u64,
    /// Seconds of training in all processes so far.
    pub(crate) elapsed_s: f64,
}

/// Writes a checkpoint and removes those before the last.
pub(crate) fn write(
    dir: &Path,
    model: &Model,
    optimizer: &ModuleOptimizer,
    state: State,
) -> Result<(), PretrainError> {
    let folder = dir.join(FOLDER);
    let target = folder.join(format!("step-{:09}", state.step));
    let temporary = folder.join("unfinished");
    let _ = fs::remove_dir_all(&temporary);
    fs::create_dir_all(&temporary).map_err(PretrainError::file(&temporary))?;
    copy_model_files(dir, &temporary)?;
    write_weights(&temporary.join("model.safetensors"), model, Precision::F32)?;
    let file = temporary.join(OPTIMIZER_FILE);
    optimizer
        .save(&file)
        .map_err(|error| PretrainError::Optimizer {
            file: file.clone(),
            reason: error.to_string(),
        })?;
    let text = serde_json::to_string(&state).expect("plain data");
    crate::prepare::write(&temporary.join(STATE_FILE), text.as_bytes())?;
    let _ = fs::remove_dir_all(&target);
    fs::rename(&temporary, &target).map_err(PretrainError::file(&target))?;
    for old in all(dir).iter().rev().skip(KEPT) {
        let _ = fs::remove_dir_all(old);
    }
    Ok(())
}

/// The newest checkpoint, if there is one.
pub(crate) fn read(
    dir: &Path,
    optimizer: ModuleOptimizer,
    device: &Device,
) -> Result<Option<(Model, ModuleOptimizer, State)>, PretrainError> {
    let Some(newest) = all(dir).pop() else {
        return Ok(None);
    };
    let model = read_model(&newest, device)?;
    let file = newest.join(OPTIMIZER_FILE);
    let optimizer = optimizer
        .load(&file)
        .map_err(|error| PretrainError::Optimizer {
            file: file.clone(),
            reason: error.to_string(),
        })?;
    let file = newest.join(STATE_FILE);
    let text = fs::read_to_string(&file).map_err(PretrainError::file(&file))?;
    let state = serde_json::from_str(&text).map_err(|error| PretrainError::Optimizer {
        file,
        reason: error.to_string(),
    })?;
    Ok(Some((model, optimizer, state)))
}

/// Finished checkpoints, the oldest first.
fn all(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join(FOLDER))
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("step-"))
        })
        .collect();
    found.sort();
    found
}
