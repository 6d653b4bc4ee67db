//! From a trained model to a directory that PEFT loads: the way back of `read.rs`.

use crate::PeftError;
use crate::head;
use crate::prompt;
use crate::read::{CONFIG_FILE, LABELS_FILE, TENSORS_FILE};
use crate::stored::Stored;
use crate::unfold;
use adapt::{Change, HeadPolicy, Portable};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use transformer::{Pretrained, Shape};

/// What has an equivalent in PEFT.
const EQUIVALENTS: &str =
    "LoRA, (IA)³, VeRA, prompt tuning, P-tuning, prefix tuning and LayerNorm tuning";

/// A checkpoint before it is written.
pub(crate) struct Draft {
    pub(crate) config: Map<String, Value>,
    pub(crate) tensors: Stored,
}

/// Writes `adapter_config.json`, `adapter_model.safetensors` and the names of the classes (`labels.txt`, which PEFT does not
/// read) to `dir`, which is made. `base_name` is what PEFT is told to load first: a path or a Hub id.
///
/// # Errors
/// A method, head or setting that PEFT has no equivalent of, or a file that cannot be written.
pub fn write(
    dir: &Path,
    portable: Option<&Portable>,
    base: &Pretrained,
    base_name: &str,
) -> Result<&'static str, PeftError> {
    let portable = portable.ok_or(PeftError::NoEquivalent { known: EQUIVALENTS })?;
    let Draft { config, tensors } = draft(portable, base, base_name)?;
    tensors.require_numbers()?;
    let written = |path: &Path, done: std::io::Result<()>| {
        done.map_err(|source| PeftError::Write {
            path: path.to_owned(),
            source,
        })
    };
    written(dir, std::fs::create_dir_all(dir))?;
    let path = dir.join(TENSORS_FILE);
    written(&path, tensors.write(&path))?;
    let path = dir.join(LABELS_FILE);
    let lines = portable
        .classes
        .iter()
        .map(|class| class.replace('\n', " ") + "\n");
    let lines = lines.collect::<String>();
    written(&path, files::write(&path, lines.as_bytes()))?;
    let path = dir.join(CONFIG_FILE); // Last: it is what makes the directory a checkpoint.
    let by_name: BTreeMap<String, Value> = config.into_iter().collect();
    let mut text = serde_json::to_string_pretty(&by_name).expect("JSON");
    text.push('\n');
    written(&path, files::write(&path, text.as_bytes()))?;
    Ok(peft_type(&portable.change))
}

/// PEFT's name for a change.
fn peft_type(change: &Change) -> &'static str {
    match change {
        Change::LowRank { .. } => "LORA",
        Change::Rescaled(_) => "IA3",
        Change::SharedProjection { .. } => "VERA",
        Change::Norms => "LN_TUNING",
        Change::Prompt { network: None, .. } => "PROMPT_TUNING",
        Change::Prompt { .. } => "P_TUNING",
        Change::Prefix { .. } => "PREFIX_TUNING",
    }
}

fn draft(portable: &Portable, base: &Pretrained, base_name: &str) -> Result<Draft, PeftError> {
    if portable.head_policy != HeadPolicy::Transformers {
        return Err(PeftError::OwnHead);
    }
    let shape = &base.shape;
    let prompt_learning = matches!(
        portable.change,
        Change::Prompt { .. } | Change::Prefix { .. }
    );
    let mut draft = Draft {
        config: general(portable, shape, base_name),
        tensors: Stored::default(),
    };
    match &portable.change {
        Change::LowRank {
            maps,
            scale,
            rank_stabilized,
        } => unfold::lora(&mut draft, base, maps, *scale, *rank_stabilized),
        Change::Rescaled(maps) => unfold::ia3(&mut draft, base, maps),
        Change::SharedProjection { a, b, maps } => unfold::vera(&mut draft, base, [a, b], maps),
        Change::Norms => unfold::layer_norm(&mut draft, &portable.backbone),
        Change::Prompt { vectors, network } => {
            prompt::put_prompt(&mut draft, shape, vectors, network.as_ref());
        }
        Change::Prefix {
            layers,
            network_width,
        } => prompt::put_prefix(&mut draft, shape, layers, *network_width)?,
    }
    let prefix = crate::read::prefix(prompt_learning);
    head::put(&mut draft.tensors, prefix, shape, &portable.head);
    Ok(draft)
}

/// What stands in every adapter_config.json.
fn general(portable: &Portable, shape: &Shape, base_name: &str) -> Map<String, Value> {
    let inner = head::names(shape).inner.filter(|inner| inner.is_of_base);
    let inner = inner.map(|inner| inner.module); // Part of the base model there, and trained here.
    let to_save: Vec<&str> = inner.into_iter().chain(["classifier", "score"]).collect();
    let general = json!({
        "base_model_name_or_path": base_name,
        "inference_mode": true,
        "modules_to_save": to_save,
        "peft_type": peft_type(&portable.change),
        "task_type": "SEQ_CLS",
    });
    match general {
        Value::Object(map) => map,
        _ => unreachable!("an object"),
    }
}
