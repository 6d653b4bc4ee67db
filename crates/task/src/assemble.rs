//! From the files of a task to its splits: split rules, classes, checks.

use sha2::{Digest, Sha256};

use crate::classes::Classes;
use crate::error::{TaskError, TaskErrorKind, listed};
use crate::hidden::{refuse_hidden, refuse_missing_labels, visible, without_label_column};
use crate::label::Label;
use crate::notes;
use crate::read::{Labels, Table, read_table};
use crate::source::{File, Files, SplitName};
use crate::split::draw_validation;
use crate::task::{Example, Split, Task};

pub(crate) fn assemble(name: &str, files: Files<'_>) -> Result<Task, TaskError> {
    let mut notes = files.notes.clone();
    let Some(train) = read_split(&files.train, SplitName::Train, &mut notes)? else {
        return Err(TaskError::new(
            TaskErrorKind::MissingSplit,
            &files.dir,
            "no training file",
            "train.tsv, .csv, .jsonl or .parquet",
            "add one",
        ));
    };
    let (validation, test) = evaluation_tables(&files, &mut notes)?;
    for other in [Some(&test), validation.as_ref()].into_iter().flatten() {
        same_pairs(&train, other)?;
    }

    let classes = Classes::of(files.labels.as_ref(), &files.cards, &train)?;
    notes.extend(classes.notes.iter().cloned());
    let digest = digest(&files, &classes.names);
    let pairs = train.pairs;
    let train_file = train.file.clone();
    let mut train = labelled(train, &classes)?;
    refuse_one_class(&train, &classes, &train_file)?;
    let validation = match validation {
        Some(validation) => {
            refuse_hidden(&validation, SplitName::Validation, &classes)?;
            labelled(validation, &classes)?
        }
        None => drawn_validation(&mut train, &classes, &train_file, &mut notes)?,
    };
    refuse_hidden(&test, SplitName::Test, &classes)?;
    let test = labelled(test, &classes)?;
    notes.extend(notes::of_texts(&train, &validation, &test));
    notes.extend(notes::of_classes(&train, &classes));
    notes.extend(notes::of_one_class("validation", &validation, &classes));
    notes.extend(notes::of_one_class("test", &test, &classes));
    Ok(Task {
        name: name.to_owned(),
        classes: classes.names,
        descriptions: classes.descriptions,
        pairs,
        train,
        validation,
        test,
        digest,
        notes,
    })
}

/// The tables to choose and to test on. Without a labelled test file the validation file serves as test.
fn evaluation_tables(
    files: &Files<'_>,
    notes: &mut Vec<String>,
) -> Result<(Option<Table>, Table), TaskError> {
    let validation = read_split(&files.validation, SplitName::Validation, notes)?;
    let validation = visible(validation, SplitName::Validation, notes);
    let test = read_split(&files.test, SplitName::Test, notes)?;
    let test = visible(test, SplitName::Test, notes);
    match (validation, test) {
        (validation, Some(test)) => Ok((validation, test)),
        (Some(validation), None) => {
            notes.push("no labelled test file: validation is the test".to_owned());
            Ok((None, validation))
        }
        (None, None) => Err(TaskError::new(
            TaskErrorKind::MissingSplit,
            &files.dir,
            "neither a labelled test nor a labelled validation file",
            "a test file, or a validation file to serve as test",
            "set labelled texts apart as test.tsv (.csv, .jsonl, .parquet); no rule draws a test from train",
        )),
    }
}

fn refuse_one_class(train: &Split, classes: &Classes, file: &str) -> Result<(), TaskError> {
    let present = train.class_counts(classes.names.len());
    if present.iter().filter(|count| **count > 0).count() >= 2 {
        return Ok(());
    }
    let only = &classes.names[train.examples[0].label];
    Err(TaskError::new(
        TaskErrorKind::OneClass,
        file,
        format!("one class, `{only}`, on all {} rows", train.len()),
        "two classes or more",
        "check the label column; classification needs examples of each class",
    ))
}

/// A validation split drawn from the training split, which loses its examples.
fn drawn_validation(
    train: &mut Split,
    classes: &Classes,
    file: &str,
    notes: &mut Vec<String>,
) -> Result<Split, TaskError> {
    let drawn = draw_validation(train, classes.names.len());
    if drawn.is_empty() {
        return Err(TaskError::new(
            TaskErrorKind::TooFewExamples,
            file,
            format!("{} examples and no validation file", train.len()),
            "a class with two different texts, to draw a validation example from",
            "add a validation file or more training examples",
        ));
    }
    notes.push(notes::validation_drawn(&drawn, train));
    Ok(drawn)
}

/// All shards of a split in one table; none where it has no file.
fn read_split(
    files: &[File<'_>],
    split: SplitName,
    notes: &mut Vec<String>,
) -> Result<Option<Table>, TaskError> {
    let mut whole: Option<Table> = None;
    for file in files {
        let table = read_table(&file.shown, &file.bytes, Labels::Required)
            .map_err(|error| without_label_column(file, split, error))?;
        match &mut whole {
            None => whole = Some(table),
            Some(first) => {
                same_pairs(first, &table)?;
                first.append(table);
            }
        }
    }
    if let Some(table) = &mut whole {
        refuse_missing_labels(table, split)?;
        notes.append(&mut table.notes);
    }
    Ok(whole)
}

fn same_pairs(first: &Table, other: &Table) -> Result<(), TaskError> {
    let say = |table: &Table| {
        if table.pairs {
            "pairs of texts"
        } else {
            "single texts"
        }
    };
    if first.pairs == other.pairs {
        return Ok(());
    }
    Err(TaskError::new(
        TaskErrorKind::MixedPairs,
        &other.file,
        say(other),
        format!("{}, as in {}", say(first), first.file),
        "give every file the same columns",
    ))
}

fn labelled(table: Table, classes: &Classes) -> Result<Split, TaskError> {
    let Table { file, rows, .. } = table;
    let mut examples = Vec::with_capacity(rows.len());
    for (row, raw) in (0..).zip(rows) {
        let index = raw.label.as_ref().and_then(|label| classes.index_of(label));
        let Some(label) = index else {
            let file = raw.shard.as_deref().unwrap_or(&file);
            return Err(classes.unknown(file, raw.label.as_ref()).at(raw.place));
        };
        examples.push(Example {
            row,
            text: raw.text,
            second: raw.second,
            label,
        });
    }
    Ok(Split { examples })
}

/// SHA-256 over the split files and `labels.txt` (name, length and bytes of each) and the class names, which a card may have given.
fn digest(files: &Files<'_>, classes: &[String]) -> String {
    let mut sha = Sha256::new();
    let mut part = |bytes: &[u8]| {
        sha.update((bytes.len() as u64).to_le_bytes());
        sha.update(bytes);
    };
    let splits = files
        .train
        .iter()
        .chain(&files.validation)
        .chain(&files.test);
    for file in splits.chain(&files.labels) {
        part(file.name.as_bytes());
        part(&file.bytes);
    }
    for name in classes {
        part(name.as_bytes());
    }
    format!("{:x}", sha.finalize())
}

impl Classes {
    fn unknown(&self, file: &str, found: Option<&Label>) -> TaskError {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let meant = found.and_then(|label| crate::nearest_name(label.text(), &names));
        let last = names.len() as i128 - 1;
        let counts_from_one = self.without_zero && found.and_then(Label::whole) == Some(last + 1);
        let fix = match meant {
            _ if counts_from_one => {
                "no label is 0, so they count from 1, it seems: subtract 1 from each, or write names".to_owned()
            }
            _ if self.counted => {
                format!("write 0 (`{}`) to {last} (`{}`), or names on every row", names[0], names[names.len() - 1])
            }
            Some(name) => {
                format!("did you mean `{name}`? A label must occur in train or stand in labels.txt")
            }
            None => {
                "correct the row, or add the class to train (and to labels.txt, if there is one)"
                    .to_owned()
            }
        };
        let counted = if self.counted {
            ", numbered from 0"
        } else {
            ""
        };
        TaskError::new(
            TaskErrorKind::UnknownLabel,
            file,
            format!(
                "label {}",
                found.map_or_else(|| "nothing".to_owned(), Label::quoted)
            ),
            format!(
                "one of the {} labels {}{counted}",
                names.len(),
                listed(&names, 8)
            ),
            fix,
        )
    }
}
