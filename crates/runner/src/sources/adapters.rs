//! Adapted models, read onto the model that belongs to them: what `run --keep-adapters` saved, or a PEFT checkpoint.

use crate::registry::{Methods, find as find_method};
use crate::sources::adapter_folders::Found;
use crate::sources::{self, devices};
use crate::terminal::tell;
use adapt::{Method, Plan, Predictor, SAVED_FILE, SavedInfo};
use anyhow::{Context, bail};
use std::num::NonZeroUsize;
use std::path::Path;
use transformer::Pretrained;

/// An adapted model, ready to classify, whoever wrote it.
pub(crate) struct Adapted {
    pub(crate) predictor: Box<dyn Predictor>,
    /// Names of the classes, in the order of the logits.
    pub(crate) classes: Vec<String>,
    /// The pretrained model and the tokens at which its texts are cut; `None` for a method without a model.
    pub(crate) reads: Option<(Pretrained, usize)>,
}

/// Reads an adapted model onto the pretrained one called `model`. Texts are cut to `max_length` tokens instead of the length in
/// training, if it is given.
///
/// # Errors
/// A method that this build does not have, a model or device that cannot be used, or files that do not fit the model.
pub(crate) fn load(
    methods: Methods,
    found: Found,
    model: &str,
    device: &str,
    max_length: Option<NonZeroUsize>,
) -> anyhow::Result<Adapted> {
    let (dir, mut info) = match found {
        Found::Own(dir, info) => (dir, *info),
        Found::Peft(dir) => return load_peft(&dir, model, device, max_length),
    };
    if let Some(max_length) = max_length {
        info.budget.max_length = max_length;
    }
    let method = method(methods, &dir, &info)?;
    let base = match method.info().uses_model {
        true => Some(pretrained(model, device)?),
        false => None,
    };
    if let Some(other) = base.as_ref().and_then(|base| other_model(&info, base)) {
        bail!("{other}");
    }
    let (named, classes) = (named(&dir, &info), info.classes.clone());
    let max_length = info.budget.max_length.get();
    let predictor = plan(method, &dir, &info)?
        .load_with(&dir, info, base.as_ref())
        .context(named)?;
    let reads = base.map(|base| {
        let window = max_length.min(base.shape.max_length);
        (base, window)
    });
    Ok(Adapted {
        predictor,
        classes,
        reads,
    })
}

fn load_peft(
    dir: &Path,
    model: &str,
    device: &str,
    max_length: Option<NonZeroUsize>,
) -> anyhow::Result<Adapted> {
    let base = pretrained(model, device)?;
    let mut predictor = peft_exchange::read(dir, &base)
        .with_context(|| format!("the PEFT checkpoint in {} (model {model})", dir.display()))?;
    if let Some(max_length) = max_length {
        predictor = predictor.cut_to(max_length);
    }
    Ok(Adapted {
        classes: predictor.classes().to_vec(),
        reads: Some((base, predictor.longest_text())),
        predictor: Box::new(predictor),
    })
}

/// The method that an adapter was trained with.
///
/// # Errors
/// One that this build does not have.
pub(crate) fn method(
    methods: Methods,
    dir: &Path,
    info: &SavedInfo,
) -> anyhow::Result<&'static dyn Method> {
    find_method(methods, &info.method)
        .with_context(|| format!("in {}", dir.join(SAVED_FILE).display()))
}

/// The plan that an adapter was trained by.
///
/// # Errors
/// Settings that the method does not have or accept, with the name of their file.
pub(crate) fn plan(
    method: &dyn Method,
    dir: &Path,
    info: &SavedInfo,
) -> anyhow::Result<Box<dyn Plan>> {
    let plan = method.plan(info.config.clone());
    plan.with_context(|| format!("in {}", dir.join(SAVED_FILE).display()))
}

/// The pretrained model, its warnings said.
///
/// # Errors
/// A model or device that cannot be used.
pub(crate) fn pretrained(name: &str, device: &str) -> anyhow::Result<Pretrained> {
    let dir = sources::model_dir(name)?;
    let device = devices::open(device)?;
    let base = transformer::load(&dir, &device).with_context(|| format!("the model \"{name}\""))?;
    base.warnings
        .iter()
        .for_each(|warning| tell(format!("warning: {warning}")));
    Ok(base)
}

/// What is wrong if the adapter was trained on a model of other files than this one's.
pub(crate) fn other_model(info: &SavedInfo, base: &Pretrained) -> Option<String> {
    let trained_on = info.base_digest.as_ref()?;
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    // Older builds kept the digest of the weights alone.
    let same = [&base.files_digest, &base.digest].contains(&trained_on);
    (!same).then(|| {
        format!(
            "the adapter was trained on \"{}\" (sha256 {}..), and --model is \"{}\" with other weights, configuration or tokenizer (sha256 {}..); name the model that it was trained on",
            info.base_model,
            short(trained_on),
            base.name,
            short(&base.files_digest)
        )
    })
}

/// An adapter in an error's words.
pub(crate) fn named(dir: &Path, info: &SavedInfo) -> String {
    format!(
        "the adapter in {} (method {}, model {})",
        dir.display(),
        info.method,
        info.base_model
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapt::Budget;
    use std::fs;

    #[test]
    fn an_adapter_belongs_to_the_files_that_it_was_trained_with_and_not_to_the_weights_alone() {
        let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/oracle/bert");
        let folder = tempfile::tempdir().unwrap();
        let copy = |name: &str| fs::copy(oracle.join(name), folder.path().join(name)).unwrap();
        copy("config.json");
        copy("model.safetensors");
        copy("tokenizer.json");
        copy("tokenizer_config.json");
        let read = || transformer::load(folder.path(), &ops::test_device()).unwrap();
        let saved = |digest: Option<String>| SavedInfo {
            method: "lora".to_owned(),
            config: serde_json::Value::Null,
            classes: Vec::new(),
            budget: Budget::default(),
            pooling: None,
            base_model: "films".to_owned(),
            base_digest: digest,
            pairs: None,
        };
        let base = read();
        let (trained, before) = (saved(Some(base.files_digest)), saved(Some(base.digest)));
        assert_eq!(other_model(&trained, &read()), None);
        for (name, text) in [
            ("added_tokens.json", r#"{"<ent>": 260}"#),
            (
                "tokenizer_config.json",
                r#"{"tokenizer_class": "BertTokenizer", "do_lower_case": false}"#,
            ),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
            let other = other_model(&trained, &read()).unwrap();
            assert!(
                other.contains("other weights, configuration or tokenizer"),
                "{other}"
            );
        }
        // What was saved before there was a digest of all files, and without any.
        assert_eq!(other_model(&before, &read()), None);
        assert_eq!(other_model(&saved(None), &read()), None);
        assert!(other_model(&saved(Some("ab".repeat(32))), &read()).is_some());
    }
}
