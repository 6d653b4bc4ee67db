//! The fields of `config.json`, read with their kind and range checked; null counts as absent.

use serde_json::{Map, Value};

use super::Config;
use crate::load::LoadError;

/// More than any size of any model, and the product of two fits a machine word. What a model really has is known from the tensors
/// only, which are compared with these sizes one by one as they are found, before anything is made of them.
const LARGEST_SIZE: u64 = (1 << 31) - 1;

impl Config {
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
        self.get(key).filter(|value| !value.is_null())
    }

    /// A field as it is.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        #[cfg(test)]
        self.asked.borrow_mut().insert(key.to_owned());
        self.fields.get(key)
    }

    pub(super) fn count(&self, key: &str) -> Result<usize, LoadError> {
        self.count_to(key, LARGEST_SIZE)
    }

    pub(super) fn count_to(&self, key: &str, largest: u64) -> Result<usize, LoadError> {
        let value = self.present(key).and_then(Value::as_u64);
        match value {
            Some(value) if value > largest => Err(self.field(key, &format!("at most {largest}"))),
            Some(value) if value > 0 => Ok(value as usize),
            _ => Err(self.field(key, "a whole number above 0")),
        }
    }

    /// A size that may be 0.
    pub(super) fn size_or(&self, key: &str, default: usize) -> Result<usize, LoadError> {
        match self.present(key) {
            Some(value) if value.as_u64() == Some(0) => Ok(0),
            _ => self.count_or(key, default),
        }
    }

    /// A number that counts only above 0.
    pub(super) fn positive_integer(&self, key: &str) -> Result<Option<usize>, LoadError> {
        match self.present(key) {
            None => Ok(None),
            Some(value) if value.as_i64().is_some_and(|value| value < 1) => Ok(None),
            Some(_) => self.count(key).map(Some),
        }
    }

    /// A count, none where the field is null, and the default where it is not there.
    pub(super) fn nullable_count(
        &self,
        key: &str,
        default: Option<usize>,
    ) -> Result<Option<usize>, LoadError> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Null) => Ok(None),
            Some(_) => self.count(key).map(Some),
        }
    }

    /// A positive number, none where the field is null, and the default where it is not there.
    pub(super) fn nullable_positive(
        &self,
        key: &str,
        default: Option<f64>,
    ) -> Result<Option<f64>, LoadError> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Null) => Ok(None),
            Some(_) => self.positive(key).map(Some),
        }
    }

    /// Refuses a field that is there and says otherwise.
    pub(super) fn must_be(&self, key: &str, only: usize) -> Result<(), LoadError> {
        match self.present(key) {
            Some(value) if value.as_u64() != Some(only as u64) => {
                Err(self.unsupported(key, value, &format!("only {only} is")))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn count_or(&self, key: &str, default: usize) -> Result<usize, LoadError> {
        match self.present(key) {
            Some(_) => self.count(key),
            None => Ok(default),
        }
    }

    /// A rate of dropout. At 1 nothing would be left to divide by what is left.
    pub(super) fn probability_or(&self, key: &str, default: f64) -> Result<f64, LoadError> {
        self.number_or(key, default, "a probability, from 0 to below 1", |value| {
            (0.0..1.0).contains(&value)
        })
    }

    /// What is added to a variance under a root.
    pub(super) fn epsilon_or(&self, key: &str, default: f64) -> Result<f64, LoadError> {
        self.number_or(key, default, "a number from 0 to 1", |value| {
            (0.0..=1.0).contains(&value)
        })
    }

    pub(super) fn deviation_or(&self, key: &str, default: f64) -> Result<f64, LoadError> {
        let range = 0.0..=f64::from(f32::MAX);
        self.number_or(key, default, "a number of at least 0", |value| {
            range.contains(&value)
        })
    }

    pub(super) fn positive_or(&self, key: &str, default: f64) -> Result<f64, LoadError> {
        let range = f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX);
        self.number_or(key, default, "a number above 0", |value| {
            range.contains(&value)
        })
    }

    pub(super) fn positive(&self, key: &str) -> Result<f64, LoadError> {
        match self.present(key) {
            Some(_) => self.positive_or(key, f64::NAN),
            None => Err(self.field(key, "a number above 0")),
        }
    }

    fn number_or(
        &self,
        key: &str,
        default: f64,
        expected: &str,
        is_allowed: impl Fn(f64) -> bool,
    ) -> Result<f64, LoadError> {
        match self.present(key) {
            None => Ok(default),
            Some(value) => value
                .as_f64()
                .filter(|&value| is_allowed(value))
                .ok_or_else(|| self.field(key, expected)),
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

    /// `count` positive numbers.
    pub(super) fn numbers(&self, key: &str, count: usize) -> Result<Vec<f64>, LoadError> {
        let range = f64::from(f32::MIN_POSITIVE)..=f64::from(f32::MAX);
        let number = |value: &Value| value.as_f64().filter(|value| range.contains(value));
        let values = self.present(key).and_then(Value::as_array);
        let numbers: Option<Vec<f64>> =
            values.and_then(|values| values.iter().map(number).collect());
        numbers
            .filter(|numbers| numbers.len() == count)
            .ok_or_else(|| self.field(key, &format!("a list of {count} numbers above 0")))
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

    /// A token id, where the word embeddings have a row for it: many checkpoints name a padding token that was never added.
    pub(super) fn id_in_table(&self, key: &str) -> Result<Option<u32>, LoadError> {
        let vocab = self.count("vocab_size")?;
        Ok(self.id(key)?.filter(|&id| (id as usize) < vocab))
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
