//! `predict`: class scores of texts by a model that `run --keep-adapters` adapted and kept, or by a PEFT checkpoint.

use crate::cli::PredictArgs;
use crate::commands::features;
use crate::registry::Methods;
use crate::run::flops;
use crate::sources::adapters::{self, Found};
use crate::sources::devices;
use adapt::{Budget, Logits, SAVED_FILE, SavedInfo};
use anyhow::{Context, bail, ensure};
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use task::Example;
use transformer::Pretrained;

/// Writes `row,label,logit_0,..`, rows in input order.
///
/// # Errors
/// An adapter, model, file or device that cannot be used, or an output that cannot be written.
pub(crate) fn write(methods: Methods, arguments: &PredictArgs) -> anyhow::Result<()> {
    devices::allow();
    devices::check(&arguments.device)?;
    features::check_output(&arguments.output)?;
    let Some(dir) = &arguments.adapter else {
        bail!(
            "a pretrained model alone knows no classes; name an adapted one with --adapter RUN/trials/<id> (from run --keep-adapters)"
        );
    };
    let (dir, mut info) = match adapters::find(dir)? {
        Found::Own(dir, info) => (dir, info),
        Found::Peft(dir) => return write_of_peft(arguments, &dir),
    };
    let method = adapters::method(methods, &dir, &info)?;
    let examples = examples(&arguments.input)?;
    let base = match method.info().uses_model {
        true => Some(adapters::model(&arguments.model, &arguments.device)?),
        false => None,
    };
    let other = base
        .as_ref()
        .and_then(|base| adapters::other_model(&info, base));
    if let Some(other) = other {
        eprintln!("warning: {other}");
    }
    let mut from = dir.clone();
    let changed; // lives until the predictor has been read
    if let Some(max_length) = arguments.max_length {
        info.budget = Budget {
            max_length,
            ..info.budget
        };
        changed = with_other_info(&dir, &info)?;
        from = changed.path().to_owned();
    }
    let predictor = method
        .plan(info.config.clone())?
        .load(&from, base.as_ref())
        .with_context(|| adapters::named(&dir, &info))?;
    if let Some(base) = &base {
        let window = info.budget.max_length.get().min(base.shape.max_length);
        note_cuts(&examples, base, window);
    }
    let logits = predictor.class_logits(&examples)?;
    write_csv(&arguments.output, &info.classes, &examples, &logits)
}

/// The same by a PEFT checkpoint, which names no classes: their numbers stand for them unless `export` wrote the names beside it.
fn write_of_peft(arguments: &PredictArgs, dir: &Path) -> anyhow::Result<()> {
    let examples = examples(&arguments.input)?;
    let base = adapters::model(&arguments.model, &arguments.device)?;
    let predictor = peft_exchange::read(dir, &base).with_context(|| {
        format!(
            "the PEFT checkpoint in {} (model {})",
            dir.display(),
            arguments.model
        )
    })?;
    let asked = arguments.max_length.map_or(usize::MAX, NonZeroUsize::get);
    let window = asked.min(predictor.longest_text());
    note_cuts(&examples, &base, window);
    let batch = Budget::default().eval_batch;
    let logits = predictor.class_logits(&examples, window, batch)?;
    write_csv(
        &arguments.output,
        &classes(dir, predictor.classes()),
        &examples,
        &logits,
    )
}

fn classes(dir: &Path, count: usize) -> Vec<String> {
    let text = fs::read_to_string(dir.join(peft_exchange::LABELS_FILE)).unwrap_or_default();
    let names: Vec<String> = text.lines().map(str::to_owned).collect();
    match names.len() == count {
        true => names,
        false => (0..count).map(|class| class.to_string()).collect(),
    }
}

fn examples(input: &Path) -> anyhow::Result<Vec<Example>> {
    let rows = features::read(input)?.into_iter();
    Ok(rows
        .map(|row| Example {
            row: row.row,
            text: row.text,
            second: row.second,
            label: 0,
        })
        .collect())
}

fn note_cuts(examples: &[Example], base: &Pretrained, window: usize) {
    let full = flops::lengths(examples, &base.tokenizer, usize::MAX).unwrap_or_default();
    let cut = full.iter().filter(|length| **length > window).count();
    if cut > 0 {
        eprintln!(
            "note: {cut} of {} texts are longer than {window} tokens and were cut",
            examples.len()
        );
    }
}

/// A directory that shows the adapter of `dir` with another description.
fn with_other_info(dir: &Path, info: &SavedInfo) -> anyhow::Result<TemporaryDir> {
    let path = std::env::temp_dir().join(format!("adaptbench-predict-{}", std::process::id()));
    let copy = TemporaryDir(path.clone());
    let make = || -> std::io::Result<()> {
        fs::create_dir_all(&path)?;
        for entry in fs::read_dir(dir)?.flatten() {
            if entry.file_name() != SAVED_FILE {
                fs::copy(entry.path(), path.join(entry.file_name()))?;
            }
        }
        fs::write(path.join(SAVED_FILE), serde_json::to_vec_pretty(info)?)
    };
    make().with_context(|| format!("cannot prepare the adapter in {}", path.display()))?;
    Ok(copy)
}

/// Removed when it goes out of scope.
struct TemporaryDir(PathBuf);

impl TemporaryDir {
    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write_csv(
    path: &Path,
    classes: &[String],
    examples: &[Example],
    logits: &[Logits],
) -> anyhow::Result<()> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let header = ["row".to_owned(), "label".to_owned()]
        .into_iter()
        .chain((0..classes.len()).map(|class| format!("logit_{class}")));
    table.write_record(header)?;
    for (example, scores) in examples.iter().zip(logits) {
        ensure!(
            scores.len() == classes.len(),
            "row {} has {} scores, expected {}",
            example.row,
            scores.len(),
            classes.len()
        );
        let best = task::metrics::predictions(std::slice::from_ref(scores))[0];
        let cells = [example.row.to_string(), classes[best].clone()]
            .into_iter()
            .chain(scores.iter().map(f32::to_string));
        table.write_record(cells)?;
    }
    let bytes = table.into_inner().map_err(|error| error.into_error())?;
    Ok(report::store::write_file(path, &bytes)?)
}
