//! Models and tasks inside the program itself, so that it works with no network and no files beside it.

use anyhow::Context;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// A folder of `crates/runner/bundled/<kind>/`.
pub(crate) struct Bundle {
    kind: &'static str,
    pub(crate) name: &'static str,
    pub(crate) files: &'static [(&'static str, &'static [u8])],
}

const BUNDLES: &[Bundle] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// The bundled models.
pub(crate) fn models() -> impl Iterator<Item = &'static Bundle> {
    BUNDLES.iter().filter(|bundle| bundle.kind == "models")
}

/// The bundled tasks.
pub(crate) fn tasks() -> impl Iterator<Item = &'static Bundle> {
    BUNDLES.iter().filter(|bundle| bundle.kind == "tasks")
}

impl Bundle {
    /// What the bundle is: the first paragraph of its CARD.md after the title.
    pub(crate) fn summary(&self) -> String {
        let card = self
            .files
            .iter()
            .find(|(name, _)| *name == "CARD.md")
            .map(|(_, bytes)| String::from_utf8_lossy(bytes));
        let card = card.unwrap_or_default();
        let text = card
            .lines()
            .skip_while(|line| line.starts_with('#') || line.trim().is_empty());
        text.take_while(|line| !line.trim().is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// A directory with the bundle's files, unpacked at the first use; a copy that was changed is replaced.
    ///
    /// # Errors
    /// When neither the cache directory nor the temporary one can be written.
    pub(crate) fn unpack(&self) -> anyhow::Result<PathBuf> {
        let mut problem = None;
        for root in [cache_dir(), Some(env::temp_dir().join("adaptbench"))]
            .into_iter()
            .flatten()
        {
            let dir = root
                .join(self.kind)
                .join(format!("{}-{}", self.name, &self.digest()[..12]));
            match self.unpack_to(&dir) {
                Ok(()) => return Ok(dir),
                Err(error) => {
                    problem = Some(
                        anyhow::Error::new(error)
                            .context(format!("cannot unpack it to {}", dir.display())),
                    )
                }
            }
        }
        let problem =
            problem.unwrap_or_else(|| anyhow::anyhow!("there is no directory to unpack it to"));
        Err(problem).with_context(|| format!("the bundled {} is needed as files", self.name))
    }

    fn unpack_to(&self, dir: &Path) -> io::Result<()> {
        if self
            .files
            .iter()
            .all(|(name, bytes)| is_copy(&dir.join(name), bytes))
        {
            return Ok(());
        }
        fs::create_dir_all(dir)?;
        for (name, bytes) in self.files {
            // As a whole: another process may be reading an intact copy.
            files::write(&dir.join(name), bytes)?;
        }
        Ok(())
    }

    fn digest(&self) -> String {
        let mut all = Sha256::new();
        for (name, bytes) in self.files {
            all.update(name.as_bytes());
            all.update((bytes.len() as u64).to_le_bytes());
            all.update(bytes);
        }
        format!("{:x}", all.finalize())
    }
}

fn is_copy(path: &Path, bytes: &[u8]) -> bool {
    files::read(path, bytes.len() as u64).is_ok_and(|found| found == bytes)
}

/// `$XDG_CACHE_HOME/adaptbench`, or `~/.cache/adaptbench`.
fn cache_dir() -> Option<PathBuf> {
    let set = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = set("XDG_CACHE_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".cache")));
    base.map(|base| base.join("adaptbench"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_copy_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let bundle = models().next().expect("a bundled model");
        bundle.unpack_to(dir.path()).unwrap();
        let (name, bytes) = bundle.files[0];
        fs::write(dir.path().join(name), b"damaged").unwrap();
        bundle.unpack_to(dir.path()).unwrap();
        assert_eq!(fs::read(dir.path().join(name)).unwrap(), bytes);
    }

    #[test]
    fn every_bundled_task_can_be_read() {
        for bundle in tasks() {
            let task = task::from_bytes(bundle.name, bundle.files).unwrap();
            assert!(task.train.len() >= 100, "{}", bundle.name);
            assert!(
                !bundle.summary().is_empty(),
                "{} has no CARD.md",
                bundle.name
            );
        }
    }
}
