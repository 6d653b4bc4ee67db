//! `export`: an adapted model as a PEFT checkpoint, for PEFT and transformers in Python.

use crate::adapters::{self, Found};
use crate::cli::ExportArgs;
use crate::registry::Methods;
use crate::{devices, sources};
use anyhow::{Context, bail, ensure};
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
    let (dir, info) = match adapters::find(&arguments.trial)? {
        Found::Own(dir, info) => (dir, info),
        Found::Peft(dir) => bail!("{} is a PEFT checkpoint already", dir.display()),
    };
    let method = adapters::method(methods, &dir, &info)?;
    let named = || adapters::named(&dir, &info);
    devices::allow();
    let base = adapters::model(&arguments.model, DEVICE)?;
    if let Some(other) = adapters::other_model(&info, &base) {
        bail!("{other}");
    }
    let predictor = method
        .plan(info.config.clone())?
        .load(&dir, Some(&base))
        .with_context(named)?;
    let name = base_name(&arguments.model)?;
    let portable = predictor.portable();
    let kind = peft_exchange::write(output, portable.as_ref(), &base, &name).with_context(named)?;
    let classes = info.classes.len();
    println!(
        "{}: {kind} for {}, {classes} classes ({})

  from peft import PeftModel
  from transformers import AutoModelForSequenceClassification
  model = AutoModelForSequenceClassification.from_pretrained({name:?}, num_labels={classes})
  model = PeftModel.from_pretrained(model, {:?}).eval()",
        output.display(),
        base.name,
        info.classes.join(", "),
        output.display().to_string(),
    );
    Ok(())
}

/// What Python is told to load: a directory where `name` means one, else a Hub id.
fn base_name(name: &str) -> anyhow::Result<String> {
    let is_hub_id = name.contains('/') && !Path::new(name).exists();
    Ok(match is_hub_id {
        true => name.to_owned(),
        false => sources::model_dir(name)?.display().to_string(),
    })
}
