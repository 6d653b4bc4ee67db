//! From what a user calls a model to a directory or a GGUF file: a path, or an id of the Hugging Face Hub, fetched once and kept in its
//! cache.

mod error;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hub::{Api, ApiRepo, Cache, HubSettings, Repo, RepoType};

pub use error::LocateError;

use crate::gguf;
use crate::load::index::{self, INDEX, SINGLE};
use crate::load::instead;
use crate::tokenizer::TOKENIZER_FILES;

/// The directory of a model: `model` itself where it is a directory with a config.json, else the Hub's cache, filled where
/// needed. Or its file: `model` itself where it is a GGUF file, or the one GGUF file of a directory without a config.json.
/// `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_OFFLINE` and `HF_TOKEN` are honoured. Shows progress on a terminal.
///
/// # Errors
/// If there is no such directory or file, the Hub does not have it or cannot be reached.
pub fn locate(model: &str) -> Result<PathBuf, LocateError> {
    locate_with(model, &HubSettings::from_env())
}

/// [`locate`] with other settings than those of the environment.
///
/// # Errors
/// As [`locate`].
pub fn locate_with(model: &str, settings: &HubSettings) -> Result<PathBuf, LocateError> {
    let dir = Path::new(model);
    if dir.join("config.json").symlink_metadata().is_ok() {
        refuse_irregular(dir)?;
        return Ok(dir.to_path_buf());
    }
    if let Some(base) = instead::adapter(dir) {
        let model = model.to_owned();
        return Err(LocateError::Adapter { model, base });
    }
    if let Some(file) = gguf::file_of(dir) {
        return Ok(file);
    }
    if dir.is_dir() {
        let files = gguf::files_in(dir);
        if !files.is_empty() {
            let dir = dir.to_path_buf();
            return Err(LocateError::SeveralFiles { dir, files });
        }
        let hint = instead::of_config(dir);
        let dir = dir.to_path_buf();
        return Err(LocateError::NoConfig { dir, hint });
    }
    if dir.exists() {
        return Err(is_file(dir));
    }
    if !is_hub_id(model) {
        let model = model.to_owned();
        return Err(LocateError::NotAnId { model });
    }
    Fetch::new(model, settings)?.all()
}

/// The files of a model, of which each is read to its end by somebody: none may be a pipe or a device.
fn refuse_irregular(dir: &Path) -> Result<(), LocateError> {
    let ours = [".json", ".safetensors", ".txt", ".model"];
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let file = entry.path();
        if ours.iter().any(|ending| name.ends_with(ending))
            && file.metadata().is_ok_and(|found| !found.is_dir())
            && let Err(source) = files::open(&file)
        {
            return Err(LocateError::Read { file, source });
        }
    }
    Ok(())
}

fn is_file(file: &Path) -> LocateError {
    let dir = file
        .parent()
        .filter(|dir| dir.join("config.json").is_file());
    LocateError::IsFile {
        hint: dir.map_or(String::new(), |dir| format!(": {}", dir.display())),
        file: file.to_path_buf(),
    }
}

/// `org/name`, or the bare `name` of the oldest models.
fn is_hub_id(model: &str) -> bool {
    let part = |part: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        !part.is_empty() && !part.starts_with(['.', '-']) && part.chars().all(plain)
    };
    model.split('/').count() <= 2 && model.split('/').all(part)
}

/// One model on its way into the cache. The first file fixes the commit; all others are of the same one.
struct Fetch<'a> {
    model: &'a str,
    settings: &'a HubSettings,
    api: Api,
}

impl<'a> Fetch<'a> {
    fn new(model: &'a str, settings: &'a HubSettings) -> Result<Fetch<'a>, LocateError> {
        match settings.api() {
            Ok(api) => Ok(Fetch {
                model,
                settings,
                api,
            }),
            Err(source) => Err(LocateError::Fetch {
                model: model.to_owned(),
                file: "config.json".to_owned(),
                endpoint: settings.endpoint.clone(),
                source: source.into(),
            }),
        }
    }

    fn all(&self) -> Result<PathBuf, LocateError> {
        let config = match self.cached_config() {
            Some(config) => config,
            None => self.fetch_config()?,
        };
        let dir = config
            .parent()
            .expect("a file in a directory")
            .to_path_buf();
        let repo = self.repo_at(&dir);
        self.weights(&repo, &dir)?;
        for name in TOKENIZER_FILES {
            // Word lists are not needed beside tokenizer.json, and are large.
            let lists = ["vocab", "merges"];
            let needless =
                lists.iter().any(|list| name.starts_with(list)) || name.ends_with(".model");
            if needless && dir.join("tokenizer.json").is_file() {
                continue;
            }
            self.optional(&repo, &dir, name)?;
        }
        self.sentence_modules(&repo, &dir)?;
        Ok(dir)
    }

    fn fetch_config(&self) -> Result<PathBuf, LocateError> {
        let repo = self.api.model(self.model.to_owned());
        let missing = match self.fetch(&repo, "config.json") {
            Err(error @ LocateError::NotFound { status: 404, .. }) => error,
            other => return other,
        };
        match self.fetch(&repo, "adapter_config.json") {
            Ok(file) => Err(LocateError::Adapter {
                model: self.model.to_owned(),
                base: instead::base_of_adapter(&file),
            }),
            Err(_) if self.model.to_ascii_lowercase().contains("gguf") => Err(LocateError::Gguf {
                model: self.model.to_owned(),
                endpoint: self.settings.endpoint.clone(),
            }),
            Err(_) => Err(missing),
        }
    }

    /// What a model of sentence-transformers has beside its checkpoint: without it, its vectors would be made in another way.
    fn sentence_modules(&self, repo: &ApiRepo, dir: &Path) -> Result<(), LocateError> {
        if !self.optional(repo, dir, crate::sentence::MODULES_FILE)? {
            return Ok(());
        }
        for name in crate::sentence::settings_files() {
            if self.optional(repo, dir, name)? && name != crate::sentence::PROMPTS_FILE {
                break; // the first of the Transformer's settings is the one that is read
            }
        }
        for name in crate::sentence::module_files(dir) {
            self.optional(repo, dir, &name)?;
        }
        Ok(())
    }

    fn cached_config(&self) -> Option<PathBuf> {
        let cache = Cache::new(self.settings.cache.clone());
        cache.model(self.model.to_owned()).get("config.json")
    }

    /// The repository at the commit of a snapshot directory.
    fn repo_at(&self, snapshot: &Path) -> ApiRepo {
        let commit = snapshot.file_name().unwrap_or_default();
        let commit = commit.to_string_lossy().into_owned();
        let model = self.model.to_owned();
        self.api
            .repo(Repo::with_revision(model, RepoType::Model, commit))
    }

    fn weights(&self, repo: &ApiRepo, dir: &Path) -> Result<(), LocateError> {
        if self.optional(repo, dir, SINGLE)? {
            return Ok(());
        }
        if !self.optional(repo, dir, INDEX)? {
            if self.settings.offline {
                return Err(self.offline(SINGLE));
            }
            return Err(LocateError::NoWeights {
                model: self.model.to_owned(),
                endpoint: self.settings.endpoint.clone(),
                conversion: instead::conversion(self.model, dir),
            });
        }
        let shards = index::read(&dir.join(INDEX))?;
        for shard in shards.into_values().collect::<BTreeSet<_>>() {
            if !dir.join(&shard).is_file() {
                self.fetch(repo, &shard)?;
            }
        }
        Ok(())
    }

    /// Whether the file is there, after fetching it if need be.
    fn optional(&self, repo: &ApiRepo, dir: &Path, name: &str) -> Result<bool, LocateError> {
        if dir.join(name).is_file() {
            return Ok(true);
        }
        if self.settings.offline {
            return Ok(false);
        }
        match self.fetch(repo, name) {
            Ok(_) => Ok(true),
            Err(LocateError::NotFound { status: 404, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn fetch(&self, repo: &ApiRepo, name: &str) -> Result<PathBuf, LocateError> {
        if self.settings.offline {
            return Err(self.offline(name));
        }
        repo.download(name).map_err(|error| {
            let (model, file) = (self.model.to_owned(), name.to_owned());
            let endpoint = self.settings.endpoint.clone();
            match hub::refusal(&error) {
                Some(status) => LocateError::NotFound {
                    model,
                    file,
                    endpoint,
                    status,
                },
                None => LocateError::Fetch {
                    model,
                    file,
                    endpoint,
                    source: error.into(),
                },
            }
        })
    }

    fn offline(&self, name: &str) -> LocateError {
        LocateError::Offline {
            model: self.model.to_owned(),
            file: name.to_owned(),
            cache: self.settings.cache.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hub_ids_are_told_from_paths() {
        for id in [
            "org/name",
            "gpt2",
            "sentence-transformers/all-MiniLM-L6-v2",
            "a/b_c.d",
        ] {
            assert!(is_hub_id(id), "{id}");
        }
        for path in ["./x", "../x", "/x/y", "a/b/c", "", "a/", "a b", "~/x"] {
            assert!(!is_hub_id(path), "{path}");
        }
    }
}
