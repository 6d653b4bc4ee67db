//! Where a file's texts come from and under which licence: its row of `sources.tsv`, which `scripts/corpus/make.py` writes.

use crate::PretrainError;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The table beside the texts: tab-separated, with at least the columns `file`, `packages`, `licence` and `sha256`.
const TABLE: &str = "sources.tsv";

/// Packages and licence of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Packages and their versions.
    pub packages: String,
    /// Licence of the texts.
    pub licence: String,
}

impl Origin {
    /// The row of a file with this digest; `None` where there is no table or no row.
    ///
    /// # Errors
    /// A table without one of the columns, or a row of another file of that name.
    pub(crate) fn of(path: &Path, digest: &str) -> Result<Option<Origin>, PretrainError> {
        let table = path.with_file_name(TABLE);
        let text = match fs::read_to_string(&table) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(PretrainError::file(&table))?,
        };
        let mut rows = text
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>());
        let header = rows.next().unwrap_or_default();
        let column = |name: &str| {
            header.iter().position(|&cell| cell == name).ok_or_else(|| {
                PretrainError::Settings(format!(
                    "{} has the columns {}, expected one called {name}; make it again with scripts/corpus/make.py, or remove it",
                    table.display(),
                    header.join(", ")
                ))
            })
        };
        let (file, packages) = (column("file")?, column("packages")?);
        let (licence, sha256) = (column("licence")?, column("sha256")?);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(row) = rows.find(|row| row.get(file) == Some(&&*name)) else {
            return Ok(None);
        };
        let cell = |at: usize| row.get(at).copied().unwrap_or_default();
        if cell(sha256) != digest {
            return Err(PretrainError::Settings(format!(
                "{} has the sha256 {digest}, and {TABLE} beside it tells of one with {}; make both again with scripts/corpus/make.py, or remove the row",
                path.display(),
                cell(sha256)
            )));
        }
        Ok(Some(Origin {
            packages: cell(packages).to_owned(),
            licence: cell(licence).to_owned(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use crate::Corpus;
    use sha2::{Digest, Sha256};
    use std::fs;

    #[test]
    fn a_file_has_the_licence_of_its_row_and_no_other_files() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            fs::write(&path, format!("Some {name}.\n")).unwrap();
            path
        };
        let [glosses, manual, letters] = ["glosses.txt", "manual.txt", "letters.txt"].map(file);
        let digest = |name: &str| format!("{:x}", Sha256::digest(format!("Some {name}.\n")));
        let table = |second: &str| {
            let rows = format!(
                "file\twords\tpackages\tlicence\tsha256\nglosses.txt\t9\twords 1.0\tMIT\t{}\nmanual.txt\t9\tmanual 2\tGFDL-1.3+\t{second}\n",
                digest("glosses.txt")
            );
            fs::write(dir.path().join("sources.tsv"), rows).unwrap();
        };
        table(&digest("manual.txt"));
        let corpus = Corpus::read(&[letters, manual.clone(), glosses]).unwrap();
        let licences: Vec<Option<&str>> = corpus
            .files
            .iter()
            .map(|file| file.origin.as_ref().map(|origin| origin.licence.as_str()))
            .collect();
        assert_eq!(licences, [None, Some("GFDL-1.3+"), Some("MIT")]);
        assert_eq!(corpus.files[1].words, 2);

        table("0123");
        let error = Corpus::read(&[manual]).unwrap_err().to_string();
        assert!(
            error.contains("manual.txt has the sha256") && error.contains("0123"),
            "{error}"
        );
    }
}
