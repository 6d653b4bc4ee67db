//! `export`: an adapted model as a PEFT checkpoint, for PEFT and transformers in Python.

use crate::cli::ExportArgs;
use crate::registry::Methods;
use crate::sources::adapter_folders::{self, Found};
use crate::sources::adapters;
use crate::sources::{self, devices};
use crate::terminal::say;
use anyhow::{Context, bail, ensure};
use record::{TrialRecord, store};
use std::fs;
use std::path::Path;

/// Nothing is computed but small products of matrices.
const DEVICE: &str = "flex";

/// Writes the checkpoint and says how to load it.
///
/// # Errors
/// An adapter, model or method that cannot be exported, or a directory that is there already or cannot be written.
pub(crate) fn write(methods: Methods, arguments: &ExportArgs) -> anyhow::Result<()> {
    let output = &arguments.output;
    ensure!(
        !output.exists() || fs::read_dir(output).is_ok_and(|mut inside| inside.next().is_none()),
        "{} exists already; give --output a new directory",
        output.display()
    );
    let (dir, info) = match adapter_folders::find(&arguments.trial)? {
        Found::Own(dir, info) => (dir, info),
        Found::Peft(dir) => bail!("{} is a PEFT checkpoint already", dir.display()),
    };
    let method = adapters::method(methods, &dir, &info)?;
    let named = || adapters::named(&dir, &info);
    devices::allow();
    let (model, base) = match &arguments.model {
        Some(model) => (model.clone(), adapters::pretrained(model, DEVICE)?),
        None => {
            let model = recorded_model(&dir)?;
            let base = adapters::pretrained(&model, DEVICE).with_context(|| not_here(&model))?;
            (model, base)
        }
    };
    if let Some(other) = adapters::other_model(&info, &base) {
        bail!("{other}");
    }
    let predictor = adapters::plan(method, &dir, &info)?
        .load(&dir, Some(&base))
        .with_context(named)?;
    let name = base_name(&model)?;
    let portable = predictor.portable();
    let kind = peft_exchange::write(output, portable.as_ref(), &base, &name).with_context(named)?;
    let classes = info.classes.len();
    say(format!(
        "{}: {kind} for {}, {classes} classes ({})

  from peft import PeftModel
  from transformers import AutoModelForSequenceClassification
  model = AutoModelForSequenceClassification.from_pretrained({name:?}, num_labels={classes})
  model = PeftModel.from_pretrained(model, {:?}).eval()",
        output.display(),
        base.name,
        info.classes.join(", "),
        output.display().to_string(),
    ));
    Ok(())
}

/// The model as the trial was told it; the record stands beside the adapter's directory.
fn recorded_model(adapter: &Path) -> anyhow::Result<String> {
    let trial = match adapter.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => &adapter.join(".."),
    };
    let path = trial.join(store::RECORD_FILE);
    let text = files::read_text(&path, files::SETTINGS_BYTES).with_context(|| {
        format!(
            "no {} says which model was adapted; name it with --model",
            path.display()
        )
    })?;
    let record: TrialRecord =
        serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?;
    Ok(record.spec.model)
}

/// What to do where the recorded model cannot be had: its path may be relative to where the run was started.
fn not_here(model: &str) -> String {
    format!(
        "the trial's record says that \"{model}\" was adapted, as seen from the directory in which the run was started; if it is not here, name \
         it with --model"
    )
}

/// What Python is told to load: a directory where `name` means one, else a Hub id.
fn base_name(name: &str) -> anyhow::Result<String> {
    let is_hub_id = name.contains('/') && !Path::new(name).exists();
    Ok(match is_hub_id {
        true => name.to_owned(),
        false => sources::model_dir(name)?.display().to_string(),
    })
}
