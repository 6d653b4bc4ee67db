//! Adapted models, read onto the model that belongs to them: what `run --keep-adapters` saved, or a PEFT checkpoint.

use crate::registry::{Methods, find as find_method};
use crate::sources::adapter_folders::Found;
use crate::sources::{self, devices};
use crate::terminal::tell;
use adapt::{Method, Predictor, SAVED_FILE, SavedInfo};
use anyhow::Context;
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
        tell(format!("warning: {other}"));
    }
    let (named, classes) = (named(&dir, &info), info.classes.clone());
    let max_length = info.budget.max_length.get();
    let predictor = method
        .plan(info.config.clone())
        .with_context(|| format!("in {}", dir.join(SAVED_FILE).display()))?
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

/// What is wrong if the adapter was trained on other weights than these.
pub(crate) fn other_model(info: &SavedInfo, base: &Pretrained) -> Option<String> {
    let trained_on = info.base_digest.as_ref()?;
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    (*trained_on != base.digest).then(|| {
        format!(
            "the adapter was trained on \"{}\" (weights sha256 {}..), and --model is \"{}\" with other weights (sha256 {}..); name the model that it was trained on",
            info.base_model,
            short(trained_on),
            base.name,
            short(&base.digest)
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
