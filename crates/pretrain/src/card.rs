//! The model card: what was trained on what, for how long, with which result, written from the run itself.

use crate::PretrainError;
use crate::config::{Embeddings, LOOK_UP_FROM, Pretraining, Source};
use crate::corpus::Corpus;
use crate::distil::About;
use crate::model::Model;
use crate::packing::Packed;
use crate::prepare;
use crate::texts;
use crate::train::Finished;
use burn::module::Module;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use transformer::{Precision, Shape};

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

fn last_part(path: &Path) -> String {
    let last = path.file_name().unwrap_or_default();
    last.to_string_lossy().into_owned()
}

/// Everything a card tells of.
pub(crate) struct Card<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) settings: &'a Pretraining,
    pub(crate) model: &'a Model,
    pub(crate) corpus: &'a Corpus,
    pub(crate) packed: &'a Packed,
    pub(crate) texts: &'a texts::About,
    /// Of a pretraining with a teacher.
    pub(crate) teacher: Option<About>,
    pub(crate) held_out_tokens: usize,
    pub(crate) precision: Precision,
    pub(crate) finished: Finished,
    pub(crate) command: &'a str,
}

/// Writes CARD.md into the model's directory.
///
/// # Errors
/// Weights that cannot be read, a card that cannot be written.
pub(crate) fn write(card: &Card<'_>) -> Result<(), PretrainError> {
    let mut lines = card.heading();
    lines.push("| | |\n|---|---|".to_owned());
    lines.extend(card.results());
    lines.extend(card.mixture());
    lines.extend(card.taught());
    lines.extend(card.course());
    lines.extend(card.files()?);
    lines.push(format!("\nMade by\n\n```\n{}\n```", card.command));
    let text: String = lines.into_iter().map(|line| line + "\n").collect();
    prepare::write(&card.dir.join("CARD.md"), text.as_bytes())
}

impl Card<'_> {
    fn shape(&self) -> &Shape {
        self.model.backbone.shape()
    }

    /// Name, and what kind of model it is.
    fn heading(&self) -> Vec<String> {
        let shape = self.shape();
        let name = self.dir.file_name().unwrap_or_default().to_string_lossy();
        let objective = match shape.causal {
            true => "next-token prediction",
            false => "masked-token prediction",
        };
        let parameters = parameters(self.model);
        let embeddings = (shape.vocab * shape.embedding) as u64;
        vec![
            format!("# {name}\n"),
            format!(
                "A {} of {} blocks of width {} with {} tokens, {:.2} million parameters ({:.2} without the word embeddings), pretrained by {objective} with adaptbench's `pretrain` from plain English text.\n",
                shape.architecture.name(),
                shape.layers,
                shape.hidden,
                shape.vocab,
                parameters as f64 / 1e6,
                (parameters - embeddings) as f64 / 1e6
            ),
        ]
    }

    /// What was measured, and on how much text it was trained.
    fn results(&self) -> Vec<String> {
        let (settings, measured) = (self.settings, self.finished.measured);
        let unit = match self.shape().causal {
            true => "token",
            false => "masked token",
        };
        let mut lines = vec![format!(
            "| held-out loss | {:.4} nats a {unit}, over {} tokens of documents that were not trained on |",
            measured.loss, self.held_out_tokens
        )];
        lines.extend(measured.episode_accuracy.map(|accuracy| {
            format!(
                "| held-out in-context episodes | {:.1} % of the labels whose class was shown before are the most probable next token |",
                100.0 * accuracy
            )
        }));
        let tokens = settings.steps() * settings.tokens_a_step();
        lines.push(format!(
            "| tokens seen | {:.1} million in {} steps, {:.2} passes over {:.1} million tokens in {} documents |",
            tokens as f64 / 1e6,
            settings.steps(),
            tokens as f64 / self.packed.tokens() as f64,
            self.packed.tokens() as f64 / 1e6,
            self.corpus.documents.len()
        ));
        lines
    }

    /// What is special about the training, as far as this one has it.
    fn mixture(&self) -> Vec<String> {
        let (settings, causal) = (self.settings, self.shape().causal);
        let mut lines = Vec::new();
        if causal {
            lines.push(format!(
                "| mixture | {:.0} % of the sequences are in-context episodes, in which a known label counts {} times in the loss; {:.0} % repeat a passage; the rest is running text |",
                100.0 * settings.episode_share,
                settings.label_weight,
                100.0 * settings.repeat_share
            ));
        }
        if let Source::New(_) = &settings.source
            && settings.embeddings == Embeddings::Cooccurrence
        {
            let near = match causal {
                true => "",
                false => ", attention of the first block to what stands near",
            };
            lines.push(format!(
                "| begun from | word embeddings from the tokens' co-occurrence in the corpus{near}, everything else random |"
            ));
        }
        if let Source::New(_) = &settings.source
            && settings.embeddings == Embeddings::Teacher
        {
            lines.push("| begun from | word embeddings that the teacher gives each token alone, everything else random |".to_owned());
        }
        if settings.neighbour_weight > 0.0 {
            lines.push(format!(
                "| second loss | recognising a passage's neighbour, or the passage itself under another mask, by its mean state, weight {}, on the {:.0} % of the steps with shorter sequences |",
                settings.neighbour_weight,
                100.0 * settings.short_share
            ));
        }
        if causal && settings.look_up_share > 0.0 {
            lines.push(format!(
                "| looking up | from {:.0} % of the steps on, {:.0} % of them read repeated passages and episodes alone |",
                100.0 * LOOK_UP_FROM,
                100.0 * settings.look_up_share
            ));
        }
        lines
    }

    /// What was learnt from a teacher.
    fn taught(&self) -> Vec<String> {
        let Some(about) = &self.teacher else {
            return Vec::new();
        };
        let mut lines = vec![
            format!("| teacher | {}, digest {} |", about.name, about.digest),
            format!(
                "| learnt from it | {}, beside the language model's loss (weight {}), {} |",
                about.learnt, about.language, about.read
            ),
        ];
        let measured = self.finished.measured;
        let cosine = measured.teacher_cosine.map(|cosine| {
            format!("| held-out vectors | mean cosine {cosine:.4} with the teacher's |")
        });
        let error = measured.teacher_error.map(|error| {
            format!(
                "| held-out states | mean squared error {error:.4} of the teacher's mean square |"
            )
        });
        let divergence = measured.teacher_divergence.map(|divergence| {
            format!("| held-out logits | mean divergence {divergence:.4} nats from the teacher's |")
        });
        lines.extend(cosine);
        lines.extend(error);
        lines.extend(divergence);
        lines
    }

    /// How long it took, and from what it went on.
    fn course(&self) -> Vec<String> {
        let settings = self.settings;
        let mut lines = vec![format!(
            "| training | {:.0} minutes in the loop, batches of {} x {} tokens, AdamW at {} |",
            self.finished.elapsed_s / 60.0,
            settings.batch,
            settings.length,
            settings.learning_rate
        )];
        if let Source::From(model) = &settings.source {
            lines.push(format!("| begun from | {} |", last_parts(model)));
        }
        lines
    }

    /// Every file of the corpus: its share, and where its texts come from.
    fn corpus_files(&self) -> Vec<String> {
        let all: u64 = self.corpus.files.iter().map(|file| file.words).sum();
        let mut lines: Vec<String> = self
            .corpus
            .files
            .iter()
            .map(|file| {
                let origin = file.origin.as_ref().map_or(String::new(), |origin| {
                    format!(" from {}; {}", origin.packages, origin.licence)
                });
                format!(
                    "| corpus | {}: {} words ({:.2} %){origin}, sha256 {} |",
                    last_parts(&file.path),
                    file.words,
                    100.0 * file.words as f64 / all.max(1) as f64,
                    file.digest
                )
            })
            .collect();
        let tasks: Vec<String> = self
            .settings
            .exclude
            .iter()
            .map(|dir| last_part(dir))
            .collect();
        if !tasks.is_empty() {
            lines.push(format!(
                "| left out of it | {} sentences in which one of {} occurs, and labelled texts alike |",
                self.texts.left_out,
                tasks.join(", ")
            ));
        }
        lines
    }

    /// Digests of the weights and of the corpus.
    fn files(&self) -> Result<Vec<String>, PretrainError> {
        let weights = self.dir.join("model.safetensors");
        let bytes = fs::read(&weights).map_err(PretrainError::file(&weights))?;
        let stored = match self.precision {
            Precision::F32 => "f32",
            Precision::F16 => "f16",
        };
        let mut lines = vec![format!(
            "| weights | {:.2} MB as {stored}, sha256 {:x} |",
            bytes.len() as f64 / 1e6,
            Sha256::digest(&bytes)
        )];
        lines.extend(self.corpus_files());
        lines.extend(self.texts.labelled.iter().map(|file| {
            format!(
                "| labelled texts | {}, {} texts, sha256 {} |",
                last_parts(&file.path),
                file.texts,
                file.digest
            )
        }));
        Ok(lines)
    }
}
