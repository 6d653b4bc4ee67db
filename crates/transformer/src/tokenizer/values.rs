//! Values of the files of settings: objects, tokens with their marks, and what an error shows of them.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tokenizers::AddedToken;

use crate::load::LoadError;

/// A file with a JSON object, if it is there.
pub(super) fn object(
    dir: &Path,
    name: &str,
    files: &mut Vec<PathBuf>,
) -> Result<Option<Map<String, Value>>, LoadError> {
    let file = dir.join(name);
    if !super::files::is_there(&file) {
        return Ok(None);
    }
    let text = match files::read_text(&file, files::SETTINGS_BYTES) {
        Ok(text) => text,
        Err(source) => return Err(LoadError::Read { file, source }),
    };
    match serde_json::from_str(&text) {
        Ok(fields) => {
            files.push(file);
            Ok(Some(fields))
        }
        Err(source) => Err(LoadError::Json { file, source }),
    }
}

pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// The tokens of special_tokens_map.json are special, whatever they say of themselves.
pub(super) fn special_object(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.insert("special".to_owned(), Value::Bool(true));
    }
    value
}

pub(super) fn content(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("content")?.as_str())
}

/// `AddedToken(**value)` of Python: what is not said is false, and `normalized` is the opposite of `special`.
pub(super) fn added_token(value: &Value) -> Option<AddedToken> {
    let flag = |key: &str| value.get(key).and_then(Value::as_bool);
    let special = flag("special").unwrap_or(false);
    let mut token = AddedToken::from(value.get("content")?.as_str()?.to_owned(), special);
    token.single_word = flag("single_word").unwrap_or(false);
    token.lstrip = flag("lstrip").unwrap_or(false);
    token.rstrip = flag("rstrip").unwrap_or(false);
    token.normalized = flag("normalized").unwrap_or(!special);
    Some(token)
}

/// A value of somebody else's file in an error's words.
pub(super) fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}
