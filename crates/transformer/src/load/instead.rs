//! What a directory holds that is no model in safetensors, and what to do with it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::index::{INDEX, SINGLE};

/// What PEFT writes beside the weights of an adapter.
const ADAPTER_CONFIG: &str = "adapter_config.json";

/// So many names of a directory are looked through.
const NAMES: usize = 10_000;

/// The model that an adapter of PEFT in this directory was trained on; empty where the adapter does not say.
pub(crate) fn adapter(dir: &Path) -> Option<String> {
    let file = dir.join(ADAPTER_CONFIG);
    file.symlink_metadata().ok()?;
    Some(base_of_adapter(&file))
}

/// `base_model_name_or_path` of an adapter_config.json.
pub(crate) fn base_of_adapter(file: &Path) -> String {
    text_field(file, "base_model_name_or_path").unwrap_or_default()
}

/// A warning where an adapter lies in the directory of its model: `transformers` would put it on.
pub(super) fn adapter_beside(dir: &Path) -> Option<String> {
    adapter(dir).map(|_| {
        format!(
            "{ADAPTER_CONFIG} in the model's directory is not used, and transformers would use it; give the directory as --adapter too if the adapter is meant"
        )
    })
}

/// Where else a config.json, or that of an adapter, lies: in a directory within this one.
pub(crate) fn of_config(dir: &Path) -> String {
    let mut within: Vec<PathBuf> = names(dir).iter().map(|name| dir.join(name)).collect();
    within.sort_by_key(|path| (path.as_os_str().len(), path.clone())); // checkpoint-500 before checkpoint-1000.
    let model = within
        .iter()
        .rev()
        .find(|path| path.join("config.json").is_file());
    if let Some(model) = model {
        return format!("; did you mean {}?", model.display());
    }
    let adapter = within
        .iter()
        .rev()
        .find_map(|path| Some((path, adapter(path)?)));
    if let Some((path, base)) = adapter {
        return format!(
            "; in {}: {}",
            path.display(),
            adapter_hint(&path.display().to_string(), &base)
        );
    }
    match other_weights(dir) {
        Some(Found::Gguf(name)) => format!("; {}", gguf(&name)),
        _ => String::new(),
    }
}

/// What to do with the weights that are there instead of safetensors, if any.
pub(super) fn of_weights(dir: &Path) -> String {
    let hint = match other_weights(dir) {
        None => return String::new(),
        Some(Found::Adapter(base)) => {
            format!(
                "it has {ADAPTER_CONFIG}: {}",
                adapter_hint(&dir.display().to_string(), &base)
            )
        }
        Some(Found::Shards(first)) => format!(
            "it has shards such as {first}, and not their index {INDEX}; fetch that from where they came"
        ),
        Some(Found::OtherName(name)) => {
            format!("it has {name}; if that is the whole model, rename it to {SINGLE}")
        }
        Some(Found::Pickled(name)) => format!(
            "it has {name}, which is a pickle and could run any code; convert it where you trust it: {}",
            conversion(&dir.display().to_string(), dir)
        ),
        Some(Found::Gguf(name)) => gguf(&name),
        Some(Found::Foreign(name, what)) => format!(
            "it has {name}, weights for {what}; look for the same model in safetensors format, or save it so with a version 4 of transformers, which still reads them"
        ),
        Some(Found::Onnx(name)) => format!(
            "it has {name}, a graph from which weights are not read; look for the model that it was exported from"
        ),
    };
    format!("; {hint}")
}

/// What to do with an adapter that was given as a model.
pub(crate) fn adapter_hint(given: &str, base: &str) -> String {
    let base = if base.is_empty() {
        "the model that it was trained on"
    } else {
        base
    };
    format!(
        "this is an adapter of PEFT, not a model; give it to predict as --adapter {given} with --model {base}"
    )
}

/// The command that writes the weights of `source`, a directory or an id, as safetensors. The class is that of config.json in `dir`,
/// so that heads are kept.
pub(crate) fn conversion(source: &str, dir: &Path) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._- ".contains(c);
    let source = if source.chars().all(is_plain) {
        source
    } else {
        "DIR"
    };
    let name = source.trim_end_matches('/').rsplit('/').next();
    let target = format!(
        "{}-safetensors",
        name.filter(|name| !name.is_empty()).unwrap_or("model")
    );
    let class = class(&dir.join("config.json")).unwrap_or_else(|| "AutoModel".to_owned());
    format!(
        "python -c \"from transformers import {class} as M, AutoTokenizer as T; s, t = '{source}', '{target}'; \
         M.from_pretrained(s).save_pretrained(t); T.from_pretrained(s).save_pretrained(t)\""
    )
}

fn gguf(name: &str) -> String {
    format!("it has {name}: give that file itself as the model")
}

/// Weights that are not read.
enum Found {
    Adapter(String),
    Shards(String),
    OtherName(String),
    Pickled(String),
    Gguf(String),
    /// And for which program.
    Foreign(String, &'static str),
    Onnx(String),
}

fn other_weights(dir: &Path) -> Option<Found> {
    if let Some(base) = adapter(dir) {
        return Some(Found::Adapter(base));
    }
    let names = names(dir);
    let first = |is_it: &dyn Fn(&str) -> bool| names.iter().find(|name| is_it(name)).cloned();
    let ending =
        |endings: &[&str]| first(&|name| endings.iter().any(|ending| name.ends_with(ending)));
    let is_shard = |name: &str| name.ends_with(".safetensors") && name.contains("-of-");
    if let Some(name) = first(&is_shard) {
        return Some(Found::Shards(name));
    }
    if let Some(name) = ending(&[".safetensors"]) {
        return Some(Found::OtherName(name));
    }
    // What a trainer leaves beside the weights.
    let is_state = |name: &str| {
        [
            "training_args",
            "optimizer",
            "scheduler",
            "rng_state",
            "scaler",
        ]
        .iter()
        .any(|state| name.starts_with(state))
    };
    let is_pickled = |name: &str| {
        [".bin", ".pt", ".pth", ".ckpt"]
            .iter()
            .any(|ending| name.ends_with(ending))
            && !is_state(name)
    };
    if let Some(name) = first(&is_pickled) {
        return Some(Found::Pickled(name));
    }
    let gguf = ending(&[".gguf"]).map(Found::Gguf);
    let tensorflow =
        || ending(&[".h5", ".ckpt.index"]).map(|name| Found::Foreign(name, "TensorFlow"));
    let flax = || ending(&[".msgpack"]).map(|name| Found::Foreign(name, "Flax"));
    gguf.or_else(tensorflow)
        .or_else(flax)
        .or_else(|| ending(&[".onnx"]).map(Found::Onnx))
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .take(NAMES);
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The class that saved a model, where it is a plain name of `transformers`.
fn class(config: &Path) -> Option<String> {
    let text = files::read_text(config, files::SETTINGS_BYTES).ok()?;
    let config: Value = serde_json::from_str(&text).ok()?;
    let class = config["architectures"][0].as_str()?;
    let is_name = class.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name && !class.is_empty()).then(|| class.to_owned())
}

fn text_field(file: &Path, key: &str) -> Option<String> {
    let text = files::read_text(file, files::SETTINGS_BYTES).ok()?;
    let fields: Value = serde_json::from_str(&text).ok()?;
    Some(fields[key].as_str()?.to_owned())
}
