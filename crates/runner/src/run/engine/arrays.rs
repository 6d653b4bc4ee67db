//! What a run has handed to Slurm, under `jobs/arrays`: for each array the list of its trials, one a line, the number of its job, and the tasks
//! whose ends have been dealt with. An array is known in the queue by its name, so that one whose number was never written is not lost.

use crate::run::engine::files::jobs_dir;
use crate::run::engine::slurm::Queued;
use anyhow::Context;
use record::store;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::time::SystemTime;

/// A task that stands for a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Handed {
    /// Of its array.
    pub(super) token: String,
    pub(super) task: usize,
    /// `17_3`.
    pub(super) job: String,
}

impl Handed {
    /// The number of its array's job.
    pub(super) fn array(&self) -> &str {
        self.job.split('_').next().unwrap_or_default()
    }

    fn number(&self) -> u64 {
        self.array().parse().unwrap_or(0)
    }
}

/// All arrays of a run.
pub(super) struct Arrays {
    dir: PathBuf,
    /// Names of the run's arrays begin so.
    pub(super) prefix: String,
    /// Lists that were read.
    lists: HashMap<String, Vec<String>>,
    /// The last task that each trial was handed over as and whose end has not been dealt with, by the trial's id.
    latest: HashMap<String, Handed>,
}

impl Arrays {
    /// Reads what there is.
    ///
    /// # Errors
    /// A directory that cannot be made or read.
    pub(super) fn open(run_dir: &Path) -> anyhow::Result<Self> {
        let dir = jobs_dir(run_dir).join("arrays");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let whole = fs::canonicalize(run_dir).unwrap_or_else(|_| run_dir.to_owned());
        let hash = format!("{:x}", Sha256::digest(whole.as_os_str().as_encoded_bytes()));
        let mut arrays = Self {
            prefix: format!("adaptbench-{}-", &hash[..8]),
            lists: HashMap::new(),
            latest: HashMap::new(),
            dir,
        };
        let entries = fs::read_dir(&arrays.dir)
            .with_context(|| format!("cannot read {}", arrays.dir.display()))?;
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let Some(token) = name.strip_suffix(".job") else {
                continue;
            };
            let job = fs::read_to_string(arrays.dir.join(&name))?;
            arrays.learn(token, job.trim())?;
        }
        Ok(arrays)
    }

    /// An array of which this process has not known.
    fn learn(&mut self, token: &str, job: &str) -> anyhow::Result<()> {
        let path = self.list_path(token);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let judged = fs::read_to_string(self.dir.join(format!("{token}.judged")));
        let judged = judged.unwrap_or_default();
        let judged: HashSet<usize> = judged.lines().filter_map(|n| n.parse().ok()).collect();
        let ids: Vec<String> = text.lines().map(str::to_owned).collect();
        for (task, id) in ids.iter().enumerate() {
            if !judged.contains(&task) {
                self.note(
                    id,
                    Handed {
                        token: token.to_owned(),
                        task,
                        job: format!("{job}_{task}"),
                    },
                );
            }
        }
        self.lists.insert(token.to_owned(), ids);
        Ok(())
    }

    fn note(&mut self, id: &str, handed: Handed) {
        match self.latest.get(id) {
            Some(other) if other.number() > handed.number() => {}
            _ => {
                self.latest.insert(id.to_owned(), handed);
            }
        }
    }

    /// The trial of a task in the queue; learns of its array, where another process has handed it over.
    pub(super) fn trial_of(&mut self, queued: &Queued) -> Option<String> {
        let token = queued.name.strip_prefix(&self.prefix)?.to_owned();
        if !self.lists.contains_key(&token) {
            let job = queued.job.split('_').next()?;
            self.learn(&token, job).ok()?;
        }
        self.lists[&token].get(queued.task).cloned()
    }

    /// The last task that a trial was handed over as, if its end has not been dealt with.
    pub(super) fn latest(&self, id: &str) -> Option<&Handed> {
        self.latest.get(id)
    }

    /// The end of a trial's last task has been dealt with.
    ///
    /// # Errors
    /// A disk that cannot be written.
    pub(super) fn deal_with(&mut self, id: &str) -> anyhow::Result<()> {
        if let Some(handed) = self.latest.remove(id) {
            let path = self.dir.join(format!("{}.judged", handed.token));
            File::options()
                .create(true)
                .append(true)
                .open(&path)
                .and_then(|mut file| file.write_all(format!("{}\n", handed.task).as_bytes()))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Writes the list of a new array; its path and its token.
    ///
    /// # Errors
    /// A disk that cannot be written.
    pub(super) fn begin(&self, ids: &[&str]) -> anyhow::Result<(PathBuf, String)> {
        let mut text = ids.join("\n");
        text.push('\n');
        for attempt in 0.. {
            let token = token(attempt);
            let path = self.list_path(&token);
            match File::options().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    file.write_all(text.as_bytes())
                        .with_context(|| format!("cannot write {}", path.display()))?;
                    return Ok((path, token));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot write {}", path.display()));
                }
            }
        }
        unreachable!("numbers do not end")
    }

    /// An array has been handed over as `job`.
    ///
    /// # Errors
    /// A disk that cannot be written.
    pub(super) fn handed_over(&mut self, token: &str, job: &str) -> anyhow::Result<()> {
        store::write_file(&self.dir.join(format!("{token}.job")), job.as_bytes())?;
        self.learn(token, job)
    }

    fn list_path(&self, token: &str) -> PathBuf {
        self.dir.join(format!("{token}.txt"))
    }
}

/// A name that no other process gives.
fn token(attempt: u32) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanoseconds = now.map_or(0, |now| now.as_nanos());
    let host = measure::machine::host().unwrap_or_default();
    let text = format!("{nanoseconds} {host} {} {attempt}", process::id());
    format!("{:x}", Sha256::digest(text))[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_task_of_a_trial_counts_until_its_end_is_dealt_with() {
        let dir = tempfile::tempdir().unwrap();
        let mut arrays = Arrays::open(dir.path()).unwrap();
        let (path, first) = arrays.begin(&["a", "b"]).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "a\nb\n");
        arrays.handed_over(&first, "9").unwrap();
        let (_, second) = arrays.begin(&["b"]).unwrap();
        arrays.handed_over(&second, "10").unwrap();
        let job = |arrays: &Arrays, id: &str| arrays.latest(id).map(|h| h.job.clone());
        let mut again = Arrays::open(dir.path()).unwrap();
        for arrays in [&arrays, &again] {
            assert_eq!(job(arrays, "a").as_deref(), Some("9_0"));
            assert_eq!(job(arrays, "b").as_deref(), Some("10_0"));
        }
        again.deal_with("b").unwrap();
        assert_eq!(job(&again, "b"), None);
        let third = Arrays::open(dir.path()).unwrap();
        assert_eq!(job(&third, "a").as_deref(), Some("9_0"));
        assert_eq!(
            job(&third, "b").as_deref(),
            Some("9_1"),
            "the one before has not been judged"
        );
    }

    #[test]
    fn an_array_of_another_process_is_known_by_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let mut ours = Arrays::open(dir.path()).unwrap();
        let theirs = Arrays::open(dir.path()).unwrap();
        let (_, token) = theirs.begin(&["a", "b", "c"]).unwrap();
        let queued = |task, name: String| Queued {
            job: format!("7_{task}"),
            name,
            task,
            state: "RUNNING".to_owned(),
        };
        let name = format!("{}{token}", ours.prefix);
        assert_eq!(
            ours.trial_of(&queued(2, name.clone())).as_deref(),
            Some("c")
        );
        assert_eq!(ours.latest("b").unwrap().job, "7_1");
        assert_eq!(ours.trial_of(&queued(9, name)), None);
        assert_eq!(ours.trial_of(&queued(0, "other-job".to_owned())), None);
    }
}
