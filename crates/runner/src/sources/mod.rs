//! Where a model or a task comes from, and the digest of what is there.

pub(crate) mod adapter_folders;
pub(crate) mod adapters;
pub(crate) mod bundled;
pub(crate) mod devices;

use anyhow::{Context, bail};
use bundled::Bundle;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use task::Task;

/// A model that was found.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// As the user wrote it.
    pub(crate) name: String,
    /// A directory, or a GGUF file.
    pub(crate) dir: PathBuf,
    /// SHA-256 of every file that decides what is computed.
    pub(crate) digest: String,
}

/// Where a trial reads its task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TaskSource {
    Bundled(String),
    Dir(PathBuf),
}

/// Finds a model: bundled, a directory, a GGUF file, or a Hub id.
///
/// # Errors
/// None of these, or files that cannot be read.
pub(crate) fn model(name: &str) -> anyhow::Result<Model> {
    let dir = model_dir(name)?;
    let digest =
        transformer::model_digest(&dir).with_context(|| format!("the model \"{name}\""))?;
    Ok(Model {
        name: name.to_owned(),
        dir,
        digest,
    })
}

/// The directory of a model, or its GGUF file.
///
/// # Errors
/// Neither bundled, nor a directory or a GGUF file, nor a Hub id that can be had.
pub(crate) fn model_dir(name: &str) -> anyhow::Result<PathBuf> {
    let bundles: Vec<&Bundle> = bundled::models().collect();
    if let Some(bundle) = bundles.iter().find(|bundle| bundle.name == name) {
        return bundle.unpack();
    }
    refuse_unknown_name("model", name, &bundles)?;
    refuse_adapted(name)?;
    transformer::locate(name).with_context(|| format!("the model \"{name}\""))
}

/// What `run --keep-adapters` saved is no model of its own.
fn refuse_adapted(name: &str) -> anyhow::Result<()> {
    let dir = Path::new(name);
    if !dir.is_dir() || dir.join("config.json").exists() {
        return Ok(());
    }
    if let Ok(adapter_folders::Found::Own(_, info)) = adapter_folders::find(dir) {
        bail!(
            "{name} is what run --keep-adapters saved of the method {}, not a model; give it to predict as --adapter {name} with --model {}",
            info.method,
            info.base_model
        );
    }
    Ok(())
}

/// Reads a task to see that it is sound, and says where a trial finds it again.
///
/// # Errors
/// Neither bundled, nor a directory, nor a Hub data set; or files with a fault.
pub(crate) fn task(name: &str) -> anyhow::Result<(TaskSource, Task)> {
    let bundles: Vec<&Bundle> = bundled::tasks().collect();
    let source = if bundles.iter().any(|bundle| bundle.name == name) {
        TaskSource::Bundled(name.to_owned())
    } else {
        refuse_unknown_name("task", name, &bundles)?;
        TaskSource::Dir(task::locate(name).with_context(|| format!("the task \"{name}\""))?)
    };
    let task = read_task(&source)?;
    Ok((source, task))
}

/// Reads a task from where it was found.
///
/// # Errors
/// Files with a fault.
pub(crate) fn read_task(source: &TaskSource) -> anyhow::Result<Task> {
    Ok(match source {
        TaskSource::Dir(dir) => task::load(dir)?,
        TaskSource::Bundled(name) => {
            let bundle = bundled::tasks()
                .find(|bundle| bundle.name == name)
                .context("the bundled task is not in this build")?;
            task::from_bytes(bundle.name, bundle.files)?
        }
    })
}

/// A name that is no path and no `org/name` can only have meant a bundled one.
fn refuse_unknown_name(what: &str, name: &str, bundles: &[&Bundle]) -> anyhow::Result<()> {
    if name.contains('/') || Path::new(name).exists() {
        return Ok(());
    }
    let known: Vec<&str> = bundles.iter().map(|bundle| bundle.name).collect();
    let hint = task::did_you_mean(name, &known);
    bail!(
        "no {what} \"{name}\"{hint}: neither a directory{}, nor a Hub id (org/name), nor bundled ({})",
        if what == "model" {
            " nor a GGUF file"
        } else {
            ""
        },
        known.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_trial_kept_is_told_from_a_model() {
        let dir = tempfile::tempdir().unwrap();
        let info = adapt::SavedInfo {
            method: "lora".to_owned(),
            config: serde_json::json!({}),
            classes: vec!["good".to_owned()],
            budget: adapt::Budget::default(),
            pooling: None,
            base_model: "org/base".to_owned(),
            base_digest: None,
            pairs: None,
        };
        adapt::write_info(&info, &dir.path().join("adapter")).unwrap();
        let name = dir.path().to_str().unwrap();
        assert_eq!(
            model_dir(name).unwrap_err().to_string(),
            format!(
                "{name} is what run --keep-adapters saved of the method lora, not a model; give it to predict as --adapter {name} with --model org/base"
            )
        );
    }

    #[test]
    fn a_misspelt_bundled_name_is_corrected() {
        let known = bundled::tasks().next().unwrap().name;
        let error = task(&known[..known.len() - 1]).unwrap_err().to_string();
        assert!(
            error.contains(&format!("did you mean \"{known}\"?")),
            "{error}"
        );
    }
}
