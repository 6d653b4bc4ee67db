//! Adapted models on the disk: what `run --keep-adapters` saved, or a PEFT checkpoint, and the model that belongs to it.

use crate::registry::{Methods, find as find_method};
use crate::sources::{self, devices};
use adapt::{Method, Plan, Predictor, SAVED_FILE, SavedInfo};
use anyhow::{Context, bail};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use transformer::Pretrained;

/// An adapted model's directory.
pub(crate) enum Found {
    /// What this program saved.
    Own(PathBuf, Box<SavedInfo>),
    /// A checkpoint of PEFT.
    Peft(PathBuf),
}

/// What lies in `dir`, a trial's directory or that of the adapter within it.
///
/// # Errors
/// Neither, or a file that cannot be read.
pub(crate) fn find(dir: &Path) -> anyhow::Result<Found> {
    let within = dir.join("adapter");
    for dir in [dir, &within] {
        if dir.join(SAVED_FILE).is_file() {
            let info = Box::new(adapt::read_saved_info(dir)?);
            return Ok(Found::Own(dir.to_owned(), info));
        }
    }
    if dir.join(peft_exchange::CONFIG_FILE).is_file() {
        return Ok(Found::Peft(dir.to_owned()));
    }
    let mut found: Vec<String> = fs::read_dir(dir)
        .with_context(|| format!("cannot read the adapter's directory {}", dir.display()))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    if found.iter().any(|name| name == "record.json") {
        bail!(
            "the trial in {} kept no adapted model; run it again with --keep-adapters and another --out",
            dir.display()
        );
    }
    let expected = format!(
        "expected what run --keep-adapters saved ({SAVED_FILE} and its tensors), or a PEFT checkpoint ({} and {})",
        peft_exchange::CONFIG_FILE,
        peft_exchange::TENSORS_FILE
    );
    bail!(
        "{} holds no adapter (found {}); {expected}",
        dir.display(),
        if found.is_empty() {
            "nothing".to_owned()
        } else {
            found.join(", ")
        }
    )
}

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
        eprintln!("warning: {other}");
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
        .for_each(|warning| eprintln!("warning: {warning}"));
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
