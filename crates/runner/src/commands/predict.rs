//! `predict`: class scores of texts by a model that `run --keep-adapters` adapted and kept, or by a PEFT checkpoint.

use crate::cli::PredictArgs;
use crate::commands::features;
use crate::registry::Methods;
use crate::run::flops;
use crate::sources::{adapter_folders, adapters, devices};
use crate::terminal::tell;
use adapt::{Logits, PairEncoding};
use anyhow::{bail, ensure};
use std::path::Path;
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
    let found = adapter_folders::find(dir)?;
    let examples = examples(&arguments.input)?;
    let adapted = adapters::load(
        methods,
        found,
        &arguments.model,
        &arguments.device,
        arguments.max_length,
    )?;
    if let Some((base, window)) = &adapted.reads {
        let texts = examples.iter().map(|example| &example.second);
        features::note_pairs(texts, base);
        note_cuts(
            &examples,
            base,
            *window,
            adapted.predictor.footprint().pairs,
        );
    }
    let logits = adapted.predictor.scores(&examples)?;
    write_csv(&arguments.output, &adapted.classes, &examples, &logits)
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

fn note_cuts(examples: &[Example], base: &Pretrained, window: usize, pairs: PairEncoding) {
    let full = flops::lengths(examples, &base.tokenizer, usize::MAX, pairs).unwrap_or_default();
    let cut = full.iter().filter(|length| **length > window).count();
    if cut > 0 {
        tell(format!(
            "note: {cut} of {} texts are longer than {window} tokens and were cut",
            full.len()
        ));
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
