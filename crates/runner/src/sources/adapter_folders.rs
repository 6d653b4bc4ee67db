//! Where an adapted model lies: from the path that somebody names to the directory that holds it.

use crate::terminal::tell;
use adapt::{SAVED_FILE, SavedInfo};
use anyhow::{Context, anyhow, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// An adapted model's directory.
pub(crate) enum Found {
    /// What this program saved.
    Own(PathBuf, Box<SavedInfo>),
    /// A checkpoint of PEFT.
    Peft(PathBuf),
}

/// The adapter at `path`: its directory, that of a trial, one around it (PEFT's `DIR/default`, a trainer's `DIR/checkpoint-500`), or a file in
/// it. Says so where it is not the directory that was named.
///
/// # Errors
/// No adapter, or several; or a file that cannot be read.
pub(crate) fn find(path: &Path) -> anyhow::Result<Found> {
    let dir = if path.is_file() {
        folder_of_file(path)?
    } else {
        path.to_owned()
    };
    if let Some(found) = in_folder(&dir)? {
        return Ok(found);
    }
    let entries = fs::read_dir(&dir)
        .with_context(|| format!("cannot read the adapter's directory {}", dir.display()))?;
    let mut inside: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    inside.sort();
    let usual = [dir.join("adapter"), dir.join("default")];
    let mut within = inside.iter().filter(|folder| holds_adapter(folder));
    let chosen = usual.iter().find(|folder| holds_adapter(folder));
    let (chosen, others) = match chosen {
        Some(usual) => (usual, 0),
        None => match within.next() {
            Some(first) => (first, within.count()),
            None => return Err(no_adapter(&dir, &inside)),
        },
    };
    if others > 0 {
        bail!(
            "{} holds {} adapters ({}); name one of them",
            dir.display(),
            others + 1,
            names(inside.iter().filter(|folder| holds_adapter(folder)))
        );
    }
    if *chosen != usual[0] {
        tell(format!("note: the adapter in {}", chosen.display()));
    }
    in_folder(chosen)?.context("an adapter that is gone")
}

/// The directory of a file of an adapter that was named instead of it.
fn folder_of_file(file: &Path) -> anyhow::Result<PathBuf> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let marks = ["record.json", "config.json"];
    if !holds_adapter(folder) && !marks.iter().any(|name| folder.join(name).is_file()) {
        bail!(
            "{} is a file, expected the directory of an adapter: {}",
            file.display(),
            expected()
        );
    }
    Ok(folder.to_owned())
}

fn holds_adapter(dir: &Path) -> bool {
    [SAVED_FILE, peft_exchange::CONFIG_FILE]
        .iter()
        .any(|name| dir.join(name).is_file())
}

fn in_folder(dir: &Path) -> anyhow::Result<Option<Found>> {
    if dir.join(SAVED_FILE).is_file() {
        let info = Box::new(adapt::read_saved_info(dir)?);
        return Ok(Some(Found::Own(dir.to_owned(), info)));
    }
    let is_peft = dir.join(peft_exchange::CONFIG_FILE).is_file();
    Ok(is_peft.then(|| Found::Peft(dir.to_owned())))
}

/// What stands in a directory without an adapter, and what to do about it.
fn no_adapter(dir: &Path, inside: &[PathBuf]) -> anyhow::Error {
    let here = dir.display();
    let is_there = |name: &str| dir.join(name).is_file();
    if is_there("record.json") {
        return anyhow!(
            "the trial in {here} kept no adapted model; run it again with --keep-adapters and another --out"
        );
    }
    if is_there("run.json") {
        let mut kept = subfolders(&dir.join("trials"));
        kept.retain(|trial| holds_adapter(&trial.join("adapter")));
        return match kept.as_slice() {
            [] => anyhow!(
                "no trial of the run in {here} kept its adapted model; run it again with --keep-adapters and another --out"
            ),
            kept => anyhow!(
                "{here} is a whole run; name one of its trials, {here}/trials/ID, where ID is one of {}",
                names(kept.iter())
            ),
        };
    }
    if is_there("config.json") {
        return anyhow!(
            "{here} holds a model (config.json) and no adapter; a model is named with --model, and an adapter is {}",
            expected()
        );
    }
    let found = match inside {
        [] => "nothing".to_owned(),
        inside => names(inside.iter()),
    };
    anyhow!(
        "{here} holds no adapter (found {found}); expected {}",
        expected()
    )
}

fn expected() -> String {
    format!(
        "what run --keep-adapters saved ({SAVED_FILE} and its tensors), or a PEFT checkpoint ({} and {})",
        peft_exchange::CONFIG_FILE,
        peft_exchange::TENSORS_FILE
    )
}

fn subfolders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// Their last parts, as many as anybody reads.
fn names<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> String {
    let mut names: Vec<String> = paths
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    if names.len() > MOST_NAMES {
        let more = names.len() - MOST_NAMES;
        names.truncate(MOST_NAMES);
        names.push(format!("and {more} more"));
    }
    names.join(", ")
}

const MOST_NAMES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn make(dir: &Path, files: &[&str]) {
        for file in files {
            let path = dir.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
    }

    fn found_in(path: &Path) -> Result<PathBuf, String> {
        match find(path) {
            Ok(Found::Own(dir, _) | Found::Peft(dir)) => Ok(dir),
            Err(error) => Err(format!("{error:#}")),
        }
    }

    #[test]
    fn an_adapter_is_found_in_the_folder_that_was_meant() {
        for (place, named) in [
            ("", ""),
            ("", "adapter_config.json"),
            ("", "adapter_model.safetensors"),
            ("adapter", ""),
            ("default", ""),
            ("checkpoint-500", ""),
            ("checkpoint-500", "checkpoint-500/adapter_model.safetensors"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let folder = dir.path().join(place);
            make(
                &folder,
                &["adapter_config.json", "adapter_model.safetensors"],
            );
            make(dir.path(), &["README.md"]);
            let found = found_in(&dir.path().join(named)).unwrap();
            assert_eq!(
                fs::canonicalize(found).unwrap(),
                fs::canonicalize(&folder).unwrap(),
                "{place:?} {named:?}"
            );
        }
    }

    #[test]
    fn of_several_adapters_the_default_is_taken_and_others_are_to_be_named() {
        let dir = tempfile::tempdir().unwrap();
        let two = [
            "checkpoint-10/adapter_config.json",
            "checkpoint-20/adapter_config.json",
        ];
        make(dir.path(), &two);
        let error = found_in(dir.path()).unwrap_err();
        assert!(error.contains("(checkpoint-10, checkpoint-20)"), "{error}");
        make(dir.path(), &["default/adapter_config.json"]);
        assert_eq!(found_in(dir.path()).unwrap(), dir.path().join("default"));
    }

    #[test]
    fn what_is_no_adapter_is_said_to_be_what_it_is() {
        for (files, named, expected) in [
            (
                &["config.json", "model.safetensors"][..],
                "",
                "named with --model",
            ),
            (&["record.json"], "", "--keep-adapters"),
            (&["run.json", "trials/a/record.json"], "", "--keep-adapters"),
            (
                &["run.json", "trials/a/adapter/adaptbench.json"],
                "",
                "where ID is one of a",
            ),
            (&["notes.txt"], "", "found notes.txt"),
            (&["notes.txt"], "notes.txt", "is a file"),
            (&[], "missing", "cannot read"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            make(dir.path(), files);
            let error = found_in(&dir.path().join(named)).unwrap_err();
            assert!(error.contains(expected), "{files:?} {named:?}: {error}");
        }
    }
}
