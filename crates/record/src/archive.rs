//! The archive of a compact run, `records.tar.zst`: `trials/<id>/record.json` and `trials/<id>/predictions.csv` of every trial.
//!
//! The same files give the same archive: entries stand in the order of their names, without time or owner. A reader takes names and sizes
//! from nobody: it knows the two files of a trial and unpacks nothing to the disk.

use crate::StoreError;
use crate::store::{PREDICTIONS_FILE, RECORD_FILE};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

/// Name of the archive in a run's directory.
pub const ARCHIVE: &str = "records.tar.zst";

/// The raw files of a trial that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) record: Vec<u8>,
    pub(crate) predictions: Option<Vec<u8>>,
}

/// The highest level; what an archive gains by it is kept for good and costs seconds once.
const LEVEL: i32 = 22;
/// Largest window of compression, as a power of two; readers allow this much memory and no more.
const WINDOW: u32 = 27;
/// No file of a trial is larger.
pub(crate) const MOST_BYTES_OF_A_FILE: u64 = 256 << 20;
/// No run is larger.
const MOST_BYTES: u64 = 1 << 30;

/// The archive of `trials`, by id.
///
/// # Errors
/// The library's; a file larger than readers accept.
pub(crate) fn pack(trials: &BTreeMap<String, Files>) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::Encoder::new(Vec::new(), LEVEL)?;
    compressor.long_distance_matching(true)?;
    compressor.window_log(WINDOW)?;
    compressor.include_checksum(true)?;
    let mut tar = tar::Builder::new(compressor);
    for (id, files) in trials {
        if let Some(predictions) = &files.predictions {
            append(
                &mut tar,
                &format!("trials/{id}/{PREDICTIONS_FILE}"),
                predictions,
            )?;
        }
        append(
            &mut tar,
            &format!("trials/{id}/{RECORD_FILE}"),
            &files.record,
        )?;
    }
    tar.into_inner()?.finish()
}

fn append(tar: &mut tar::Builder<impl io::Write>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let size = bytes.len() as u64;
    if size > MOST_BYTES_OF_A_FILE {
        let found = format!("{name} has {size} bytes, at most {MOST_BYTES_OF_A_FILE} are kept");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, found));
    }
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    tar.append_data(&mut header, name, bytes)
}

/// The trials in the archive at `path`, by id.
///
/// # Errors
/// [`StoreError::Read`]; [`StoreError::BrokenArchive`] for anything but the two files of each trial, once each, of a sane size.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, Files>, StoreError> {
    let (file, _) = files::open(path).map_err(|e| StoreError::read(path, e))?;
    unpack(file).map_err(|reason| StoreError::broken_archive(path, reason))
}

fn unpack(file: impl Read) -> Result<BTreeMap<String, Files>, String> {
    let words = |error: io::Error| error.to_string();
    let mut decoder = zstd::Decoder::new(file).map_err(words)?;
    decoder.window_log_max(WINDOW).map_err(words)?;
    let mut tar = tar::Archive::new(decoder.take(MOST_BYTES));
    let mut trials: BTreeMap<String, Files> = BTreeMap::new();
    let mut records = std::collections::BTreeSet::new();
    for entry in tar.entries().map_err(words)? {
        let mut entry = entry.map_err(words)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let (id, file) = file_of_trial(&name).ok_or_else(|| {
            format!("it holds {name:?}, expected trials/<id>/{RECORD_FILE} and trials/<id>/{PREDICTIONS_FILE} only")
        })?;
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(format!("{name:?} in it is no regular file"));
        }
        let size = entry.size();
        if size > MOST_BYTES_OF_A_FILE {
            return Err(format!(
                "{name:?} in it has {size} bytes, expected at most {MOST_BYTES_OF_A_FILE}"
            ));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(words)?;
        if bytes.len() as u64 != size {
            return Err(format!("it ends within {name:?}"));
        }
        let files = trials.entry(id.to_owned()).or_default();
        let twice = match file {
            TrialFile::Record => {
                files.record = bytes;
                !records.insert(id.to_owned())
            }
            TrialFile::Predictions => files.predictions.replace(bytes).is_some(),
        };
        if twice {
            return Err(format!("{name:?} is in it twice"));
        }
    }
    // The checksum stands at the end of the compressed stream, behind what tar reads.
    let mut rest = tar.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(words)?;
    match trials.keys().find(|id| !records.contains(*id)) {
        Some(id) => Err(format!("trial {id:?} in it has no {RECORD_FILE}")),
        None => Ok(trials),
    }
}

enum TrialFile {
    Record,
    Predictions,
}

/// The trial and which of its files `name` is; `None` for any other name.
fn file_of_trial(name: &str) -> Option<(&str, TrialFile)> {
    let (id, file) = name.strip_prefix("trials/")?.split_once('/')?;
    let file = match file {
        RECORD_FILE => TrialFile::Record,
        PREDICTIONS_FILE => TrialFile::Predictions,
        _ => return None,
    };
    (!id.is_empty() && !id.starts_with('.')).then_some((id, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(record: &str, predictions: Option<&str>) -> Files {
        Files {
            record: record.into(),
            predictions: predictions.map(Into::into),
        }
    }

    /// An archive of `entries`, of any names and types.
    fn tar_of(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1).unwrap());
        for (name, kind, text) in entries {
            let mut header = tar::Header::new_gnu();
            // `set_path` would refuse `..`, as the archives of others need not.
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append(&header, text.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn what_is_packed_comes_back_and_packs_to_the_same_bytes() {
        let long = "m".repeat(120);
        let trials = BTreeMap::from([
            ("b".to_owned(), files("{}", None)),
            (long, files("{\"a\": 1}", Some("row,label\n"))),
        ]);
        let packed = pack(&trials).unwrap();
        let back = unpack(&packed[..]).unwrap();
        assert_eq!(back, trials);
        assert_eq!(pack(&back).unwrap(), packed);
    }

    #[test]
    fn archives_with_anything_else_in_them_are_refused() {
        use tar::EntryType::{Directory, Regular, Symlink};
        let good = ("trials/a/record.json", Regular, "{}");
        assert_eq!(unpack(&tar_of(&[good])[..]).unwrap().len(), 1);
        let bad = [
            (
                vec![("trials/../record.json", Regular, "{}")],
                "expected trials/<id>",
            ),
            (
                vec![("../trials/a/record.json", Regular, "{}")],
                "expected trials/<id>",
            ),
            (
                vec![("/trials/a/record.json", Regular, "{}")],
                "expected trials/<id>",
            ),
            (
                vec![("trials/a/b/record.json", Regular, "{}")],
                "expected trials/<id>",
            ),
            (
                vec![("trials/a/log.txt", Regular, "{}")],
                "expected trials/<id>",
            ),
            (
                vec![("trials/a/record.json", Symlink, "")],
                "no regular file",
            ),
            (
                vec![("trials/a/record.json", Directory, "")],
                "no regular file",
            ),
            (vec![good, good], "twice"),
            (
                vec![("trials/a/predictions.csv", Regular, "")],
                "no record.json",
            ),
        ];
        for (entries, reason) in bad {
            let error = unpack(&tar_of(&entries)[..]).unwrap_err();
            assert!(error.contains(reason), "{entries:?}: {error}");
        }
    }

    #[test]
    fn truncated_and_changed_archives_are_refused() {
        let trials = BTreeMap::from([("a".to_owned(), files("{\"digits\": 31415926}", None))]);
        let packed = pack(&trials).unwrap();
        assert!(unpack(&packed[..packed.len() - 1]).is_err(), "cut off");
        assert!(unpack(&b"no archive"[..]).is_err());
        for at in 0..packed.len() {
            let mut changed = packed.clone();
            changed[at] ^= 0x10;
            let read = unpack(&changed[..]);
            assert!(read.is_err() || read.as_ref() == Ok(&trials), "byte {at}");
        }
    }

    #[test]
    fn a_file_that_claims_to_be_huge_is_refused_before_it_is_read() {
        let mut header = tar::Header::new_gnu();
        header.set_path("trials/a/record.json").unwrap();
        header.set_size(MOST_BYTES_OF_A_FILE + 1);
        header.set_cksum();
        let stream = zstd::encode_all(&header.as_bytes()[..], 1).unwrap();
        let error = unpack(&stream[..]).unwrap_err();
        assert!(error.contains("expected at most"), "{error}");
    }
}
