//! One input: the files of a corpus entry, some of them changed. What is not changed is a link into the corpus.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// What stands under a name.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// As in the corpus.
    Same(PathBuf),
    Bytes(Vec<u8>),
    Special(Special),
}

/// What may stand where a file is expected.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Special {
    Missing,
    Empty,
    Directory,
    Pipe,
    Socket,
    /// A link to a device without an end.
    EndlessDevice,
    DanglingLink,
    LinkToItself,
    /// 3 GiB of which none is on the disk.
    Hole,
}

impl Special {
    pub(crate) const ALL: [Self; 9] = [
        Self::Missing,
        Self::Empty,
        Self::Directory,
        Self::Pipe,
        Self::Socket,
        Self::EndlessDevice,
        Self::DanglingLink,
        Self::LinkToItself,
        Self::Hole,
    ];

    fn make(self, path: &Path, pipe: &Path) -> io::Result<()> {
        match self {
            Self::Missing => Ok(()),
            Self::Empty => fs::write(path, b""),
            Self::Directory => fs::create_dir(path),
            Self::Pipe => symlink(pipe, path),
            Self::Socket => UnixListener::bind(path).map(drop),
            Self::EndlessDevice => symlink("/dev/zero", path),
            Self::DanglingLink => symlink("/nonexistent/file", path),
            Self::LinkToItself => symlink(path, path),
            Self::Hole => File::create(path)?.set_len(3 << 30),
        }
    }
}

/// The files of one input by their names, `/` between folders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Input {
    pub(crate) files: BTreeMap<String, Content>,
    /// What was changed, for the report.
    pub(crate) changes: Vec<String>,
}

impl Input {
    /// All files of a corpus entry, unchanged.
    pub(crate) fn of(entry: &Path) -> io::Result<Self> {
        let mut input = Self::default();
        input.add(entry, "")?;
        Ok(input)
    }

    fn add(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for file in fs::read_dir(folder)? {
            let file = file?;
            let name = format!("{prefix}{}", file.file_name().to_string_lossy());
            if file.path().is_dir() {
                self.add(&file.path(), &format!("{name}/"))?;
            } else {
                self.files.insert(name, Content::Same(file.path()));
            }
        }
        Ok(())
    }

    /// The bytes under a name; none for what is no file.
    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        match self.files.get(name) {
            Some(Content::Same(path)) => fs::read(path).unwrap_or_default(),
            Some(Content::Bytes(bytes)) => bytes.clone(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn set(&mut self, name: &str, content: Content) {
        self.files.insert(name.to_owned(), content);
    }

    /// What stands there instead of a file, if anything.
    pub(crate) fn special(&self) -> Option<String> {
        self.files.values().find_map(|content| match content {
            Content::Special(special) => Some(format!("{special:?}")),
            _ => None,
        })
    }

    /// Writes all of it into an empty folder; `pipe` is a named pipe that nobody writes to.
    pub(crate) fn write(&self, folder: &Path, pipe: &Path) -> io::Result<()> {
        for (name, content) in &self.files {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            match content {
                Content::Same(original) => symlink(original, &path)?,
                Content::Bytes(bytes) => fs::write(&path, bytes)?,
                Content::Special(special) => special.make(&path, pipe)?,
            }
        }
        Ok(())
    }
}
