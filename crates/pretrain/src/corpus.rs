//! Plain text: one paragraph a line, documents apart by empty lines. A table `sources.tsv` beside the files tells where their texts come from.

mod origin;

pub use origin::Origin;

use crate::PretrainError;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A book, an article, a page: texts that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Document {
    /// In the order of the text.
    pub paragraphs: Vec<String>,
}

/// One file of a corpus.
#[derive(Clone, Debug)]
pub struct TextFile {
    /// The file.
    pub path: PathBuf,
    /// sha256 of its bytes.
    pub digest: String,
    /// Words apart by white space.
    pub words: u64,
    /// What `sources.tsv` in the same directory says of it.
    pub origin: Option<Origin>,
}

/// Documents, and the files they come from.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    /// In the order of the files.
    pub documents: Vec<Document>,
    /// The files.
    pub files: Vec<TextFile>,
    /// Size of all files.
    pub bytes: u64,
}

impl Corpus {
    /// Reads text files.
    ///
    /// # Errors
    /// A file that cannot be read or is no UTF-8, or is another one than `sources.tsv` beside it tells of.
    pub fn read(files: &[PathBuf]) -> Result<Corpus, PretrainError> {
        let mut corpus = Corpus::default();
        for path in files {
            let text = fs::read_to_string(path).map_err(PretrainError::file(path))?;
            corpus.bytes += text.len() as u64;
            corpus.files.push(TextFile::of(path, &text)?);
            corpus.documents.extend(documents(&text));
        }
        Ok(corpus)
    }

    /// Takes every hundredth document out, at least one, wherever it stands: a file may be given several times, for its share to be larger.
    pub(crate) fn split_off_held_out(&mut self) -> Corpus {
        let mut held_out = Corpus::default();
        let documents = std::mem::take(&mut self.documents);
        for (index, document) in documents.into_iter().enumerate() {
            let side = if index % 100 == 0 {
                &mut held_out
            } else {
                &mut *self
            };
            side.documents.push(document);
        }
        let out: HashSet<&Document> = held_out.documents.iter().collect();
        self.documents.retain(|document| !out.contains(document));
        held_out
    }
}

impl TextFile {
    fn of(path: &Path, text: &str) -> Result<TextFile, PretrainError> {
        let digest = format!("{:x}", Sha256::digest(text.as_bytes()));
        Ok(TextFile {
            path: path.to_path_buf(),
            words: text.split_whitespace().count() as u64,
            origin: Origin::of(path, &digest)?,
            digest,
        })
    }
}

/// The documents of a text.
fn documents(text: &str) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut current = Document::default();
    for line in text.lines().map(str::trim).chain([""]) {
        if !line.is_empty() {
            current.paragraphs.push(line.to_owned());
        } else if !current.paragraphs.is_empty() {
            documents.push(std::mem::take(&mut current));
        }
    }
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_part_documents_and_the_last_one_needs_none() {
        let found = documents("\n\none\n two \n\n\nthree\n");
        let paragraphs: Vec<Vec<String>> = found.into_iter().map(|d| d.paragraphs).collect();
        assert_eq!(
            paragraphs,
            [
                vec!["one".to_owned(), "two".to_owned()],
                vec!["three".to_owned()]
            ]
        );
    }

    #[test]
    fn held_out_documents_are_not_trained_on() {
        let document = |n: usize| Document {
            paragraphs: vec![n.to_string()],
        };
        let mut corpus = Corpus {
            documents: (0..101).map(document).collect(),
            ..Corpus::default()
        };
        let held_out = corpus.split_off_held_out();
        assert_eq!(held_out.documents, [document(0), document(100)]);
        assert_eq!(corpus.documents.len(), 99);
        assert!(!corpus.documents.contains(&document(100)));
    }

    #[test]
    fn a_document_given_twice_is_not_held_out_once_and_trained_on_once() {
        let document = |n: usize| Document {
            paragraphs: vec![n.to_string()],
        };
        let once = (0..30).map(document);
        let mut corpus = Corpus {
            documents: once.clone().chain(once.clone()).chain(once).collect(),
            ..Corpus::default()
        };
        let held_out = corpus.split_off_held_out();
        assert_eq!(held_out.documents, [document(0)]);
        assert_eq!(corpus.documents.len(), 87);
    }
}
