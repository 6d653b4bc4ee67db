//! Which settings of tokenizer_config.json change ids.

use std::path::Path;

use serde_json::{Map, Value};

use super::values::shortened;
use crate::load::LoadError;

/// What a setting of tokenizer_config.json does to the ids of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// As in transformers.
    Applied,
    /// Refused, unless null, false or empty.
    Refused(&'static str),
    /// In transformers it changes other things than ids.
    None,
}

/// Every setting that the classes of transformers read; others are dropped there, and here.
/// `padding_side` is without effect because the mask hides padding, and `model_max_length` because the run says the length.
const SETTINGS: [(&str, Effect); 42] = [
    ("tokenizer_class", Effect::Applied),
    ("do_lower_case", Effect::Applied),
    ("strip_accents", Effect::Applied),
    ("tokenize_chinese_chars", Effect::Applied),
    ("add_prefix_space", Effect::Applied),
    ("legacy", Effect::Applied),
    ("keep_accents", Effect::Applied),
    ("split_by_punct", Effect::Applied),
    ("unk_id", Effect::Applied),
    ("add_bos_token", Effect::Applied),
    ("add_eos_token", Effect::Applied),
    ("split_special_tokens", Effect::Applied),
    ("truncation_side", Effect::Applied),
    ("model_input_names", Effect::Applied),
    ("added_tokens_decoder", Effect::Applied),
    ("additional_special_tokens", Effect::Applied),
    ("extra_special_tokens", Effect::Applied),
    (
        "model_specific_special_tokens",
        Effect::Refused("name these tokens in extra_special_tokens"),
    ),
    (
        "fix_mistral_regex",
        Effect::Refused(
            "tokenizer.json is used as it is written: set it to false, or save the tokenizer with the mended pattern",
        ),
    ),
    (
        "fast_tokenizer_files",
        Effect::Refused("only tokenizer.json is read"),
    ),
    (
        "init_inputs",
        Effect::Refused("the files beside it are read"),
    ),
    ("vocab", Effect::Refused("the files beside it are read")),
    ("merges", Effect::Refused("the files beside it are read")),
    ("gguf_file", Effect::Refused("the files beside it are read")),
    (
        "tokenizer_object",
        Effect::Refused("the files beside it are read"),
    ),
    (
        "post_processor",
        Effect::Refused("the files beside it are read"),
    ),
    ("padding_side", Effect::None),
    ("model_max_length", Effect::None),
    ("max_length", Effect::None),
    ("clean_up_tokenization_spaces", Effect::None), // of decoded text
    ("errors", Effect::None),                       // of decoded text
    ("trim_offsets", Effect::None),
    ("remove_space", Effect::None), // of AlbertTokenizer before transformers 5
    ("chat_template", Effect::None),
    ("backend", Effect::None),
    ("auto_map", Effect::None),          // programs are not run
    ("do_basic_tokenize", Effect::None), // of BertTokenizer before transformers 5
    ("never_split", Effect::None),       // as above
    ("use_default_system_prompt", Effect::None),
    ("sp_model_kwargs", Effect::None),
    ("vocab_file", Effect::None),
    ("merges_file", Effect::None),
];

/// Refuses a setting that changes ids in transformers and is not done here.
pub(super) fn refuse_what_is_not_done(
    file: &Path,
    fields: &Map<String, Value>,
) -> Result<(), LoadError> {
    for (name, value) in fields {
        let effect = SETTINGS.iter().find(|(known, _)| known == name);
        let Some((_, Effect::Refused(reason))) = effect else {
            continue;
        };
        let empty = match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(list) => list.iter().all(|item| item == "tokenizer.json"),
            Value::Object(fields) => fields.is_empty(),
            _ => false,
        };
        if !empty {
            return Err(LoadError::UnsupportedSetting {
                file: file.to_path_buf(),
                key: name.clone(),
                found: shortened(value),
                reason: (*reason).to_owned(),
            });
        }
    }
    Ok(())
}
