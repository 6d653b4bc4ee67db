//! What tokenizer_config.json, special_tokens_map.json and added_tokens.json say, laid over each other as transformers 5 does
//! (`PreTrainedTokenizerBase._from_pretrained`).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use tokenizers::{AddedToken, TruncationDirection};

use super::effects::refuse_what_is_not_done;
use super::values::{added_token, content, is_empty, object, shortened, special_object};
use crate::load::LoadError;

/// Names of the tokens with a function, in the order in which transformers adds them.
const FUNCTIONS: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// The settings of a folder.
pub(super) struct Settings {
    file: PathBuf,
    fields: Map<String, Value>,
    /// Tokens with the ids that the files give them.
    pub(super) declared: BTreeMap<u32, AddedToken>,
    by_content: HashMap<String, AddedToken>,
    pub(super) files: Vec<PathBuf>,
}

/// A token that is named in the settings, as a text or with its properties.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Named {
    Text(String),
    Token(AddedToken),
}

impl Named {
    pub(super) fn content(&self) -> &str {
        match self {
            Named::Text(text) => text,
            Named::Token(token) => &token.content,
        }
    }
}

impl Settings {
    /// Reads the three files; `own` are the added tokens of tokenizer.json.
    pub(super) fn read(
        dir: &Path,
        own: &[(u32, AddedToken)],
        has_json: bool,
    ) -> Result<Settings, LoadError> {
        let mut files = Vec::new();
        let mut object = |name: &str| object(dir, name, &mut files);
        let fields = object("tokenizer_config.json")?.unwrap_or_default();
        // Both files are from before transformers 4.34, which gathered everything in added_tokens_decoder.
        let (map, added) = match fields
            .get("added_tokens_decoder")
            .and_then(Value::as_object)
        {
            Some(_) => (None, None),
            None => (
                object("special_tokens_map.json")?,
                object("added_tokens.json")?,
            ),
        };
        let mut settings = Settings::of(dir.join("tokenizer_config.json"), fields)?;
        settings.files = files;
        if has_json {
            settings.fields.remove("add_bos_token");
            settings.fields.remove("add_eos_token");
        }
        settings.rename_additional(true);
        match settings.fields.remove("added_tokens_decoder") {
            Some(Value::Object(tokens)) => settings.declare_decoder(&tokens)?,
            _ => {
                settings.lay_over(map.unwrap_or_default());
                settings.declare_added(dir, &added.unwrap_or_default())?;
                for (id, token) in own {
                    settings.declare(*id, token.clone());
                }
            }
        }
        settings.rename_additional(false);
        Ok(settings)
    }

    /// Fields in the words of tokenizer_config.json; `file` says them.
    pub(super) fn of(file: PathBuf, fields: Map<String, Value>) -> Result<Settings, LoadError> {
        refuse_what_is_not_done(&file, &fields)?;
        Ok(Settings {
            file,
            fields,
            declared: BTreeMap::new(),
            by_content: HashMap::new(),
            files: Vec::new(),
        })
    }

    /// `additional_special_tokens` is the old name of `extra_special_tokens`. Where the new one is there too, even empty, it wins.
    fn rename_additional(&mut self, or_empty: bool) {
        let there = match self.fields.get("extra_special_tokens") {
            None => false,
            Some(value) => !or_empty || !is_empty(value),
        };
        if !there && let Some(old) = self.fields.remove("additional_special_tokens") {
            self.fields.insert("extra_special_tokens".to_owned(), old);
        }
    }

    fn lay_over(&mut self, map: Map<String, Value>) {
        for (key, mut value) in map {
            if key == "extra_special_tokens" && value.is_array() {
                let mut all = match self.fields.get(&key) {
                    Some(Value::Array(before)) => before.clone(),
                    _ => Vec::new(),
                };
                for token in value.as_array().into_iter().flatten() {
                    let token = special_object(token.clone());
                    if !all.contains(&token) {
                        all.push(token);
                    }
                }
                value = Value::Array(all);
            } else if key != "extra_special_tokens" {
                value = special_object(value);
            }
            self.fields.insert(key, value);
        }
    }

    fn declare(&mut self, id: u32, token: AddedToken) {
        self.by_content.insert(token.content.clone(), token.clone());
        self.declared.insert(id, token);
    }

    fn declare_decoder(&mut self, tokens: &Map<String, Value>) -> Result<(), LoadError> {
        for (id, value) in tokens {
            let key = format!("added_tokens_decoder.{id}");
            let id = id.parse().ok();
            let id = id.ok_or_else(|| self.wrong(&key, value, "an id below 2^32 as its name"))?;
            let token = added_token(value);
            let token =
                token.ok_or_else(|| self.wrong(&key, value, "an object with \"content\""))?;
            self.declare(id, token);
        }
        Ok(())
    }

    fn declare_added(&mut self, dir: &Path, tokens: &Map<String, Value>) -> Result<(), LoadError> {
        let mut special: Vec<String> = Vec::new();
        for key in FUNCTIONS {
            special.extend(self.fields.get(key).and_then(content).map(str::to_owned));
        }
        if let Some(Value::Array(extra)) = self.fields.get("extra_special_tokens") {
            special.extend(extra.iter().filter_map(content).map(str::to_owned));
        }
        for (text, id) in tokens {
            let file = dir.join("added_tokens.json");
            let wrong = || LoadError::Field {
                file,
                key: text.clone(),
                found: shortened(id),
                expected: "an id below 2^32".to_owned(),
            };
            let id = id.as_u64().and_then(|id| u32::try_from(id).ok());
            let id = id.ok_or_else(wrong)?;
            self.declare(id, AddedToken::from(text.clone(), special.contains(text)));
        }
        Ok(())
    }

    fn wrong(&self, key: &str, found: &Value, expected: &str) -> LoadError {
        LoadError::Field {
            file: self.file.clone(),
            key: key.to_owned(),
            found: shortened(found),
            expected: expected.to_owned(),
        }
    }

    /// Tokens with a function, in the order in which transformers adds them: the seven usual ones, with the class's own where
    /// no file names one, then those of any other name.
    pub(super) fn functions(
        &self,
        usual: &[(&'static str, &str)],
    ) -> Result<Vec<(String, Named)>, LoadError> {
        let mut all = Vec::new();
        for key in FUNCTIONS {
            let usual = usual.iter().find(|(name, _)| *name == key);
            let named = match self.fields.get(key) {
                None => usual.map(|(_, text)| Named::Text((*text).to_owned())),
                Some(Value::Null) => None,
                Some(value) => Some(self.named(key, value)?),
            };
            all.extend(named.map(|named| (key.to_owned(), named)));
        }
        let others = self.fields.iter();
        let others = others.filter(|(key, value)| {
            key.ends_with("_token")
                && !FUNCTIONS.contains(&key.as_str())
                && content(value).is_some()
        });
        for (key, value) in others {
            all.push((key.clone(), self.named(key, value)?));
        }
        if let Some(Value::Object(tokens)) = self.fields.get("extra_special_tokens") {
            for (key, value) in tokens {
                all.push((key.clone(), self.named(key, value)?));
            }
        }
        Ok(all)
    }

    fn named(&self, key: &str, value: &Value) -> Result<Named, LoadError> {
        let named = match value {
            Value::String(text) => Named::Text(text.clone()),
            value => {
                let token = added_token(value);
                Named::Token(token.ok_or_else(|| self.wrong(key, value, "a text"))?)
            }
        };
        let known = self.by_content.get(named.content());
        Ok(match known {
            Some(token) if self.fields.contains_key(key) => Named::Token(token.clone()),
            _ => named,
        })
    }

    /// Further special tokens; `None` where no file lists any. Those of an object have a function of their own.
    pub(super) fn extra(&self) -> Result<Option<Vec<Named>>, LoadError> {
        let key = "extra_special_tokens";
        match self.fields.get(key) {
            None | Some(Value::Object(_)) => Ok(None),
            Some(Value::Null) => Ok(Some(Vec::new())),
            Some(Value::Array(tokens)) => {
                let named = tokens.iter().map(|token| match token {
                    Value::String(text) => Ok(Named::Text(text.clone())),
                    token => match added_token(token) {
                        Some(token) => Ok(Named::Token(token)),
                        None => Err(self.wrong(key, token, "a text")),
                    },
                });
                named.collect::<Result<_, _>>().map(Some)
            }
            Some(other) => Err(self.wrong(key, other, "a list of tokens")),
        }
    }

    /// A setting that is true or false; `None` where it is absent or null.
    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, LoadError> {
        match self.fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.wrong(key, other, "true or false")),
        }
    }

    /// A setting that is a place in a list; `None` where it is absent or null.
    pub(super) fn place(&self, key: &str) -> Result<Option<usize>, LoadError> {
        match self.fields.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64().and_then(|place| usize::try_from(place).ok()) {
                Some(place) => Ok(Some(place)),
                None => Err(self.wrong(key, value, "a whole number of 0 or more")),
            },
        }
    }

    /// The class that the file names.
    pub(super) fn class(&self) -> Option<&str> {
        self.fields.get("tokenizer_class").and_then(Value::as_str)
    }

    /// Where a text that is too long is cut; `stored`: what tokenizer.json says.
    pub(super) fn truncation_side(
        &self,
        stored: Option<&str>,
    ) -> Result<TruncationDirection, LoadError> {
        let key = "truncation_side";
        let said = self.fields.get(key).filter(|value| !value.is_null());
        let side = match said {
            Some(value) => value.as_str().map(str::to_owned),
            None => Some(stored.unwrap_or("right").to_lowercase()),
        };
        match side.as_deref() {
            Some("left") => Ok(TruncationDirection::Left),
            Some("right") => Ok(TruncationDirection::Right),
            _ => Err(self.wrong(key, said.unwrap_or(&Value::Null), "\"left\" or \"right\"")),
        }
    }

    /// Whether token types are among the model's inputs that the file lists; `None` where it lists none.
    pub(super) fn token_types(&self) -> Option<bool> {
        let names = self.fields.get("model_input_names")?.as_array()?;
        Some(names.iter().any(|name| name == "token_type_ids"))
    }
}
