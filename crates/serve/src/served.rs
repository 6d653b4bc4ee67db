//! What is served: the classifier, the language model, and what requests may call them.

use crate::chat::ChatTemplate;
use crate::classify::Classifier;
use crate::language::Language;
use crate::options::Options;
use anyhow::ensure;
use runner::served;
use std::path::Path;

/// The models. They stay on one thread.
pub(crate) struct Served {
    pub(crate) classifier: Option<Classifier>,
    pub(crate) language: Option<Language>,
}

/// What there is to say of the models without asking them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Description {
    /// Names of the pretrained model; the first is the one that answers carry.
    pub(crate) model: Vec<String>,
    /// Names of the classifier; none without an adapter.
    pub(crate) classifier: Vec<String>,
    pub(crate) method: Option<String>,
    pub(crate) classes: Vec<String>,
    pub(crate) temperature: Option<f64>,
    /// Whether the pretrained model continues text.
    pub(crate) has_language: bool,
}

/// Opens what the options name.
///
/// # Errors
/// A model or adapter that cannot be used; a model that neither classifies nor continues text.
pub(crate) fn open(options: &Options) -> anyhow::Result<(Served, Description)> {
    let (adapted, pretrained, dir) = match &options.adapter {
        Some(adapter) => {
            let length = options.max_length;
            let opened = served::open_adapter(adapter, &options.model, &options.device, length)?;
            let dir = opened
                .model
                .is_some()
                .then(|| served::folder(&options.model));
            (Some(opened.adapted), opened.model, dir.transpose()?)
        }
        None => {
            let (pretrained, dir) = served::open_model(&options.model, &options.device)?;
            (None, Some(pretrained), Some(dir))
        }
    };
    let template = match &dir {
        Some(dir) => ChatTemplate::of_model(dir)?,
        None => None,
    };
    let ends = dir.as_deref().map(end_tokens).unwrap_or_default();
    let language = pretrained.and_then(|base| Language::of(base, template, ends));
    ensure!(
        adapted.is_some() || language.is_some(),
        "{} continues no text (it is no causal language model) and there is no --adapter, so that there is nothing to serve; name an adapted \
         model with --adapter RUN/trials/ID (from run --keep-adapters)",
        options.model
    );
    let mut description = Description {
        model: names(&options.model),
        has_language: language.is_some(),
        ..Description::default()
    };
    let classifier = adapted.map(|adapted| {
        let path = options.adapter.as_deref().unwrap_or(Path::new(""));
        description.classifier = names(&path.to_string_lossy());
        description.method = Some(adapted.method.clone());
        description.classes = adapted.classes.clone();
        description.temperature = adapted.temperature;
        Classifier::of(adapted)
    });
    let served = Served {
        classifier,
        language,
    };
    Ok((served, description))
}

/// As given, and the end of the path.
fn names(given: &str) -> Vec<String> {
    let mut names = vec![given.to_owned()];
    let end = given.trim_end_matches('/').rsplit('/').next();
    names.extend(end.filter(|end| *end != given).map(str::to_owned));
    names
}

/// Ids that end an answer, as `generation_config.json` and `config.json` list them.
fn end_tokens(dir: &Path) -> Vec<u32> {
    let of_file = |name: &str| {
        let text = files::read(&dir.join(name), files::SETTINGS_BYTES).ok()?;
        let settings: serde_json::Value = serde_json::from_slice(&text).ok()?;
        let ids = match settings.get("eos_token_id")? {
            serde_json::Value::Array(ids) => ids.clone(),
            id => vec![id.clone()],
        };
        let ids = ids.iter().filter_map(serde_json::Value::as_u64);
        Some(
            ids.filter_map(|id| u32::try_from(id).ok())
                .collect::<Vec<u32>>(),
        )
    };
    let files = ["generation_config.json", "config.json"];
    files.into_iter().filter_map(of_file).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_called_as_given_and_by_the_end_of_its_path() {
        assert_eq!(names("org/small"), ["org/small", "small"]);
        assert_eq!(
            names("runs/x/trials/lora--1/"),
            ["runs/x/trials/lora--1/", "lora--1"]
        );
        assert_eq!(names("novels-llama"), ["novels-llama"]);
    }

    #[test]
    fn every_id_that_ends_an_answer_is_read_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(end_tokens(dir.path()), [0_u32; 0]);
        std::fs::write(dir.path().join("config.json"), r#"{"eos_token_id": 2}"#).unwrap();
        let both = r#"{"eos_token_id": [7, -1, "x", 9]}"#;
        std::fs::write(dir.path().join("generation_config.json"), both).unwrap();
        assert_eq!(end_tokens(dir.path()), [7, 9, 2]);
    }
}
