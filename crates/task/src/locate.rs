//! Where a task's directory is: a path, or a data set of the Hugging Face Hub, whose Parquet files are downloaded into its cache.

mod error;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hub::{ApiError, Cache, HubSettings, Repo, RepoType};

use crate::error::listed;
use crate::source::{SplitName, split_of};
pub use error::LocateError;

/// Finds the directory of a task for [`load`](crate::load): `task` itself where it is a directory, else the data set of the Hugging Face Hub
/// of that id, `org/name` or `org/name:subset`. Its own Parquet files are taken, or those that the Hub converted (`refs/convert/parquet`),
/// with its card, which may name the classes.
///
/// `HF_ENDPOINT`, `HF_HOME`, `HF_TOKEN` and `HF_HUB_OFFLINE` are honoured; what the cache holds at the current revision is not fetched again,
/// and where the Hub can't be reached the cache serves.
///
/// # Errors
/// See [`LocateError`].
pub fn locate(task: &str) -> Result<PathBuf, LocateError> {
    locate_with(task, &HubSettings::from_env())
}

fn locate_with(task: &str, settings: &HubSettings) -> Result<PathBuf, LocateError> {
    let path = Path::new(task);
    if path.is_dir() {
        return Ok(path.to_owned());
    }
    if path.is_file() {
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        return Err(LocateError::IsFile {
            task: task.to_owned(),
            parent: parent.unwrap_or(Path::new(".")).to_owned(),
        });
    }
    let Some(id) = HubId::parse(task) else {
        return Err(LocateError::NotFound {
            task: task.to_owned(),
        });
    };
    if settings.offline {
        return id.in_cache(settings)?.ok_or_else(|| LocateError::Offline {
            id: task.to_owned(),
            cache: settings.cache.clone(),
        });
    }
    match id.fetch(settings) {
        Err(LocateError::Fetch { source, .. }) if hub::is_unreachable(&source) => id
            .in_cache(settings)?
            .ok_or_else(|| id.failed(settings, *source)),
        result => result,
    }
}

/// `org/name`, or `org/name:subset`.
struct HubId<'a> {
    given: &'a str,
    dataset: &'a str,
    subset: Option<&'a str>,
}

/// Branches looked in: the data set's own files, then the Hub's conversion of them.
const REVISIONS: [&str; 2] = ["main", "refs/convert/parquet"];

impl<'a> HubId<'a> {
    fn parse(given: &'a str) -> Option<Self> {
        let (dataset, subset) = match given.split_once(':') {
            Some((dataset, subset)) => (dataset, Some(subset)),
            None => (given, None),
        };
        let word = |word: &str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            word.starts_with(|c: char| c.is_ascii_alphanumeric()) && word.chars().all(allowed)
        };
        let (org, name) = dataset.split_once('/')?;
        let known = word(org) && word(name) && subset.is_none_or(|subset| !subset.is_empty());
        known.then_some(Self {
            given,
            dataset,
            subset,
        })
    }

    fn repo(&self, revision: &str) -> Repo {
        Repo::with_revision(
            self.dataset.to_owned(),
            RepoType::Dataset,
            revision.to_owned(),
        )
    }

    fn failed(&self, settings: &HubSettings, error: ApiError) -> LocateError {
        let (id, endpoint) = (self.given.to_owned(), settings.endpoint.clone());
        if let Some(status) = hub::refusal(&error) {
            return LocateError::NotOnHub {
                id,
                endpoint,
                status,
            };
        }
        LocateError::Fetch {
            id,
            endpoint,
            source: Box::new(error),
        }
    }

    fn fetch(&self, settings: &HubSettings) -> Result<PathBuf, LocateError> {
        let failed = |error| self.failed(settings, error);
        let api = settings.api().map_err(failed)?;
        let mut found = Vec::new();
        for revision in REVISIONS {
            let remote = api.repo(self.repo(revision));
            let info = match remote.info() {
                Ok(info) => info,
                Err(_) if revision != REVISIONS[0] => break, // never converted
                Err(error) => return Err(failed(error)),
            };
            let names: Vec<String> = info
                .siblings
                .into_iter()
                .map(|file| file.rfilename)
                .collect();
            for name in &names {
                hub::inside(name).map_err(|source| LocateError::OutsideName {
                    id: self.given.to_owned(),
                    source,
                })?;
            }
            let Some(chosen) = self.choose(&names)? else {
                found.extend(names);
                continue;
            };
            let cached = Cache::new(settings.cache.clone()).repo(self.repo(revision));
            let mut snapshot = None;
            for name in chosen.in_download_order(&names) {
                let current = cached
                    .get(&name)
                    .filter(|path| path.iter().any(|part| part == info.sha.as_str()));
                let path = match current {
                    Some(path) => path,
                    None => remote.download(&name).map_err(failed)?,
                };
                snapshot = path
                    .ancestors()
                    .nth(Path::new(&name).iter().count())
                    .map(Path::to_owned);
            }
            if let Some(snapshot) = snapshot {
                return Ok(snapshot.join(chosen.directory));
            }
        }
        found.retain(|name| !name.starts_with('.'));
        Err(LocateError::NoParquet {
            id: self.given.to_owned(),
            found: listed(&found, 6),
        })
    }

    /// The directory in the cache, if it holds what [`HubId::fetch`] would have left there.
    fn in_cache(&self, settings: &HubSettings) -> Result<Option<PathBuf>, LocateError> {
        for revision in REVISIONS {
            let repo = self.repo(revision);
            let base = settings.cache.join(repo.folder_name());
            let at = base.join("refs").join(revision);
            let Ok(commit) = files::read_text(&at, files::SETTINGS_BYTES) else {
                continue;
            };
            let Ok(commit) = hub::inside(commit.trim()) else {
                continue;
            };
            let snapshot = base.join("snapshots").join(commit);
            let mut names = Vec::new();
            let unreadable = |source| LocateError::Cache {
                id: self.given.to_owned(),
                source,
            };
            files_below(&snapshot, "", &mut names).map_err(unreadable)?;
            if let Some(chosen) = self.choose(&names)?
                && chosen
                    .files
                    .iter()
                    .any(|(split, _)| *split == SplitName::Train)
            {
                return Ok(Some(snapshot.join(chosen.directory)));
            }
        }
        Ok(None)
    }

    /// The subset among the Parquet files of a data set; none where it has no such files.
    fn choose(&self, names: &[String]) -> Result<Option<Chosen>, LocateError> {
        let mut subsets: BTreeMap<String, Vec<(SplitName, String)>> = BTreeMap::new();
        for name in names.iter().filter(|name| name.ends_with(".parquet")) {
            if let Some((directory, split)) = directory_and_split(name) {
                subsets
                    .entry(directory.to_owned())
                    .or_default()
                    .push((split, name.clone()));
            }
        }
        if subsets.is_empty() {
            return Ok(None);
        }
        let wanted = match self.subset {
            Some(subset) => subsets
                .keys()
                .find(|directory| directory.rsplit('/').next() == Some(subset)),
            None if subsets.len() == 1 => subsets.keys().next(),
            None => subsets
                .keys()
                .find(|directory| matches!(directory.as_str(), "" | "data" | "default")),
        };
        let Some(directory) = wanted.cloned() else {
            let found: Vec<&String> = subsets.keys().collect();
            return Err(LocateError::Subset {
                id: self.given.to_owned(),
                found: listed(&found, 12),
                dataset: self.dataset.to_owned(),
                example: found.first().map_or(String::new(), |name| (*name).clone()),
            });
        };
        let files = subsets.remove(&directory).unwrap_or_default();
        Ok(Some(Chosen { directory, files }))
    }
}

/// The files of one subset of a data set.
struct Chosen {
    directory: String,
    files: Vec<(SplitName, String)>,
}

impl Chosen {
    /// Cards first, the training file (its first shard) last: a download that broke off has no training file, and is not mistaken for a whole.
    fn in_download_order(&self, names: &[String]) -> Vec<String> {
        let is_card = |name: &&String| matches!(name.as_str(), "README.md" | "dataset_infos.json");
        let mut files = self.files.clone();
        files.sort_by(|a, b| {
            (a.0 == SplitName::Train)
                .cmp(&(b.0 == SplitName::Train))
                .then(b.1.cmp(&a.1))
        });
        let cards = names.iter().filter(is_card).cloned();
        cards
            .chain(files.into_iter().map(|(_, name)| name))
            .collect()
    }
}

/// `plain_text/train-00000-of-00001.parquet` is train of `plain_text`; `default/train/0000.parquet` is train of `default`.
fn directory_and_split(path: &str) -> Option<(&str, SplitName)> {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    if let Some(split) = split_of(name) {
        return Some((directory, split));
    }
    let (above, last) = directory.rsplit_once('/').unwrap_or(("", directory));
    Some((above, split_of(&format!("{last}/{name}"))?))
}

fn files_below(directory: &Path, prefix: &str, names: &mut Vec<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            files_below(&entry.path(), &format!("{name}/"), names)?;
        } else if entry.path().exists() {
            names.push(name); // not a link to a blob that is gone
        }
    }
    Ok(())
}

/// What to call the task in `dir`: the data set where it lies in the Hub's cache, else the directory.
pub(crate) fn name_of(dir: &Path) -> String {
    let full = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let parts: Vec<_> = full.iter().map(|part| part.to_string_lossy()).collect();
    let position = parts.iter().position(|part| part == "snapshots");
    if let Some(at) = position
        && let Some(folder) = at
            .checked_sub(1)
            .and_then(|above| parts[above].strip_prefix("datasets--"))
    {
        let dataset = folder.replacen("--", "/", 1);
        return match parts.get(at + 2) {
            Some(subset) if !matches!(&**subset, "data" | "default") => {
                format!("{dataset}:{subset}")
            }
            _ => dataset,
        };
    }
    let own = parts
        .last()
        .filter(|name| *name != "data")
        .or(parts.iter().rev().nth(1));
    own.map_or_else(|| full.display().to_string(), |name| name.to_string())
}
