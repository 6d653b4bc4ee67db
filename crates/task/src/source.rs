//! Where the files of a task are: a directory, or bytes in the program. Which file is which split.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::Path;

use crate::assemble::assemble;
use crate::error::{TaskError, TaskErrorKind, listed};
use crate::read::advice;
use crate::task::Task;

/// Endings of the formats that have a reader.
pub(crate) const FORMATS: [&str; 4] = ["tsv", "csv", "jsonl", "parquet"];

const EXPECTED_FILES: &str =
    "train, validation and test files ending in .tsv, .csv, .jsonl or .parquet";

/// One file of a task.
pub(crate) struct File<'a> {
    /// Name relative to the task's directory.
    pub(crate) name: String,
    /// Name for messages.
    pub(crate) shown: String,
    pub(crate) bytes: Cow<'a, [u8]>,
}

/// Every file of a task, by its role.
pub(crate) struct Files<'a> {
    /// The directory, for messages.
    pub(crate) dir: String,
    pub(crate) train: Vec<File<'a>>,
    pub(crate) validation: Vec<File<'a>>,
    pub(crate) test: Vec<File<'a>>,
    pub(crate) labels: Option<File<'a>>,
    /// Data set card of the Hub (`README.md`, `dataset_infos.json`), which may name the classes.
    pub(crate) cards: Vec<File<'a>>,
    pub(crate) notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SplitName {
    Train,
    Validation,
    Test,
}

impl SplitName {
    /// The split of this name, in upper or lower case.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word.to_lowercase().as_str() {
            "train" => Some(Self::Train),
            "validation" | "valid" | "val" | "dev" => Some(Self::Validation),
            "test" => Some(Self::Test),
            _ => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// What a file's name says.
struct FileName {
    split: SplitName,
    /// In lower case.
    ending: String,
    /// `(index, of)` in `train-00000-of-00002.parquet`; `of` is not known in `train/0000.parquet`.
    shard: Option<(u64, Option<u64>)>,
}

impl FileName {
    fn parse(name: &str) -> Option<Self> {
        let (directory, file) = name.rsplit_once('/').unwrap_or(("", name));
        let (stem, ending) = file.split_once('.')?;
        let ending = ending.to_lowercase();
        if !directory.is_empty() {
            return Some(Self {
                split: SplitName::parse(directory)?,
                ending,
                shard: Some((stem.parse().ok()?, None)),
            });
        }
        let mut words = stem.splitn(4, '-');
        let split = SplitName::parse(words.next()?)?;
        let shard = match (words.next(), words.next(), words.next()) {
            (None, ..) => None,
            (Some(index), Some(of), Some(rest)) if of.eq_ignore_ascii_case("of") => {
                let of = rest.split('-').next()?; // a content hash may follow
                Some((index.parse().ok()?, Some(of.parse().ok()?)))
            }
            _ => return None,
        };
        Some(Self {
            split,
            ending,
            shard,
        })
    }
}

/// The split that a file name belongs to, if its format has a reader.
pub(crate) fn split_of(name: &str) -> Option<SplitName> {
    let parsed = FileName::parse(name)?;
    has_reader(&parsed.ending).then_some(parsed.split)
}

fn has_reader(ending: &str) -> bool {
    FORMATS.contains(&ending)
}

/// Reads the task in `dir`: `train`, `validation` (or `valid`, `val`, `dev`) and `test`, each in one `.tsv`, `.csv`, `.jsonl` or `.parquet`
/// file or in shards, columns `text,label` or `text_a,text_b,label`; `labels.txt` may give the classes their order and descriptions.
///
/// Without validation, 15 % of train is drawn, stratified and seeded. Without test, validation becomes the test and another validation is
/// drawn from train. Both are told in [`Task::notes`].
///
/// # Errors
/// A [`TaskError`] naming file, place, what was found, what was expected and what to do.
pub fn load(dir: &Path) -> Result<Task, TaskError> {
    let mut dir = dir.to_path_buf();
    let mut names = names_in(&dir)?;
    if !names.iter().any(|name| split_of(name).is_some()) && dir.join("data").is_dir() {
        dir.push("data");
        names = names_in(&dir)?;
    }
    let read = |name: &str| {
        let path = dir.join(name);
        read_file(&path).map(|bytes| File {
            name: name.to_owned(),
            shown: path.display().to_string(),
            bytes: Cow::Owned(bytes),
        })
    };
    let mut files = sort_files(&dir.display().to_string(), &names, read)?;
    files.cards = crate::card::cards_near(&dir);
    assemble(&crate::locate::name_of(&dir), files)
}

/// Reads a task from files in memory, as [`load`] does from a directory.
///
/// # Errors
/// As [`load`].
pub fn from_bytes(name: &str, files: &[(&str, &[u8])]) -> Result<Task, TaskError> {
    let names: Vec<String> = files.iter().map(|(file, _)| (*file).to_owned()).collect();
    let read = |wanted: &str| {
        let found = files.iter().find(|(file, _)| *file == wanted);
        Ok(File {
            name: wanted.to_owned(),
            shown: format!("{name}/{wanted}"),
            bytes: Cow::Borrowed(found.map_or(&[], |(_, bytes)| *bytes)),
        })
    };
    assemble(name, sort_files(name, &names, read)?)
}

/// The most that is read of one file of texts: all of it is held in memory, and its texts a second time. Larger sets come in shards.
const TEXT_BYTES: u64 = 2 << 30;

/// The bytes of a file of texts.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, TaskError> {
    files::read(path, TEXT_BYTES).map_err(|error| {
        let said = error.to_string();
        let (kind, found, expected, fix) = match error.kind() {
            ErrorKind::FileTooLarge => (
                TaskErrorKind::TooLarge,
                "a file of more than 2 GiB",
                "at most that",
                "split it into shards: train-00000-of-00002.tsv ..",
            ),
            // "is a pipe, expected a regular file"
            ErrorKind::InvalidInput => (
                TaskErrorKind::Unreadable,
                said.split(", expected").next().unwrap_or(&said),
                "a regular file",
                "give a file; what a pipe or a device gives can be written into one",
            ),
            _ => (
                TaskErrorKind::Unreadable,
                said.as_str(),
                "a file that can be read",
                "check the path and its permissions",
            ),
        };
        let found = found.strip_prefix("is ").unwrap_or(found);
        TaskError::new(kind, path.display().to_string(), found, expected, fix)
    })
}

/// Names of the files in `dir`, and of those in its directories named as splits (`train/0000.parquet`), sorted.
fn names_in(dir: &Path) -> Result<Vec<String>, TaskError> {
    let shown = dir.display().to_string();
    let unreadable = |error: std::io::Error| {
        let found = match error.kind() {
            ErrorKind::NotFound => "no such directory".to_owned(),
            _ => error.to_string(),
        };
        TaskError::new(
            TaskErrorKind::Unreadable,
            &shown,
            found,
            format!("a directory with {EXPECTED_FILES}"),
            "check the path",
        )
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.path().is_dir() {
            names.push(name);
        } else if SplitName::parse(&name).is_some() {
            for shard in std::fs::read_dir(entry.path()).map_err(unreadable)? {
                let shard = shard.map_err(unreadable)?.file_name();
                names.push(format!("{name}/{}", shard.to_string_lossy()));
            }
        }
    }
    names.sort();
    Ok(names)
}

fn sort_files<'a>(
    dir: &str,
    names: &[String],
    read: impl Fn(&str) -> Result<File<'a>, TaskError>,
) -> Result<Files<'a>, TaskError> {
    if !names.iter().any(|name| split_of(name).is_some()) {
        return Err(no_split_files(dir, names));
    }
    let split = |split| -> Result<Vec<File<'a>>, TaskError> {
        let shards = files_of_split(dir, names, split)?;
        shards.into_iter().map(&read).collect()
    };
    let labels = names
        .iter()
        .find(|name| name.eq_ignore_ascii_case("labels.txt"));
    Ok(Files {
        dir: dir.to_owned(),
        train: split(SplitName::Train)?,
        validation: split(SplitName::Validation)?,
        test: split(SplitName::Test)?,
        labels: labels.map(|name| read(name)).transpose()?,
        cards: Vec::new(),
        notes: Vec::new(),
    })
}

fn no_split_files(dir: &str, names: &[String]) -> TaskError {
    let known = names.iter().find_map(|name| FileName::parse(name));
    let (kind, fix) = if let Some(known) = known {
        (TaskErrorKind::UnknownFormat, advice(&known.ending))
    } else {
        (
            TaskErrorKind::EmptyDirectory,
            "name the files train.tsv, validation.tsv and test.tsv, or give another directory",
        )
    };
    TaskError::new(kind, dir, listed(names, 10), EXPECTED_FILES, fix)
}

/// The one file of a split, or its shards in order; none where it has none.
fn files_of_split<'n>(
    dir: &str,
    names: &'n [String],
    split: SplitName,
) -> Result<Vec<&'n str>, TaskError> {
    let mut shards = Vec::new();
    let mut whole = Vec::new();
    let mut unknown = Vec::new();
    for name in names {
        match FileName::parse(name) {
            Some(parsed) if parsed.split != split => {}
            Some(parsed) if !has_reader(&parsed.ending) => unknown.push((name, parsed.ending)),
            Some(FileName {
                shard: Some((index, of)),
                ending,
                ..
            }) => shards.push((index, of, ending, name)),
            Some(_) => whole.push(name),
            None => {}
        }
    }
    shards.sort_unstable();
    let all = || -> Vec<&String> {
        whole
            .iter()
            .copied()
            .chain(shards.iter().map(|shard| shard.3))
            .collect()
    };
    let mixed = shards
        .iter()
        .any(|shard| (shard.1, &shard.2) != (shards[0].1, &shards[0].2));
    if whole.len() > 1 || (!whole.is_empty() && !shards.is_empty()) || mixed {
        return Err(TaskError::new(
            TaskErrorKind::DuplicateSplit,
            dir,
            format!("{} for one split", listed(&all(), 6)),
            format!("one {} file", split.as_str()),
            "keep the one that is meant and move the others away",
        ));
    }
    if let (true, true, Some((name, ending))) =
        (whole.is_empty(), shards.is_empty(), unknown.first())
    {
        return Err(TaskError::new(
            TaskErrorKind::UnknownFormat,
            dir,
            format!("`{name}`"),
            format!("{} as .tsv, .csv, .jsonl or .parquet", split.as_str()),
            advice(ending),
        ));
    }
    let complete = shards
        .iter()
        .zip(0..)
        .all(|(shard, index)| shard.0 == index)
        && shards
            .first()
            .is_none_or(|(_, of, ..)| of.is_none_or(|of| of == shards.len() as u64));
    if !complete {
        return Err(TaskError::new(
            TaskErrorKind::MissingSplit,
            dir,
            format!("the shards {}", listed(&all(), 6)),
            format!(
                "every shard of {}, each once, numbered from 0",
                split.as_str()
            ),
            "fetch the missing files, or move the wrong ones away",
        ));
    }
    whole.extend(shards.iter().map(|shard| shard.3));
    Ok(whole.into_iter().map(String::as_str).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str]) -> Result<Vec<String>, TaskErrorKind> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        files_of_split("dir", &names, SplitName::Train)
            .map(|files| files.into_iter().map(str::to_owned).collect())
            .map_err(|error| error.kind)
    }

    #[test]
    fn shards_are_taken_in_order_and_none_may_be_missing() {
        let two = [
            "train-00001-of-00002-ab12.parquet",
            "train-00000-of-00002-cd34.parquet",
            "test.tsv",
        ];
        assert_eq!(chosen(&two), Ok(vec![two[1].to_owned(), two[0].to_owned()]));
        assert_eq!(chosen(&two[..1]), Err(TaskErrorKind::MissingSplit));
        assert_eq!(chosen(&two[1..]), Err(TaskErrorKind::MissingSplit));
        let ten: Vec<String> = (0..11).map(|i| format!("train/{i:04}.parquet")).collect();
        let names: Vec<&str> = ten.iter().map(String::as_str).collect();
        assert_eq!(chosen(&names), Ok(ten.clone()));
        assert_eq!(chosen(&names[1..]), Err(TaskErrorKind::MissingSplit));
    }

    #[test]
    fn two_files_for_one_split_are_refused() {
        let duplicate = Err(TaskErrorKind::DuplicateSplit);
        assert_eq!(chosen(&["train.csv", "train.tsv"]), duplicate);
        assert_eq!(
            chosen(&["train.csv", "train-00000-of-00001.csv"]),
            duplicate
        );
        assert_eq!(chosen(&["train.json"]), Err(TaskErrorKind::UnknownFormat));
        assert_eq!(
            chosen(&["train.tsv", "train.tsv.gz", "train-notes.tsv"]),
            Ok(vec!["train.tsv".to_owned()])
        );
    }
}
