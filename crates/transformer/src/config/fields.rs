//! The fields of `config.json`, read with their kind checked; null counts as absent.

use serde_json::{Map, Value};

use super::Config;
use crate::load::LoadError;

impl Config {
    pub(super) fn refuse_unless_absent_or(
        &self,
        key: &str,
        allowed: &Value,
    ) -> Result<(), LoadError> {
        match self.present(key) {
            Some(found)
                if found != allowed && found.as_f64() != allowed.as_f64().or(Some(f64::NAN)) =>
            {
                Err(LoadError::UnsupportedSetting {
                    file: self.file.clone(),
                    key: key.to_owned(),
                    found: found.to_string(),
                    reason: format!("only {allowed} is"),
                })
            }
            _ => Ok(()),
        }
    }

    /// `pruned_heads` removes rows from single layers, which no field of `Shape` describes.
    pub(super) fn refuse_pruned_heads(&self) -> Result<(), LoadError> {
        match self.object("pruned_heads")? {
            Some(pruned) if !pruned.is_empty() => Err(LoadError::UnsupportedSetting {
                file: self.file.clone(),
                key: "pruned_heads".to_owned(),
                found: Value::from(pruned).to_string(),
                reason: "every block must have all of its heads".to_owned(),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn whole_heads(
        &self,
        all: usize,
        by: usize,
        key: &str,
        by_key: &str,
    ) -> Result<usize, LoadError> {
        match all.is_multiple_of(by) {
            true => Ok(all / by),
            false => Err(self.field(key, &format!("a multiple of {by_key} ({by})"))),
        }
    }

    /// A field that is there and not null.
    pub(super) fn present(&self, key: &str) -> Option<&Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn count(&self, key: &str) -> Result<usize, LoadError> {
        let value = self.present(key).and_then(Value::as_u64);
        match value {
            Some(value) if value > 0 => Ok(value as usize),
            _ => Err(self.field(key, "a whole number above 0")),
        }
    }

    pub(super) fn count_or(&self, key: &str, default: usize) -> Result<usize, LoadError> {
        match self.present(key) {
            Some(_) => self.count(key),
            None => Ok(default),
        }
    }

    pub(super) fn number(&self, key: &str) -> Result<f64, LoadError> {
        let value = self.present(key).and_then(Value::as_f64);
        value.ok_or_else(|| self.field(key, "a number"))
    }

    pub(super) fn number_or(&self, key: &str, default: f64) -> Result<f64, LoadError> {
        match self.present(key) {
            Some(_) => self.number(key),
            None => Ok(default),
        }
    }

    pub(super) fn flag_or(&self, key: &str, default: bool) -> Result<bool, LoadError> {
        match self.present(key) {
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.field(key, "true or false")),
            None => Ok(default),
        }
    }

    pub(crate) fn text(&self, key: &str, default: Option<&str>) -> Result<String, LoadError> {
        match (self.present(key), default) {
            (Some(Value::String(text)), _) => Ok(text.clone()),
            (None, Some(default)) => Ok(default.to_owned()),
            _ => Err(self.field(key, "a text")),
        }
    }

    pub(super) fn object(&self, key: &str) -> Result<Option<Map<String, Value>>, LoadError> {
        match self.present(key) {
            Some(Value::Object(fields)) => Ok(Some(fields.clone())),
            Some(_) => Err(self.field(key, "an object")),
            None => Ok(None),
        }
    }

    /// A token id; some files give a list, of which the first counts.
    pub(crate) fn id(&self, key: &str) -> Result<Option<u32>, LoadError> {
        let value = match self.present(key) {
            Some(Value::Array(ids)) => ids.first(),
            value => value,
        };
        let Some(value) = value else { return Ok(None) };
        // Old Llama files write -1 for "none".
        if value.as_i64() == Some(-1) {
            return Ok(None);
        }
        match value.as_u64().and_then(|id| u32::try_from(id).ok()) {
            Some(id) => Ok(Some(id)),
            None => Err(self.field(key, "a token id")),
        }
    }

    pub(super) fn field(&self, key: &str, expected: &str) -> LoadError {
        let found = self.fields.get(key);
        LoadError::Field {
            file: self.file.clone(),
            key: key.to_owned(),
            found: found.map_or("missing".to_owned(), Value::to_string),
            expected: expected.to_owned(),
        }
    }
}
