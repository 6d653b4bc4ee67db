//! Asking a teacher for its outputs. While the file is made it is called `.part` and grows by whole parts; a process that is killed goes on behind the
//! last of them.

use super::cache::{Ask, Asked};
use crate::PretrainError;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Texts that are asked for, and written, at once. A continued file has the same bytes because its parts are the same.
const PART: usize = 1_024;

/// A file of outputs that may not be finished.
pub(super) struct Making {
    /// What the file begins with.
    pub(super) line: String,
    /// Where the bytes of each text begin; one more at the end.
    pub(super) starts: Vec<u64>,
    pub(super) path: PathBuf,
}

impl Making {
    fn texts(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether the file is there under its name.
    pub(super) fn is_whole(&self) -> bool {
        let size = self.starts[self.texts()];
        let sized = fs::metadata(&self.path).is_ok_and(|found| found.len() == size);
        sized && begins(&self.path, &self.line)
    }

    /// Asks the teacher for what is missing, and gives the file its name.
    ///
    /// # Errors
    /// A file that cannot be written, another process that writes it, what the teacher refuses.
    pub(super) fn make(
        &self,
        ask: &mut Ask<'_>,
        tell: &mut dyn FnMut(Asked),
    ) -> Result<(), PretrainError> {
        let part = self.path.with_extension("part");
        let refused = |source| PretrainError::file(&part)(source);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&part)
            .map_err(refused)?;
        if file.try_lock().is_err() {
            return Err(PretrainError::Settings(format!(
                "{} is being written by another process; wait for it, or give another --teacher-cache",
                part.display()
            )));
        }
        let mut done = self.go_on(&mut file, &part).map_err(refused)?;
        while done < self.texts() {
            let began = Instant::now();
            let to = (done + PART).min(self.texts());
            let answer = ask(done..to)?;
            let expected = self.starts[to] - self.starts[done];
            let found = answer.bytes.len() as u64;
            assert_eq!(found, expected, "the texts as they were counted");
            file.write_all(&answer.bytes).map_err(refused)?;
            done = to;
            tell(Asked {
                done,
                all: self.texts(),
                tokens_per_s: answer.tokens as f64 / began.elapsed().as_secs_f64(),
            });
        }
        file.sync_all().map_err(refused)?;
        fs::rename(&part, &self.path).map_err(PretrainError::file(&self.path))
    }

    /// Cuts the file behind its last whole part and says how many texts it has.
    fn go_on(&self, file: &mut File, part: &Path) -> std::io::Result<usize> {
        if !begins(part, &self.line) {
            file.set_len(0)?;
            file.write_all(self.line.as_bytes())?;
        }
        let size = file.metadata()?.len();
        let whole = self.starts.partition_point(|&start| start <= size) - 1;
        let done = if whole == self.texts() {
            whole
        } else {
            whole / PART * PART
        };
        file.set_len(self.starts[done])?;
        file.seek(SeekFrom::End(0))?;
        Ok(done)
    }
}

/// Whether a file begins with this line.
fn begins(path: &Path, line: &str) -> bool {
    let mut found = vec![0; line.len()];
    let file = File::open(path);
    file.is_ok_and(|file| file.read_exact_at(&mut found, 0).is_ok()) && found == line.as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distil::cache::{Answer, Heading};

    fn making(path: &Path) -> Making {
        let heading = Heading {
            version: 1,
            teacher: "a teacher".to_owned(),
            texts: "some texts".to_owned(),
            kind: "states".to_owned(),
            text_bytes: 3,
            token_bytes: 2,
        };
        // 1,500 texts of 1 to 3 tokens.
        let tokens: Vec<u16> = (0..1_500).map(|n| 1 + n % 3).collect();
        let line = heading.line();
        Making {
            starts: heading.starts(line.len(), &tokens),
            line,
            path: path.join("x.outputs"),
        }
    }

    fn open(part: &Path) -> File {
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(part)
            .unwrap()
    }

    #[test]
    fn a_file_cut_anywhere_goes_on_behind_its_last_whole_part() {
        let dir = tempfile::tempdir().unwrap();
        let making = making(dir.path());
        let part = dir.path().join("x.part");
        let of_size = |size: u64| {
            let mut text = making.line.clone().into_bytes();
            text.resize(size as usize, 7);
            fs::write(&part, text).unwrap();
            let done = making.go_on(&mut open(&part), &part).unwrap();
            assert_eq!(fs::metadata(&part).unwrap().len(), making.starts[done]);
            done
        };
        assert_eq!(of_size(5), 0);
        assert_eq!(of_size(making.starts[1_024] - 1), 0);
        assert_eq!(of_size(making.starts[1_024]), 1_024);
        assert_eq!(of_size(making.starts[1_499] + 1), 1_024);
        assert_eq!(of_size(making.starts[1_500]), 1_500);
        assert!(!making.is_whole(), "it has its name when it is whole");
        fs::rename(&part, &making.path).unwrap();
        assert!(making.is_whole());
        // Another teacher's: begun anew.
        let other = making.line.replace("a teacher", "b teacher") + "xxxx";
        fs::write(&part, other).unwrap();
        assert_eq!(making.go_on(&mut open(&part), &part).unwrap(), 0);
        assert_eq!(fs::read_to_string(&part).unwrap(), making.line);
    }

    #[test]
    fn a_process_killed_while_it_asks_has_asked_for_no_part_twice_in_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let making = making(dir.path());
        let mut asked = Vec::new();
        let mut ask = |range: std::ops::Range<usize>, fails_at: usize| {
            if range.end > fails_at {
                return Err(PretrainError::Settings("killed".to_owned()));
            }
            asked.push(range.clone());
            let bytes = range.clone().flat_map(|text| {
                let size = making.starts[text + 1] - making.starts[text];
                vec![text as u8; size as usize]
            });
            let tokens = range.len();
            Ok(Answer {
                bytes: bytes.collect(),
                tokens,
            })
        };
        let killed = making.make(&mut |range| ask(range, 1_100), &mut |_| {});
        assert!(killed.is_err() && !making.is_whole());
        let mut told = Vec::new();
        making
            .make(&mut |range| ask(range, 9_999), &mut |asked| {
                told.push((asked.done, asked.all));
            })
            .unwrap();
        assert!(making.is_whole());
        assert_eq!(asked, [0..1_024, 1_024..1_500]);
        assert_eq!(told, [(1_500, 1_500)]);
        let bytes = fs::read(&making.path).unwrap();
        assert_eq!(bytes[making.starts[1_200] as usize], 1_200u16 as u8);
    }

    #[test]
    fn a_file_that_another_process_writes_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let making = making(dir.path());
        let other = open(&dir.path().join("x.part"));
        other.lock().unwrap();
        let error = making
            .make(&mut |_| panic!("nobody is asked"), &mut |_| {})
            .unwrap_err();
        assert!(error.to_string().contains("another process"), "{error}");
    }
}
