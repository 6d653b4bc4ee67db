//! What a teacher said of every text, on disk: computed once for a teacher and a set of texts, used by every student.
//!
//! A line of JSON, then text after text as many bytes as its tokens ask for.

use super::making::Making;
use crate::PretrainError;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What the bytes are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Heading {
    /// Of this format.
    pub(super) version: u32,
    /// Digest of the teacher's files.
    pub(super) teacher: String,
    /// Digest of the texts.
    pub(super) texts: String,
    /// Which outputs.
    pub(super) kind: String,
    /// Bytes of a text, beside those of its tokens.
    pub(super) text_bytes: usize,
    /// Bytes of a token.
    pub(super) token_bytes: usize,
}

/// How far a teacher is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) done: usize,
    pub(crate) all: usize,
    pub(crate) tokens_per_s: f64,
}

/// What a teacher says of some texts.
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    /// Tokens that it read.
    pub(super) tokens: usize,
}

/// Asks a teacher of a range of the texts.
pub(super) type Ask<'a> = dyn FnMut(Range<usize>) -> Result<Answer, PretrainError> + 'a;

/// The finished file.
pub(super) struct Outputs {
    file: File,
    path: PathBuf,
    /// Where the bytes of each text begin; one more at the end.
    starts: Vec<u64>,
}

impl Outputs {
    /// Opens what is there, or asks the teacher. `tokens`: how many it reads of each text.
    ///
    /// # Errors
    /// A folder that cannot be written, another process that writes there, what the teacher refuses.
    pub(super) fn of(
        folder: &Path,
        heading: &Heading,
        tokens: &[u16],
        ask: &mut Ask<'_>,
        tell: &mut dyn FnMut(Asked),
    ) -> Result<Outputs, PretrainError> {
        let path = folder.join(heading.file_name());
        let line = heading.line();
        let made = Making {
            starts: heading.starts(line.len(), tokens),
            line,
            path: path.clone(),
        };
        if !made.is_whole() {
            fs::create_dir_all(folder).map_err(PretrainError::file(folder))?;
            made.make(ask, tell)?;
        }
        let file = File::open(&path).map_err(PretrainError::file(&path))?;
        Ok(Outputs {
            file,
            path,
            starts: made.starts,
        })
    }

    /// The bytes of one text.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub(super) fn read(&self, text: usize) -> Result<Vec<u8>, PretrainError> {
        let (from, to) = (self.starts[text], self.starts[text + 1]);
        let mut bytes = vec![0; (to - from) as usize];
        self.file
            .read_exact_at(&mut bytes, from)
            .map_err(PretrainError::file(&self.path))?;
        Ok(bytes)
    }
}

impl Heading {
    pub(super) fn line(&self) -> String {
        serde_json::to_string(self).expect("plain data") + "\n"
    }

    /// A name for everything that decides the content.
    fn file_name(&self) -> String {
        let short = |digest: &str| digest.chars().take(12).collect::<String>();
        let (teacher, texts) = (short(&self.teacher), short(&self.texts));
        format!("{teacher}-{texts}-{}.outputs", self.kind)
    }

    /// Where the bytes of each text begin behind a line of this length.
    pub(super) fn starts(&self, line: usize, tokens: &[u16]) -> Vec<u64> {
        let mut end = line as u64;
        let mut starts = vec![end];
        for &count in tokens {
            end += (self.text_bytes + usize::from(count) * self.token_bytes) as u64;
            starts.push(end);
        }
        starts
    }
}
