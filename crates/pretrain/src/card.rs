//! The model card: what was trained on what, for how long, with which result, written from the run itself.

use crate::PretrainError;
use crate::config::{Embeddings, LOOK_UP_FROM, Pretraining, Source};
use crate::corpus::{Corpus, hex};
use crate::model::Model;
use crate::packing::Packed;
use crate::prepare;
use crate::train::Finished;
use burn::module::Module;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use transformer::Precision;

/// Parameters of the model, a tied output matrix counted once.
pub(crate) fn parameters(model: &Model) -> u64 {
    let all = model.num_params() as u64;
    let [vocab, hidden] = model.head.decoder.dims();
    match model.head.tied {
        true => all - (vocab * hidden) as u64,
        false => all,
    }
}

/// The last two parts of a path: where it lay on this machine is nobody's business.
fn last_parts(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

#[allow(clippy::too_many_arguments)] // Everything a card tells of.
pub(crate) fn write(
    dir: &Path,
    settings: &Pretraining,
    model: &Model,
    corpus: &Corpus,
    packed: &Packed,
    held_out_tokens: usize,
    precision: Precision,
    finished: Finished,
    command: &str,
) -> Result<(), PretrainError> {
    let shape = model.backbone.shape();
    let weights = dir.join("model.safetensors");
    let bytes = fs::read(&weights).map_err(PretrainError::file(&weights))?;
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let (objective, unit) = match shape.causal {
        true => ("next-token prediction", "token"),
        false => ("masked-token prediction", "masked token"),
    };
    let parameters = parameters(model);
    let embeddings = (shape.vocab * shape.hidden) as u64;
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a string");
    line(format!("# {name}\n"));
    line(format!(
        "A {} of {} blocks of width {} with {} tokens, {:.2} million parameters ({:.2} without the word embeddings), pretrained by {objective} with `runner pretrain` from plain English text.\n",
        shape.architecture.name(),
        shape.layers,
        shape.hidden,
        shape.vocab,
        parameters as f64 / 1e6,
        (parameters - embeddings) as f64 / 1e6
    ));
    line("| | |\n|---|---|".to_owned());
    line(format!(
        "| held-out loss | {:.4} nats a {unit}, over {held_out_tokens} tokens of documents that were not trained on |",
        finished.measured.loss
    ));
    if let Some(accuracy) = finished.measured.episode_accuracy {
        line(format!(
            "| held-out in-context episodes | {:.1} % of the labels whose class was shown before are the most probable next token |",
            100.0 * accuracy
        ));
    }
    let tokens = settings.steps() * settings.tokens_a_step();
    line(format!(
        "| tokens seen | {:.1} million in {} steps, {:.2} passes over {:.1} million tokens in {} documents |",
        tokens as f64 / 1e6,
        settings.steps(),
        tokens as f64 / packed.tokens() as f64,
        packed.tokens() as f64 / 1e6,
        corpus.documents.len()
    ));
    if shape.causal {
        line(format!(
            "| mixture | {:.0} % of the sequences are in-context episodes, in which a known label counts {} times in the loss; {:.0} % repeat a passage; the rest is running text |",
            100.0 * settings.episode_share,
            settings.label_weight,
            100.0 * settings.repeat_share
        ));
    }
    if let Source::New(_) = &settings.source
        && settings.embeddings == Embeddings::Cooccurrence
    {
        let near = match shape.causal {
            true => "",
            false => ", attention of the first block to what stands near",
        };
        line(format!(
            "| begun from | word embeddings from the tokens' co-occurrence in the corpus{near}, everything else random |"
        ));
    }
    if settings.neighbour_weight > 0.0 {
        line(format!(
            "| second loss | recognising a passage's neighbour, or the passage itself under another mask, by its mean state, weight {}, on the {:.0} % of the steps with shorter sequences |",
            settings.neighbour_weight,
            100.0 * settings.short_share
        ));
    }
    if shape.causal && settings.look_up_share > 0.0 {
        line(format!(
            "| looking up | from {:.0} % of the steps on, {:.0} % of them read repeated passages and episodes alone |",
            100.0 * LOOK_UP_FROM,
            100.0 * settings.look_up_share
        ));
    }
    line(format!(
        "| training | {:.0} minutes in the loop, batches of {} x {} tokens, AdamW at {} |",
        finished.elapsed_s / 60.0,
        settings.batch,
        settings.length,
        settings.learning_rate
    ));
    if let Source::From(model) = &settings.source {
        line(format!("| begun from | {} |", last_parts(model)));
    }
    let stored = match precision {
        Precision::F32 => "f32",
        Precision::F16 => "f16",
    };
    line(format!(
        "| weights | {:.2} MB as {stored}, sha256 {} |",
        bytes.len() as f64 / 1e6,
        hex(&Sha256::digest(&bytes))
    ));
    for (file, digest) in settings.corpus.iter().zip(&corpus.digests) {
        line(format!(
            "| corpus | {}, sha256 {digest} |",
            last_parts(file)
        ));
    }
    line(format!("\nMade by\n\n```\n{command}\n```"));
    prepare::write(&dir.join("CARD.md"), text.as_bytes())
}
