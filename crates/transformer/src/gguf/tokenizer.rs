//! From the metadata of a GGUF file to the tokenizer.json that the same model has, and to what its tokenizer_config.json says.

mod byte_level;
mod sentence_pieces;
mod word_pieces;

use serde_json::{Map, Value, json};

use super::{Gguf, names, value};
use crate::load::LoadError;

/// The words, an object of words and ids.
type Words = Map<String, Value>;

/// tokenizer.json as a text, and the fields of tokenizer_config.json.
pub(super) fn of(gguf: &Gguf) -> Result<(String, Map<String, Value>), LoadError> {
    let listed = Listed::read(gguf)?;
    let parts = match listed.model {
        "gpt2" => byte_level::parts(&listed)?,
        "llama" => sentence_pieces::parts(&listed)?,
        "bert" => word_pieces::parts(&listed)?,
        other => {
            return Err(gguf.unsupported(
                format!(
                    "has a tokenizer of the kind \"{}\"",
                    value::start_of(other)
                ),
                format!(
                    "read are gpt2 (BPE of bytes), llama (BPE of SentencePiece) and bert (WordPiece); {}",
                    super::error::FOLDER_INSTEAD
                ),
            ));
        }
    };
    let json = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": listed.added_tokens(),
        "normalizer": parts.normalizer,
        "pre_tokenizer": parts.pre_tokenizer,
        "post_processor": parts.around.post_processor(&listed)?,
        "decoder": parts.decoder,
        "model": parts.model,
    });
    Ok((json.to_string(), listed.settings()?))
}

/// What the kinds of tokenizers differ in.
struct Parts {
    normalizer: Value,
    pre_tokenizer: Value,
    decoder: Value,
    model: Value,
    around: Around,
}

/// What stands around every text; ids.
struct Around {
    before: Option<u32>,
    after: Option<u32>,
    /// The second text of a pair begins with `before` too, and its tokens have the type 1, as those around them.
    begins_twice: bool,
}

/// What a token is, by `tokenizer.ggml.token_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Normal,
    Unknown,
    /// Found whole in a text, and left out of the text of tokens.
    Control,
    /// Found whole in a text.
    UserDefined,
    /// Fills up the table; no text has it.
    Unused,
    Byte,
}

/// The lists of the metadata.
struct Listed<'a> {
    gguf: &'a Gguf,
    model: &'a str,
    tokens: &'a [String],
    /// One for each token.
    roles: Vec<Role>,
    /// The pieces are Gemma's, which are spelt otherwise.
    gemma: bool,
}

impl<'a> Listed<'a> {
    fn read(gguf: &'a Gguf) -> Result<Listed<'a>, LoadError> {
        let metadata = gguf.metadata();
        let key = "tokenizer.ggml.model";
        let model = metadata.text(key)?;
        let model = model.ok_or_else(|| metadata.field(key, "the kind of the tokenizer"))?;
        let key = "tokenizer.ggml.tokens";
        let tokens = metadata.texts(key)?;
        let tokens = tokens.ok_or_else(|| metadata.field(key, "the words of the tokenizer"))?;
        let key = "tokenizer.ggml.token_type";
        let roles = match metadata.integers(key)? {
            None => vec![Role::Normal; tokens.len()],
            Some(numbers) if numbers.len() == tokens.len() => {
                numbers.iter().map(|number| role(*number)).collect()
            }
            Some(_) => {
                let expected = format!("one for each of {} tokens", tokens.len());
                return Err(metadata.field(key, &expected));
            }
        };
        let architecture = names::names(gguf)?.architecture;
        Ok(Listed {
            gguf,
            model,
            tokens,
            roles,
            gemma: model == "llama" && architecture.starts_with("gemma"),
        })
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, LoadError> {
        self.gguf.metadata().flag(&format!("tokenizer.ggml.{key}"))
    }

    /// The id of the token with a function, where the file names one.
    fn id(&self, function: &str) -> Result<Option<u32>, LoadError> {
        let key = format!("tokenizer.ggml.{function}_token_id");
        match self.gguf.metadata().id(&key)? {
            Some(id) if id as usize >= self.tokens.len() => {
                let expected = format!("the id of one of {} tokens", self.tokens.len());
                Err(self.gguf.metadata().field(&key, &expected))
            }
            id => Ok(id),
        }
    }

    fn text(&self, id: u32) -> &'a str {
        &self.tokens[id as usize]
    }

    /// The first token of this role.
    fn first(&self, wanted: Role) -> Option<u32> {
        let at = self.roles.iter().position(|role| *role == wanted)?;
        u32::try_from(at).ok()
    }

    fn with_roles(&self) -> impl Iterator<Item = (usize, &'a str, Role)> {
        let roles = self.roles.iter().copied();
        let tokens = self.tokens.iter().zip(roles).enumerate();
        tokens.map(|(id, (text, role))| (id, text.as_str(), role))
    }

    /// Those that are found whole in a text.
    fn added_tokens(&self) -> Vec<Value> {
        // Gemma's runs of spaces are words like others.
        let word = |text: &str| self.gemma && text.chars().all(|c| c == ' ');
        let added = self.with_roles().filter(|(_, text, role)| {
            matches!(role, Role::Control | Role::UserDefined) && !text.is_empty() && !word(text)
        });
        let added = added.map(|(id, text, role)| {
            json!({
                "id": id, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": role == Role::Control,
            })
        });
        added.collect()
    }

    /// The tokens with a function, under the names of tokenizer_config.json.
    fn settings(&self) -> Result<Map<String, Value>, LoadError> {
        let both = [
            ("unk_token", self.id("unknown")?),
            ("pad_token", self.id("padding")?),
            ("mask_token", self.id("mask")?),
        ];
        let (own, inputs) = if self.model == "bert" {
            let own = [
                ("cls_token", self.beginning()?),
                ("sep_token", self.separator()?),
            ];
            (
                own,
                json!(["input_ids", "token_type_ids", "attention_mask"]),
            )
        } else {
            let own = [
                ("bos_token", self.id("bos")?),
                ("eos_token", self.id("eos")?),
            ];
            (own, json!(["input_ids", "attention_mask"]))
        };
        let named = own.into_iter().chain(both);
        let named = named.filter_map(|(name, id)| Some((name.to_owned(), json!(self.text(id?)))));
        let mut settings: Map<String, Value> = named.collect();
        settings.insert(
            "tokenizer_class".to_owned(),
            json!("PreTrainedTokenizerFast"),
        );
        settings.insert("model_input_names".to_owned(), inputs);
        Ok(settings)
    }

    /// What ends a text of a WordPiece model; the key is misspelt in most files.
    fn separator(&self) -> Result<Option<u32>, LoadError> {
        let own = self.id("seperator")?.or(self.id("separator")?);
        Ok(own.or(self.id("eos")?))
    }

    /// What begins a text of a WordPiece model.
    fn beginning(&self) -> Result<Option<u32>, LoadError> {
        Ok(self.id("cls")?.or(self.id("bos")?))
    }
}

fn role(number: i64) -> Role {
    match number {
        2 => Role::Unknown,
        3 => Role::Control,
        4 => Role::UserDefined,
        5 => Role::Unused,
        6 => Role::Byte,
        _ => Role::Normal,
    }
}

impl Around {
    /// As the file's flags say, else as its kind of tokenizer does.
    fn by_flags(listed: &Listed<'_>, usually_begins: bool) -> Result<Around, LoadError> {
        let begins = listed.flag("add_bos_token")?.unwrap_or(usually_begins);
        let ends = listed.flag("add_eos_token")?.unwrap_or(false);
        let needed = |function: &str, wanted: bool| -> Result<Option<u32>, LoadError> {
            let id = listed.id(function)?.filter(|_| wanted);
            if wanted && id.is_none() {
                let key = format!("tokenizer.ggml.{function}_token_id");
                let expected = "the token that the file wants around every text";
                return Err(listed.gguf.metadata().field(&key, expected));
            }
            Ok(id)
        };
        Ok(Around {
            before: needed("bos", begins)?,
            after: needed("eos", ends)?,
            begins_twice: true,
        })
    }

    fn post_processor(&self, listed: &Listed<'_>) -> Result<Value, LoadError> {
        if self.before.is_none() && self.after.is_none() {
            return Ok(Value::Null);
        }
        let piece =
            |id: u32, kind: u8| json!({"SpecialToken": {"id": listed.text(id), "type_id": kind}});
        let text = |name: &str, kind: u8| json!({"Sequence": {"id": name, "type_id": kind}});
        let before = |kind| self.before.map(|id| piece(id, kind));
        let after = |kind| self.after.map(|id| piece(id, kind));
        let single: Vec<Value> = before(0)
            .into_iter()
            .chain([text("A", 0)])
            .chain(after(0))
            .collect();
        let second = before(1).filter(|_| self.begins_twice).into_iter();
        let second = second.chain([text("B", 1)]).chain(after(1));
        let pair: Vec<Value> = single.iter().cloned().chain(second).collect();
        let mut special = Map::new();
        for id in [self.before, self.after].into_iter().flatten() {
            let name = listed.text(id);
            let token = json!({"id": name, "ids": [id], "tokens": [name]});
            special.insert(name.to_owned(), token);
        }
        Ok(json!({
            "type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": special,
        }))
    }
}

/// An object of words and their places.
fn words<'a>(tokens: impl Iterator<Item = (usize, std::borrow::Cow<'a, str>)>) -> Words {
    tokens
        .map(|(id, text)| (text.into_owned(), Value::from(id)))
        .collect()
}
