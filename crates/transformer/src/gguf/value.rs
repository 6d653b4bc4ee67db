//! The metadata of a GGUF file: values under names, read with their kind checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::load::LoadError;

/// A value as the file has it; numbers are widened.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Integer(i128),
    Float32(f32),
    Float64(f64),
    Flag(bool),
    Text(String),
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    Flags(Vec<bool>),
    Texts(Vec<String>),
}

impl Value {
    /// In an error's words.
    pub(super) fn describe(&self) -> String {
        match self {
            Value::Integer(value) => value.to_string(),
            Value::Float32(value) => value.to_string(),
            Value::Float64(value) => value.to_string(),
            Value::Flag(value) => value.to_string(),
            Value::Text(text) => format!("\"{}\"", start_of(text)),
            Value::Integers(list) => format!("a list of {} whole numbers", list.len()),
            Value::Floats(list) => format!("a list of {} numbers", list.len()),
            Value::Flags(list) => format!("a list of {} flags", list.len()),
            Value::Texts(list) => format!("a list of {} texts", list.len()),
        }
    }
}

/// So much of a text as an error may show.
pub(super) fn start_of(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}

/// All values of a file.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    file: PathBuf,
    values: BTreeMap<String, Value>,
}

impl Metadata {
    pub(super) fn new(file: &Path, values: BTreeMap<String, Value>) -> Metadata {
        Metadata {
            file: file.to_path_buf(),
            values,
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    pub(super) fn field(&self, key: &str, expected: &str) -> LoadError {
        let found = self.get(key);
        LoadError::Field {
            file: self.file.clone(),
            key: key.to_owned(),
            found: found.map_or("missing".to_owned(), Value::describe),
            expected: expected.to_owned(),
        }
    }

    /// A value that `of` takes; none where the key is missing.
    fn read<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        of: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, LoadError> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => of(value).map(Some).ok_or_else(|| self.field(key, expected)),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, LoadError> {
        self.read(key, "a text", |value| match value {
            Value::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }

    pub(super) fn texts(&self, key: &str) -> Result<Option<&[String]>, LoadError> {
        self.read(key, "a list of texts", |value| match value {
            Value::Texts(list) => Some(list.as_slice()),
            _ => None,
        })
    }

    pub(super) fn integers(&self, key: &str) -> Result<Option<&[i64]>, LoadError> {
        self.read(key, "a list of whole numbers", |value| match value {
            Value::Integers(list) => Some(list.as_slice()),
            _ => None,
        })
    }

    pub(super) fn floats(&self, key: &str) -> Result<Option<&[f64]>, LoadError> {
        self.read(key, "a list of numbers", |value| match value {
            Value::Floats(list) => Some(list.as_slice()),
            _ => None,
        })
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, LoadError> {
        self.read(key, "true or false", |value| match value {
            Value::Flag(flag) => Some(*flag),
            _ => None,
        })
    }

    /// A whole number of at least 0. Where a list has one for each layer all must be equal.
    pub(super) fn count(&self, key: &str) -> Result<Option<u64>, LoadError> {
        let expected = "a whole number of at least 0, the same for every layer";
        self.read(key, expected, |value| match value {
            Value::Integer(value) => u64::try_from(*value).ok(),
            Value::Integers(list) => {
                let first = *list.first()?;
                let same = list.iter().all(|other| *other == first);
                u64::try_from(first).ok().filter(|_| same)
            }
            _ => None,
        })
    }

    /// A token id.
    pub(super) fn id(&self, key: &str) -> Result<Option<u32>, LoadError> {
        self.read(key, "a token id", |value| match value {
            Value::Integer(value) => u32::try_from(*value).ok(),
            _ => None,
        })
    }

    /// A number. Of a float32 the shortest decimal that stands for it: 1e-5 was 1e-5 in the configuration that it was taken from.
    pub(super) fn number(&self, key: &str) -> Result<Option<f64>, LoadError> {
        self.read(key, "a finite number", |value| {
            let number = match value {
                Value::Integer(value) => *value as f64,
                Value::Float32(value) => value.to_string().parse().ok()?,
                Value::Float64(value) => *value,
                _ => return None,
            };
            Some(number).filter(|number| number.is_finite())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(values: &[(&str, Value)]) -> Metadata {
        let values = values.iter();
        let values = values.map(|(key, value)| (key.to_string(), value.clone()));
        Metadata::new(Path::new("m.gguf"), values.collect())
    }

    #[test]
    fn a_float32_is_the_decimal_it_was_made_from() {
        for decimal in [1e-5, 1e-6, 10_000.0, 0.1, 500_000.0, 1.190_238_2] {
            let values = metadata(&[("x", Value::Float32(decimal as f32))]);
            assert_eq!(values.number("x").unwrap(), Some(decimal));
        }
        let values = metadata(&[("x", Value::Float32(f32::NAN))]);
        assert!(values.number("x").is_err());
    }

    #[test]
    fn lists_by_layer_count_where_all_are_equal() {
        let of = |list: &[i64]| {
            let values = metadata(&[("heads", Value::Integers(list.to_vec()))]);
            values.count("heads").map_err(|error| error.to_string())
        };
        assert_eq!(of(&[4, 4, 4]), Ok(Some(4)));
        let error = "\"heads\" in m.gguf is a list of 2 whole numbers, expected a whole number of at least 0, the same for every layer";
        assert_eq!(of(&[4, 2]), Err(error.to_owned()));
        assert!(of(&[]).is_err() && of(&[-1, -1]).is_err());
        assert_eq!(metadata(&[]).count("heads").unwrap(), None);
        let negative = metadata(&[("heads", Value::Integer(-1))]);
        assert!(negative.count("heads").is_err());
    }
}
