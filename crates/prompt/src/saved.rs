//! `prompt.json`: what a fitted prompt keeps, beside the description of the adapter.

use crate::model::{AskedModel, Mode};
use adapt::{LoadAdapterError, SaveError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// The file's name.
pub const PROMPT_FILE: &str = "prompt.json";

/// Bound for it: labelled texts to retrieve from are in it.
const BYTES: u64 = 512 << 20;

/// Everything that stands around a text, as a method keeps it.
pub trait SavedPrompt: Serialize + DeserializeOwned {
    /// How the model is asked.
    fn mode(&self) -> Mode;

    /// Label words, one a class.
    fn words(&self) -> &[String];

    /// # Errors
    /// Contents that contradict each other, or that this model cannot be asked with.
    fn check(&self, classes: usize, model: &AskedModel) -> Result<(), String>;

    /// The file's text.
    fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a prompt serialises")
    }
}

/// # Errors
/// A file that cannot be written.
pub(crate) fn write(prompt: &impl SavedPrompt, dir: &Path) -> Result<(), SaveError> {
    let path = dir.join(PROMPT_FILE);
    std::fs::write(&path, prompt.to_json()).map_err(|source| SaveError {
        path: path.display().to_string(),
        source,
    })
}

/// # Errors
/// A file that is missing, or is not a prompt for `classes` classes and this model.
pub(crate) fn read<P: SavedPrompt>(
    dir: &Path,
    classes: usize,
    model: &AskedModel,
) -> Result<P, LoadAdapterError> {
    let bytes = adapt::read_file(dir, PROMPT_FILE, BYTES)?;
    parse(&bytes, classes, model).map_err(|reason| adapt::malformed(dir, PROMPT_FILE, reason))
}

fn parse<P: SavedPrompt>(bytes: &[u8], classes: usize, model: &AskedModel) -> Result<P, String> {
    let prompt: P = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match prompt.words().len() {
        found if found == classes => prompt.check(classes, model).map(|()| prompt),
        found => Err(format!(
            "{found} label words, expected one for each of {classes} classes"
        )),
    }
}
