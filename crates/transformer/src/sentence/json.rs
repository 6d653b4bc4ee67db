//! Fields of the JSON files beside a checkpoint, of the kind that is expected.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::SentenceError;

/// One object, and the file it was read from.
pub(super) struct Fields {
    pub(super) file: PathBuf,
    fields: Map<String, Value>,
}

/// Any JSON of a file of settings.
pub(super) fn read(file: &Path) -> Result<Value, SentenceError> {
    let text = files::read_text(file, files::SETTINGS_BYTES)
        .map_err(|error| SentenceError::new(file, error.to_string()))?;
    serde_json::from_str(&text)
        .map_err(|error| SentenceError::new(file, format!("is not valid JSON: {error}")))
}

impl Fields {
    pub(super) fn read(file: PathBuf) -> Result<Self, SentenceError> {
        let value = read(&file)?;
        Self::of(file, value)
    }

    /// No fields where there is no such file.
    pub(super) fn read_if_there(file: PathBuf) -> Result<Self, SentenceError> {
        match std::fs::symlink_metadata(&file) {
            Ok(_) => Self::read(file),
            Err(_) => Ok(Self {
                file,
                fields: Map::new(),
            }),
        }
    }

    pub(super) fn of(file: PathBuf, value: Value) -> Result<Self, SentenceError> {
        match value {
            Value::Object(fields) => Ok(Self { file, fields }),
            other => {
                let problem = format!("holds {}, expected an object", short(&other));
                Err(SentenceError { file, problem })
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub(super) fn error(&self, problem: impl Into<String>) -> SentenceError {
        SentenceError::new(&self.file, problem)
    }

    /// The field, unless it is missing or null.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    /// The field as `kind` reads it, `None` where it is missing or null.
    pub(super) fn optional<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        kind: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, SentenceError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        match kind(value) {
            Some(found) => Ok(Some(found)),
            None => Err(self.wrong(key, value, expected)),
        }
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, SentenceError> {
        self.optional(key, "true or false", Value::as_bool)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, SentenceError> {
        self.optional(key, "a text", Value::as_str)
    }

    pub(super) fn size(&self, key: &str) -> Result<Option<usize>, SentenceError> {
        let size = |value: &Value| usize::try_from(value.as_u64()?).ok().filter(|&n| n > 0);
        self.optional(key, "a whole number above 0", size)
    }

    pub(super) fn required_size(&self, key: &str) -> Result<usize, SentenceError> {
        let missing = || self.error(format!("\"{key}\" is missing"));
        self.size(key)?.ok_or_else(missing)
    }

    /// A field that may only say what is done anyway.
    pub(super) fn only(&self, key: &str, allowed: &Value) -> Result<(), SentenceError> {
        match self.get(key) {
            Some(value) if value != allowed => {
                let problem = format!(
                    "\"{key}\" is {}, which is not implemented; supported is {allowed}",
                    short(value)
                );
                Err(self.error(problem))
            }
            _ => Ok(()),
        }
    }

    /// Refuses every field that is not among these: what is not known might change what is computed.
    pub(super) fn known(&self, keys: &[&str]) -> Result<(), SentenceError> {
        match self.fields.keys().find(|key| !keys.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                let problem = format!("\"{}\" is not a setting that is known here", clip(key));
                Err(self.error(problem))
            }
        }
    }

    pub(super) fn wrong(&self, key: &str, value: &Value, expected: &str) -> SentenceError {
        self.error(format!(
            "\"{key}\" is {}, expected {expected}",
            short(value)
        ))
    }
}

/// A value in a message, however long it is in the file.
pub(super) fn short(value: &Value) -> String {
    clip(&value.to_string())
}

fn clip(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST).chain("..".chars()).collect()
}
