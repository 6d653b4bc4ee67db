//! A model's chat template: messages to the prompt that it was trained on. Templates are Jinja, run as transformers runs them (`apply_chat_template`):
//! blocks are trimmed, `raise_exception` ends them, Python's methods of strings, lists and dictionaries are there.

use anyhow::Context;
use minijinja::{Environment, Error, ErrorKind, context};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::path::Path;

/// The one that is used of several with names.
const DEFAULT: &str = "default";
const NAME: &str = "chat template";

/// What one side has said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    pub(crate) role: String,
    pub(crate) content: String,
}

/// A template with the special tokens that it may name.
#[derive(Debug)]
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    tokens: Map<String, Value>,
}

impl ChatTemplate {
    /// That of a model's directory, `None` where it has none.
    ///
    /// # Errors
    /// A file that cannot be read, or a template with a fault.
    pub(crate) fn of_model(dir: &Path) -> anyhow::Result<Option<Self>> {
        let settings = match transformer::gguf_tokenizer_settings(dir)? {
            Some(settings) => settings,
            None => settings_of_folder(dir)?,
        };
        let alone = dir.join("chat_template.jinja");
        let source = if alone.is_file() {
            let text = files::read_text(&alone, files::SETTINGS_BYTES);
            Some(text.with_context(|| format!("reading {}", alone.display()))?)
        } else {
            settings.get("chat_template").and_then(source)
        };
        let template = source.map(|source| Self::new(source, special_tokens(&settings)));
        let of = |error: Error| anyhow::anyhow!("the chat template of {}: {error}", dir.display());
        template.transpose().map_err(of)
    }

    fn new(source: String, tokens: Map<String, Value>) -> Result<Self, Error> {
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment.add_template_owned(NAME, source)?;
        Ok(Self {
            environment,
            tokens,
        })
    }

    /// The prompt behind which the assistant's answer stands.
    ///
    /// # Errors
    /// What the template says against these messages.
    pub(crate) fn prompt(&self, messages: &[Message]) -> Result<String, String> {
        let values = context! {
            messages => messages,
            add_generation_prompt => true,
            ..minijinja::Value::from_serialize(&self.tokens)
        };
        let template = self.environment.get_template(NAME);
        let rendered = template.and_then(|template| template.render(values));
        rendered.map_err(|error| format!("the model's chat template: {error}"))
    }
}

/// The fields of `tokenizer_config.json`; none without it.
fn settings_of_folder(dir: &Path) -> anyhow::Result<Map<String, Value>> {
    let path = dir.join("tokenizer_config.json");
    if !path.is_file() {
        return Ok(Map::new());
    }
    let text = files::read(&path, files::SETTINGS_BYTES)
        .with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("in {}", path.display()))
}

fn raise_exception(message: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// A template alone, or the default one of a list.
fn source(value: &Value) -> Option<String> {
    let named = |list: &Vec<Value>| {
        let default = list.iter().find(|entry| entry["name"] == DEFAULT)?;
        default["template"].as_str().map(str::to_owned)
    };
    match value {
        Value::String(source) => Some(source.clone()),
        Value::Array(list) => named(list),
        _ => None,
    }
}

/// `bos_token`, `eos_token`, .., as text.
fn special_tokens(settings: &Map<String, Value>) -> Map<String, Value> {
    let named = settings.iter().filter(|(name, _)| name.ends_with("_token"));
    let text = |(name, value): (&String, &Value)| {
        let text = value.as_str().or_else(|| value["content"].as_str())?;
        Some((name.clone(), Value::from(text)))
    };
    named.filter_map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn message(role: &str, content: &str) -> Message {
        Message {
            role: role.to_owned(),
            content: content.to_owned(),
        }
    }

    fn rendered(source: &str, messages: &[Message]) -> Result<String, String> {
        let tokens = special_tokens(
            json!({"bos_token": {"content": "<s>"}, "eos_token": "</s>", "add_bos_token": true})
                .as_object()
                .unwrap(),
        );
        ChatTemplate::new(source.to_owned(), tokens)
            .unwrap()
            .prompt(messages)
    }

    /// jinja2 3.1 with trim_blocks and lstrip_blocks, from the same source and messages.
    #[test]
    fn blocks_are_trimmed_and_pythons_methods_answer_as_jinja_has_it() {
        let source = "{{ bos_token }}\n{% for m in messages %}\n  {% if m['role'] == 'user' %}\n[U] {{ m['content'].strip() | upper }}{{ eos_token }}\n  {% elif loop.last and not m.content.startswith('x') %}\n[A] {{ m.content[:2] + '~' }}\n  {% endif %}\n{% endfor %}\n{% if add_generation_prompt %}[A]{% endif %}\n";
        let messages = [message("user", "  hi there "), message("assistant", "yes")];
        let found = rendered(source, &messages).unwrap();
        assert_eq!(found, "<s>\n[U] HI THERE</s>\n[A] ye~\n[A]");
    }

    #[test]
    fn a_template_may_refuse_messages_in_its_own_words() {
        let source = "{% if messages[0].role == 'system' %}{{ raise_exception('no system here') }}{% endif %}ok";
        assert_eq!(rendered(source, &[message("user", "x")]).unwrap(), "ok");
        let error = rendered(source, &[message("system", "x")]).unwrap_err();
        assert!(error.contains("no system here"), "{error}");
    }

    #[test]
    fn the_default_of_several_templates_is_taken_and_a_file_before_any() {
        let dir = tempfile::tempdir().unwrap();
        assert!(ChatTemplate::of_model(dir.path()).unwrap().is_none());
        let several = json!({"chat_template": [{"name": "tools", "template": "t"}, {"name": "default", "template": "d"}]});
        let path = dir.path().join("tokenizer_config.json");
        std::fs::write(path, several.to_string()).unwrap();
        let prompt = || {
            let template = ChatTemplate::of_model(dir.path()).unwrap().unwrap();
            template.prompt(&[]).unwrap()
        };
        assert_eq!(prompt(), "d");
        std::fs::write(dir.path().join("chat_template.jinja"), "f").unwrap();
        assert_eq!(prompt(), "f");
        std::fs::write(dir.path().join("chat_template.jinja"), "{% if %}").unwrap();
        assert!(ChatTemplate::of_model(dir.path()).is_err());
    }
}
