//! A model or data set of a Hub: its listing, and its files fetched into the cache.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hf_hub::Repo;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;

use super::{Api, ApiError, Description};
use crate::inside;

/// Downloads that break off are tried again so often.
pub(super) const RETRIES: usize = 3;
/// The most that is read of a listing; those of a hundred thousand files take a tenth of it.
const LISTING_BYTES: u64 = 64 << 20;
/// For how many seconds another process that fetches the same file is waited for.
const LOCK_SECONDS: u32 = 5;

/// A model or data set of a Hub, at a revision.
#[derive(Debug)]
pub struct ApiRepo {
    pub(super) api: Api,
    pub(super) repo: Repo,
}

/// What a Hub says of a revision.
#[derive(Debug, Deserialize)]
pub struct RepoInfo {
    /// Its files.
    pub siblings: Vec<Sibling>,
    /// Its commit.
    pub sha: String,
}

/// A file of a listing.
#[derive(Debug, Deserialize)]
pub struct Sibling {
    /// Name relative to the top of the repository.
    pub rfilename: String,
}

impl ApiRepo {
    /// The listing of the files.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn info(&self) -> Result<RepoInfo, ApiError> {
        let url = format!("{}/api/{}", self.api.endpoint, self.repo.api_url());
        let response = self
            .api
            .get(&self.api.agent, &url)
            .call()
            .map_err(Box::new)?;
        let mut text = Vec::new();
        let mut reader = response.into_reader().take(LISTING_BYTES + 1);
        reader.read_to_end(&mut text)?;
        let answer = |found: String| ApiError::Answer {
            url,
            found,
            expected: "a listing of files as JSON, of at most 64 MiB",
        };
        if text.len() as u64 > LISTING_BYTES {
            return Err(answer("more".to_owned()));
        }
        serde_json::from_slice(&text)
            .map_err(|error| answer(format!("what is no listing ({error})")))
    }

    /// Fetches a file into the cache and says where it is. What is there of it already is not fetched again.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub fn download(&self, name: &str) -> Result<PathBuf, ApiError> {
        inside(name)?;
        let api = &self.api;
        let url = format!(
            "{}/{}/resolve/{}/{name}",
            api.endpoint,
            self.repo.url(),
            self.repo.url_revision()
        );
        let Description {
            etag,
            commit,
            length,
        } = api.describe(&url)?;
        let base = api.cache.path().join(self.repo.folder_name());
        let blob = base.join("blobs").join(&etag);
        fs::create_dir_all(base.join("blobs"))?;
        if !fs::metadata(&blob).is_ok_and(|found| found.is_file() && found.len() == length) {
            self.fetch_blob(&url, &blob, length, name)?;
        }
        let pointer = base.join("snapshots").join(&commit).join(name);
        link(&pointer, name, &etag)?;
        api.cache.repo(self.repo.clone()).create_ref(&commit)?;
        Ok(pointer)
    }

    /// Fetches the file beside where it is to be, under a lock, and moves it there when it is whole.
    fn fetch_blob(&self, url: &str, blob: &Path, length: u64, name: &str) -> Result<(), ApiError> {
        let beside = |ending: &str| {
            let mut path = blob.as_os_str().to_owned();
            path.push(ending);
            PathBuf::from(path)
        };
        let _lock = lock(&beside(".lock"))?;
        let part = beside(".part");
        let mut file = OpenOptions::new().create(true).append(true).open(&part)?;
        if file.metadata()?.len() > length {
            file.set_len(0)?;
        }
        let shown = self.progress_bar(length, name);
        for attempt in 0..=RETRIES {
            if file.metadata()?.len() == length {
                break;
            }
            match self.api.append(url, &mut file, length, &shown) {
                Ok(()) => break,
                Err(error) if attempt == RETRIES => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(300)),
            }
        }
        shown.finish_and_clear();
        fs::rename(&part, blob)?;
        Ok(())
    }

    fn progress_bar(&self, length: u64, name: &str) -> ProgressBar {
        if !self.api.progress {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(length).with_message(name.to_owned());
        let style = "{msg} {bar:40} {bytes}/{total_bytes} {bytes_per_sec}";
        bar.with_style(
            ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
        )
    }
}

fn lock(path: &Path) -> Result<File, ApiError> {
    let file = File::create(path)?;
    for _ in 0..LOCK_SECONDS {
        if file.try_lock().is_ok() {
            return Ok(file);
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(_) => Err(ApiError::Locked(path.to_owned())),
    }
}

/// Makes `snapshots/<commit>/<name>` a link to the blob, as long as the way up is.
fn link(pointer: &Path, name: &str, etag: &str) -> io::Result<()> {
    if let Some(directory) = pointer.parent() {
        fs::create_dir_all(directory)?;
    }
    if fs::symlink_metadata(pointer).is_ok() {
        if pointer.exists() {
            return Ok(());
        }
        fs::remove_file(pointer)?; // to a blob that is gone
    }
    let up = "../".repeat(Path::new(name).components().count() + 1);
    std::os::unix::fs::symlink(format!("{up}blobs/{etag}"), pointer)
}
