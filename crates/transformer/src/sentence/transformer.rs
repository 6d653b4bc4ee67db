//! How a folder reads texts: sentence_bert_config.json (length, lower case) and config_sentence_transformers.json (prompts).

use std::path::Path;

use serde_json::{Value, json};

use super::json::Fields;
use super::{PROMPTS_FILE, SentenceError};

/// The first that is there and not empty is read; later versions write the first.
pub(crate) const SETTINGS_FILES: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// Longest prompt in bytes: it stands before every text.
const LONGEST_PROMPT: usize = 1 << 16;

/// What the Transformer module's settings say.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) lower_case: bool,
    pub(super) max_length: Option<usize>,
}

/// Reads the settings of the Transformer module.
pub(super) fn read(dir: &Path) -> Result<Settings, SentenceError> {
    let mut settings = Settings::default();
    for name in SETTINGS_FILES {
        let fields = Fields::read_if_there(dir.join(name))?;
        if !fields.is_empty() {
            settings = of(&fields)?;
            break;
        }
    }
    if settings.max_length.is_none() {
        settings.max_length = tokenizers_length(dir)?;
    }
    Ok(settings)
}

fn of(fields: &Fields) -> Result<Settings, SentenceError> {
    // Lengths and expansions of query and document hold for calls that say which of them a text is.
    fields.known(&[
        "max_seq_length",
        "do_lower_case",
        "transformer_task",
        "modality_config",
        "module_output_name",
        "processing_kwargs",
        "unpad_inputs",
        "query_length",
        "document_length",
        "query_expansion",
        "model_args",
        "model_kwargs",
        "tokenizer_args",
        "processor_kwargs",
        "config_args",
        "config_kwargs",
    ])?;
    fields.only("transformer_task", &json!("feature-extraction"))?;
    fields.only("module_output_name", &json!("token_embeddings"))?;
    if let Some(modalities) = fields.get("modality_config") {
        let states = json!({"method": "forward", "method_output_name": "last_hidden_state"});
        if modalities.get("text") != Some(&states) || modalities.get("message").is_some() {
            let expected = "the last hidden states of plain texts";
            return Err(fields.wrong("modality_config", modalities, expected));
        }
    }
    for key in [
        "processing_kwargs",
        "model_args",
        "model_kwargs",
        "tokenizer_args",
        "processor_kwargs",
        "config_args",
        "config_kwargs",
    ] {
        fields.only(key, &json!({}))?;
    }
    Ok(Settings {
        lower_case: fields.flag("do_lower_case")?.unwrap_or(false),
        max_length: fields.size("max_seq_length")?,
    })
}

/// `model_max_length` of tokenizer_config.json, where today's version keeps it; transformers writes 10^30 for none.
fn tokenizers_length(dir: &Path) -> Result<Option<usize>, SentenceError> {
    const NONE: u64 = 1 << 32;
    let fields = Fields::read_if_there(dir.join("tokenizer_config.json"))?;
    let length = fields.get("model_max_length").and_then(Value::as_u64);
    Ok(length
        .filter(|&length| length < NONE)
        .map(|length| length as usize))
}

/// What stands before texts.
#[derive(Default)]
pub(super) struct Prompts {
    /// Before every text.
    pub(super) default: Option<String>,
    /// Names of the others, where there is no default.
    pub(super) idle: Vec<String>,
}

/// Reads the prompts.
pub(super) fn prompts(dir: &Path) -> Result<Prompts, SentenceError> {
    let fields = Fields::read_if_there(dir.join(PROMPTS_FILE))?;
    let prompts = fields.optional("prompts", "an object of texts", Value::as_object)?;
    let prompts = prompts.cloned().unwrap_or_default();
    let Some(name) = fields.text("default_prompt_name")? else {
        let said = prompts.iter().filter(|(_, text)| {
            let text = text.as_str();
            text.is_some_and(|text| !text.is_empty())
        });
        let idle = said
            .take(8)
            .map(|(name, _)| name.escape_debug().to_string());
        return Ok(Prompts {
            default: None,
            idle: idle.collect(),
        });
    };
    // Every model has these two, without words unless it says otherwise.
    let absent = Value::from("");
    let usual = ["query", "document"].contains(&name).then_some(&absent);
    let prompt = match prompts.get(name).or(usual) {
        Some(Value::Null) => Some(""),
        Some(Value::String(text)) => Some(text.as_str()),
        Some(other) => return Err(fields.wrong("prompts", other, "a text")),
        None => None,
    };
    match prompt {
        Some(text) if text.len() > LONGEST_PROMPT => {
            let problem = format!(
                "the prompt has {} bytes, expected at most {LONGEST_PROMPT}",
                text.len()
            );
            Err(fields.error(problem))
        }
        Some(text) => Ok(Prompts {
            default: (!text.is_empty()).then(|| text.to_owned()),
            idle: Vec::new(),
        }),
        None => {
            let expected = "the name of one of its prompts";
            Err(fields.wrong("default_prompt_name", &name.into(), expected))
        }
    }
}
