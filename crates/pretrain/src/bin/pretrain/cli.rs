//! The command line, as clap reads it, and the settings it gives.

use anyhow::{anyhow, ensure};
use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::{Parser, ValueEnum};
use pretrain::{Embeddings, Family, Pretraining, Signal, Sizes, Source, Teaching};
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// A path, `~` expanded.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| files::expand_home(&path))
}

/// Families of new models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FamilyArg {
    /// Masked language model
    Bert,
    /// Causal, learned positions
    Gpt2,
    /// Causal, rotary positions
    Llama,
}

/// Word embeddings that a new model begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EmbeddingsArg {
    /// Normally distributed
    Random,
    /// From the neighbours of each token in the corpus
    Cooccurrence,
    /// From what the teacher makes of each token alone
    Teacher,
}

/// How the finished weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrecisionArg {
    /// 2 bytes a weight
    F16,
    /// 4 bytes a weight
    F32,
}

/// Trains a small transformer from plain text: tokenizer, masked or causal language model, in Hugging Face layout.
///
/// A directory that holds the same pretraining is continued from its last checkpoint.
#[derive(Debug, Parser)]
#[command(name = "pretrain", version, max_term_width = 110)]
pub(crate) struct Cli {
    /// Text files, or directories of .txt files: one paragraph a line, documents apart by empty lines; repeatable
    #[arg(long, value_name = "FILE", required = true, num_args = 1.., value_parser = path())]
    pub(crate) corpus: Vec<PathBuf>,
    /// Text files to measure the loss on [default: every hundredth document of the corpus, which is then not trained on]
    #[arg(long, value_name = "FILE", num_args = 1.., value_parser = path())]
    pub(crate) held_out: Vec<PathBuf>,
    /// Tasks (directories) whose texts are kept out of corpus and labelled texts, sentence by sentence: those that the model is to be judged by
    #[arg(long, value_name = "DIR", num_args = 1.., value_parser = path())]
    pub(crate) exclude: Vec<PathBuf>,
    /// Files, or directories of .tsv files, with lines of label<TAB>text for a causal model's in-context episodes, beside those made from the corpus
    #[arg(long, value_name = "FILE", num_args = 1.., value_parser = path())]
    pub(crate) labelled: Vec<PathBuf>,
    /// Directory of the model; one that holds the same pretraining is continued from its last checkpoint
    #[arg(long, value_name = "DIR", value_parser = path())]
    pub(crate) out: PathBuf,
    /// Go on from this model (a directory or a Hub id; a bundled name as well by way of `adaptbench pretrain`) rather than from random weights, with its tokenizer
    #[arg(long, value_name = "M")]
    pub(crate) from: Option<String>,
    /// Family of a new model [default: bert]
    #[arg(long, value_enum)]
    pub(crate) architecture: Option<FamilyArg>,
    /// Tokens of a new vocabulary [default: 8000]
    #[arg(long, value_name = "N")]
    pub(crate) vocab: Option<NonZeroUsize>,
    /// Width of a new model [default: 192]
    #[arg(long, value_name = "N")]
    pub(crate) hidden: Option<NonZeroUsize>,
    /// Blocks of a new model [default: 4]
    #[arg(long, value_name = "N")]
    pub(crate) layers: Option<NonZeroUsize>,
    /// Attention heads of a new model [default: 6]
    #[arg(long, value_name = "N")]
    pub(crate) heads: Option<NonZeroUsize>,
    /// Inner width of a new model's feed-forward [default: 4 x width; 8/3 x width where it is gated]
    #[arg(long, value_name = "N")]
    pub(crate) intermediate: Option<NonZeroUsize>,
    /// Width of a new masked model's embeddings, where they are narrower than its states (ELECTRA), so that more words fit into the same size
    #[arg(long, value_name = "N")]
    pub(crate) embedding: Option<NonZeroUsize>,
    /// Model to learn from beside the text: an encoder for a masked model, a causal one for a causal model (a directory, a GGUF file or a Hub id; a bundled name as well by way of `adaptbench pretrain`)
    #[arg(long, value_name = "M")]
    pub(crate) teacher: Option<String>,
    /// What of the teacher is learnt, and what each loss counts: vectors, the vectors of texts; states, the states of words;
    /// logits, a causal model's next tokens [default: vectors=10,states=10; logits=1 for a causal model, which takes the teacher's tokenizer]
    #[arg(long, value_name = "NAME[=WEIGHT]", value_delimiter = ',', num_args = 1.., value_parser = signal, requires = "teacher")]
    pub(crate) teacher_signal: Vec<(Signal, f64)>,
    /// What the language model's own loss counts beside the teacher's [default: 1]
    #[arg(long, value_name = "WEIGHT", requires = "teacher")]
    pub(crate) language_weight: Option<f64>,
    /// Folder of the teacher's outputs, which other pretrainings on the same texts find there [default: teacher/ in the model's directory]
    #[arg(long, value_name = "DIR", value_parser = path(), requires = "teacher")]
    pub(crate) teacher_cache: Option<PathBuf>,
    /// Tokens to train on
    #[arg(long, value_name = "N", default_value_t = 20_000_000)]
    pub(crate) tokens: u64,
    /// Tokens a sequence; also the positions of a new model
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub(crate) length: usize,
    /// Sequences a step
    #[arg(long, value_name = "N", default_value = "32")]
    pub(crate) batch: NonZeroUsize,
    /// Share of the steps whose sequences are cut into two or four: the texts of most tasks are short [default: 0.3; 0 with a teacher, whose texts are
    /// of all lengths]
    #[arg(long, value_name = "SHARE")]
    pub(crate) short: Option<f64>,
    /// Share of a masked model's steps that predict every next token from the left instead of masked ones
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    pub(crate) left_to_right: f64,
    /// Share of a masked model's tokens that are to be predicted
    #[arg(long, value_name = "SHARE", default_value_t = 0.15)]
    pub(crate) mask: f64,
    /// Weight of a masked model's second loss, recognising a passage's neighbour (or itself under another mask) by its mean state, where passages are short
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.0)]
    pub(crate) neighbours: f64,
    /// Word embeddings of a new model [default: cooccurrence; teacher where there is one]
    #[arg(long, value_enum)]
    pub(crate) embeddings: Option<EmbeddingsArg>,
    /// How many times a known label of an episode counts in the loss
    #[arg(long, value_name = "N", default_value = "5")]
    pub(crate) label_weight: NonZeroUsize,
    /// Peak learning rate
    #[arg(long, value_name = "RATE", default_value_t = 1e-3)]
    pub(crate) learning_rate: f64,
    /// Share of a causal model's sequences that are in-context episodes made from the corpus [default: 0.25]
    #[arg(long, value_name = "SHARE")]
    pub(crate) episodes: Option<f64>,
    /// Share of a causal model's sequences that repeat one passage, which teaches it to look back [default: 0.1]
    #[arg(long, value_name = "SHARE")]
    pub(crate) repeats: Option<f64>,
    /// Share of a causal model's steps, after the first 15 %, that read repeated passages and episodes alone: looking back is learnt fastest so [default:
    /// 0.1 for a new causal model, else 0]
    #[arg(long, value_name = "SHARE")]
    pub(crate) look_up: Option<f64>,
    /// Seed of weights, order, masks and episodes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Seconds between checkpoints
    #[arg(long, value_name = "S", default_value_t = 300.0)]
    pub(crate) checkpoint_every: f64,
    /// How the finished weights are stored
    #[arg(long, value_enum, default_value = "f16")]
    pub(crate) precision: PrecisionArg,
    /// Device
    #[arg(long, value_name = "D", default_value = "flex")]
    pub(crate) device: String,
}

/// What the arguments ask for.
///
/// # Errors
/// Arguments that exclude each other, files that are not there, a model that cannot be had.
pub(crate) fn settings(arguments: &Cli) -> anyhow::Result<Pretraining> {
    let source = match &arguments.from {
        Some(model) => {
            let changed = [
                ("--architecture", arguments.architecture.is_some()),
                ("--vocab", arguments.vocab.is_some()),
                ("--hidden", arguments.hidden.is_some()),
                ("--layers", arguments.layers.is_some()),
                ("--heads", arguments.heads.is_some()),
                ("--intermediate", arguments.intermediate.is_some()),
                ("--embeddings", arguments.embeddings.is_some()),
                ("--embedding", arguments.embedding.is_some()),
            ];
            let changed = changed.iter().find(|(_, given)| *given);
            ensure!(
                changed.is_none(),
                "{} with --from: sizes, vocabulary and first weights are those of the model that it goes on from",
                changed.map_or("", |(name, _)| name)
            );
            let model = files::expand_home(Path::new(model))?;
            let model = transformer::locate(&model.to_string_lossy())?;
            ensure!(
                model.is_dir(),
                "--from {}: this is a GGUF file, and pretraining goes on from a folder in Hugging Face layout, whose configuration and tokenizer go into the new one",
                model.display()
            );
            Source::From(model)
        }
        None => Source::New(sizes(arguments)),
    };
    let causal = match &source {
        Source::New(sizes) => sizes.family.is_causal(),
        Source::From(model) => transformer::load_shape(model)?.causal,
    };
    let teaching = teaching(arguments, causal)?;
    let excerpts = teaching.is_some() && !causal;
    let masked = matches!(&source, Source::New(sizes) if !sizes.family.is_causal());
    Ok(Pretraining {
        corpus: given_files(&arguments.corpus, "txt")?,
        held_out: given_files(&arguments.held_out, "txt")?,
        exclude: arguments.exclude.clone(),
        labelled: given_files(&arguments.labelled, "tsv")?,
        tokens: arguments.tokens,
        length: arguments.length,
        batch: arguments.batch.get(),
        short_share: arguments.short.unwrap_or(if excerpts { 0.0 } else { 0.3 }),
        episode_share: arguments
            .episodes
            .unwrap_or(if masked { 0.0 } else { 0.25 }),
        repeat_share: arguments.repeats.unwrap_or(if masked { 0.0 } else { 0.1 }),
        look_up_share: arguments.look_up.unwrap_or(match &source {
            Source::New(sizes) if sizes.family.is_causal() => 0.1,
            _ => 0.0,
        }),
        label_weight: arguments.label_weight.get(),
        mask_share: arguments.mask,
        left_to_right_share: arguments.left_to_right,
        neighbour_weight: arguments.neighbours,
        embeddings: match arguments.embeddings {
            Some(EmbeddingsArg::Random) => Embeddings::Random,
            Some(EmbeddingsArg::Cooccurrence) => Embeddings::Cooccurrence,
            Some(EmbeddingsArg::Teacher) => Embeddings::Teacher,
            None if excerpts => Embeddings::Teacher,
            None => Embeddings::Cooccurrence,
        },
        teaching,
        learning_rate: arguments.learning_rate,
        warmup_share: 0.03,
        weight_decay: 0.05,
        clip_norm: 1.0,
        seed: arguments.seed,
        source,
    })
}

fn sizes(arguments: &Cli) -> Sizes {
    Sizes {
        family: match arguments.architecture.unwrap_or(FamilyArg::Bert) {
            FamilyArg::Bert => Family::Bert,
            FamilyArg::Gpt2 => Family::Gpt2,
            FamilyArg::Llama => Family::Llama,
        },
        vocab: arguments.vocab.map_or(8_000, usize::from),
        hidden: arguments.hidden.map_or(192, usize::from),
        layers: arguments.layers.map_or(4, usize::from),
        heads: arguments.heads.map_or(6, usize::from),
        intermediate: arguments.intermediate.map(usize::from),
        embedding: arguments.embedding.map(usize::from),
    }
}

/// What a loss counts unless the command says otherwise. The language model's, in nats, is some ten times as large as those of vectors and states;
/// a divergence is in nats too.
fn usual_weight(signal: Signal) -> f64 {
    if signal.is_causal() { 1.0 } else { 10.0 }
}

/// `NAME` or `NAME=WEIGHT`.
fn signal(text: &str) -> Result<(Signal, f64), String> {
    let (name, weight) = match text.split_once('=') {
        Some((name, weight)) => (name, Some(weight)),
        None => (text, None),
    };
    let found = Signal::ALL.into_iter().find(|signal| signal.name() == name);
    let names = Signal::ALL.map(Signal::name).join(", ");
    let found = found.ok_or_else(|| format!("\"{name}\" is none of {names}"))?;
    let weight = match weight {
        None => usual_weight(found),
        Some(weight) => weight
            .parse()
            .map_err(|_| format!("\"{weight}\" is no number; expected NAME=WEIGHT"))?,
    };
    Ok((found, weight))
}

/// The teacher, with all signals that such a student can learn unless some are named.
fn teaching(arguments: &Cli, causal: bool) -> anyhow::Result<Option<Teaching>> {
    let Some(teacher) = &arguments.teacher else {
        return Ok(None);
    };
    let teacher = files::expand_home(Path::new(teacher))?;
    let teacher = transformer::locate(&teacher.to_string_lossy())?;
    let mut signals = BTreeMap::new();
    for (signal, weight) in &arguments.teacher_signal {
        let before = signals.insert(*signal, *weight);
        ensure!(
            before.is_none(),
            "--teacher-signal names {} twice; give it once",
            signal.name()
        );
    }
    if signals.is_empty() {
        let own = Signal::of_students(causal);
        signals = own.map(|signal| (signal, usual_weight(signal))).collect();
    }
    ensure!(
        !causal || arguments.from.is_some() || arguments.vocab.is_none(),
        "--vocab with a teacher of next tokens: the vocabulary is the teacher's; leave --vocab out"
    );
    let language = arguments.language_weight.unwrap_or(1.0);
    let mut teaching = Teaching::new(teacher, signals, language)?;
    teaching.cache.clone_from(&arguments.teacher_cache);
    Ok(Some(teaching))
}

/// Files as they are given, and the files of directories with this ending.
fn given_files(given: &[PathBuf], ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in given {
        if path.is_dir() {
            let entries = std::fs::read_dir(path)
                .map_err(|source| anyhow!("cannot read {}: {source}", path.display()))?;
            let mut texts: Vec<PathBuf> = entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| {
                    path.extension()
                        .is_some_and(|extension| extension == ending)
                })
                .collect();
            texts.sort();
            ensure!(
                !texts.is_empty(),
                "{} holds no .{ending} file",
                path.display()
            );
            found.extend(texts);
        } else {
            ensure!(path.is_file(), "there is no file {}", path.display());
            found.push(path.clone());
        }
    }
    Ok(found)
}
