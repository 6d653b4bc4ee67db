//! `features`: hidden states or pooled features of texts, as safetensors, rows in input order.

use crate::cli::{FeaturesArgs, PoolingArg};
use crate::sources::{self, devices};
use crate::terminal::tell;
use anyhow::{Context, bail, ensure};
use std::num::NonZeroUsize;
use std::path::Path;
use task::TextRow;
use transformer::{Embedder, Encoded, Pass, Pooling, Pretrained, Side, collate};

/// Texts of one forward pass.
const BATCH: usize = 32;

/// Writes `hidden` [B,T,H] and `mask` [B,T], or `features` [B,H].
///
/// # Errors
/// A model, file or device that cannot be used, or an output that cannot be written.
pub(crate) fn write(arguments: &FeaturesArgs) -> anyhow::Result<()> {
    devices::allow();
    devices::check(&arguments.device)?;
    check_output(&arguments.output)?;
    let rows = read(&arguments.input)?;
    let dir = sources::model_dir(&arguments.model)?;
    let device = devices::open(&arguments.device)?;
    let base = transformer::load(&dir, &device)
        .with_context(|| format!("the model \"{}\"", arguments.model))?;
    base.warnings
        .iter()
        .for_each(|warning| tell(format!("warning: {warning}")));
    note_pairs(rows.iter().map(|row| &row.second), &base);
    let max_length = arguments.max_length.map(NonZeroUsize::get);
    let embedder = embedder(&base, arguments.pooling, max_length)?;
    let encoded = encode(&rows, &embedder)?;
    write_tensors(
        &arguments.output,
        &rows,
        match arguments.pooling {
            PoolingArg::None => hidden_states(&base, &encoded),
            _ => vec![("features", pooled(&base, &encoded, &embedder))],
        },
    )
}

/// Says where pairs, if there are any among the second texts, are read otherwise than by transformers.
pub(crate) fn note_pairs<'a>(
    mut second: impl Iterator<Item = &'a Option<String>>,
    base: &Pretrained,
) {
    if second.any(Option::is_some)
        && let Some(note) = base.tokenizer.note_on_pairs()
    {
        tell(format!("note: {note}"));
    }
}

/// How texts become vectors; says so where that is not as a folder of sentence-transformers asks.
fn embedder(
    base: &Pretrained,
    pooling: PoolingArg,
    max_length: Option<usize>,
) -> anyhow::Result<Embedder> {
    let own = base
        .sentence
        .max_length()
        .filter(|_| pooling == PoolingArg::Folder);
    let length = max_length.or(own).unwrap_or(base.shape.max_length);
    let given = match pooling {
        // The states themselves: nothing is pooled.
        PoolingArg::None | PoolingArg::Mean => Some(Pooling::Mean),
        PoolingArg::First => Some(Pooling::First),
        PoolingArg::Last => Some(Pooling::LastToken),
        PoolingArg::Folder => None,
    };
    let (folder, shape) = (&base.sentence, &base.shape);
    let asked = folder.describe();
    ensure!(
        given.is_some() || asked.is_some(),
        "--pooling folder follows the modules.json of a sentence-transformers folder, and \"{}\" has none; choose none, mean, first or last",
        base.name
    );
    let embedder = Embedder::new(folder, &base.tokenizer, shape, length, given, Pooling::Mean)?;
    if let Some(asked) = asked
        && pooling != PoolingArg::None
        && given.is_some()
    {
        tell(format!(
            "note: modules.json asks for {asked}; --pooling folder follows it"
        ));
    }
    if let Some(own) = own
        && own != embedder.max_length()
    {
        let used = embedder.max_length();
        tell(format!(
            "note: texts are cut at {used} tokens, and the folder asks for {own}"
        ));
    }
    Ok(embedder)
}

/// The texts of a file, at least one. What its reader notes goes to standard error.
///
/// # Errors
/// A file that cannot be read or holds no text.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<TextRow>> {
    let task::Texts { rows, notes } = task::read_texts(path)?;
    notes
        .iter()
        .for_each(|note| crate::terminal::tell(format!("note: {note}")));
    ensure!(
        !rows.is_empty(),
        "{} holds no text, expected at least one",
        path.display()
    );
    Ok(rows)
}

/// Refuses an output that could not be written, before the work is done.
///
/// # Errors
/// A directory that is missing or not writable, or something else than a file in the output's place.
pub(crate) fn check_output(path: &Path) -> anyhow::Result<()> {
    files::check_writable(path).with_context(|| format!("cannot write to {}", path.display()))
}

/// A tensor to be written: its shape and values.
type Values = (Vec<usize>, Vec<f32>);

fn encode(rows: &[TextRow], embedder: &Embedder) -> anyhow::Result<Vec<Encoded>> {
    let max_length = embedder.max_length();
    let texts: Vec<(&str, Option<&str>)> = rows
        .iter()
        .map(|row| (row.text.as_str(), row.second.as_deref()))
        .collect();
    let encoded = embedder.encode(&texts)?;
    let cut = encoded
        .iter()
        .filter(|text| text.truncated_tokens > 0)
        .count();
    if cut > 0 {
        let tokens: usize = encoded.iter().map(|text| text.truncated_tokens).sum();
        tell(format!(
            "note: {cut} of {} texts are longer than {max_length} tokens and were cut, {tokens} tokens in all",
            rows.len()
        ));
    }
    Ok(encoded)
}

/// Calls `each` with the final states of batches of texts of like length: rows, states and mask.
fn forward(
    base: &Pretrained,
    encoded: &[Encoded],
    mut each: impl FnMut(&[usize], transformer::Embedded),
) {
    let lengths: Vec<usize> = encoded.iter().map(|text| text.ids.len()).collect();
    let device = base.backbone.device();
    for rows in task::batches_sorted(&lengths, BATCH) {
        let texts: Vec<&Encoded> = rows.iter().map(|&row| &encoded[row]).collect();
        let batch = collate(&texts, base.tokenizer.pad_id(), Side::Right, &device);
        each(&rows, base.backbone.forward(&batch, &Pass::plain()));
    }
}

fn hidden_states(base: &Pretrained, encoded: &[Encoded]) -> Vec<(&'static str, Values)> {
    let longest = encoded.iter().map(|text| text.ids.len()).max().unwrap_or(0);
    let width = base.shape.hidden;
    let mut hidden = vec![0.0; encoded.len() * longest * width];
    let mut mask = vec![0.0; encoded.len() * longest];
    forward(base, encoded, |rows, state| {
        let [_, t, _] = state.x.dims();
        let states = adapt::to_floats(state.x);
        for (place, &row) in rows.iter().enumerate() {
            // What stands at a padded place is arbitrary; it is written as 0.
            let length = encoded[row].ids.len();
            let from = &states[place * t * width..][..length * width];
            hidden[row * longest * width..][..length * width].copy_from_slice(from);
            mask[row * longest..][..length].fill(1.0);
        }
    });
    vec![
        ("hidden", (vec![encoded.len(), longest, width], hidden)),
        ("mask", (vec![encoded.len(), longest], mask)),
    ]
}

fn pooled(base: &Pretrained, encoded: &[Encoded], embedder: &Embedder) -> Values {
    let width = embedder.width();
    let mut features = vec![0.0; encoded.len() * width];
    forward(base, encoded, |rows, state| {
        let vectors = adapt::to_floats(embedder.embed(&state)); // [b,width]
        for (vector, &row) in vectors.chunks_exact(width).zip(rows) {
            features[row * width..][..width].copy_from_slice(vector);
        }
    });
    (vec![encoded.len(), width], features)
}

fn write_tensors(
    path: &Path,
    rows: &[TextRow],
    tensors: Vec<(&str, Values)>,
) -> anyhow::Result<()> {
    let mut file = files::Tensors::default();
    for (name, (shape, values)) in tensors {
        if let Some(place) = values.iter().position(|value| !value.is_finite()) {
            let row = rows[place / (values.len() / rows.len())].row;
            bail!(
                "a value of row {row} is {}, expected a finite number; are the model's weights damaged?",
                values[place]
            );
        }
        file.put(name, &shape, values);
    }
    file.write(path)
        .with_context(|| format!("cannot write {}", path.display()))
}
