//! What a run keeps under `jobs/` for the engines that run its trials:
//!
//! - `trials.tsv`: every trial's id and the id of the one whose search it uses, in order;
//! - `<id>.json`: a trial that is to run, as `trial DIR ID` is told of it;
//! - `claims/`, `attempts/`: who runs which trial, and where it works until its record is in place;
//! - `arrays/`: what was handed to Slurm.

use crate::plan::matrix::Planned;
use crate::run::job::Job;
use crate::run::searches::Searches;
use crate::run::sweep::Run;
use crate::sources::TaskSource;
use anyhow::{Context, bail};
use record::store;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const LIST: &str = "trials.tsv";

/// Where all of it is.
pub(crate) fn jobs_dir(run_dir: &Path) -> PathBuf {
    run_dir.join("jobs")
}

/// A trial that is to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TrialFile {
    pub(crate) job: Job,
    pub(crate) time_limit_s: Option<f64>,
    /// The trial whose search it uses.
    pub(crate) search: Option<String>,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) id: String,
    /// The trial whose search it uses.
    pub(crate) search: Option<String>,
}

/// Writes the list of all trials.
///
/// # Errors
/// A directory that cannot be written.
pub(crate) fn write_list(
    run_dir: &Path,
    trials: &[Planned],
    searches: &Searches,
) -> anyhow::Result<()> {
    let mut list = String::from("trial_id\tsearch_of\n");
    for (place, trial) in trials.iter().enumerate() {
        let search = searches.for_trial(place);
        list.push_str(&trial.id);
        list.push('\t');
        list.push_str(search.map_or("", |search| &trials[search].id));
        list.push('\n');
    }
    store::write_file(&jobs_dir(run_dir).join(LIST), list.as_bytes())?;
    Ok(())
}

/// Reads the list of all trials.
///
/// # Errors
/// A directory that is no run, or one of an earlier version, which has no list.
pub(crate) fn read_list(run_dir: &Path) -> anyhow::Result<Vec<Listed>> {
    // A directory that holds no run is named as such.
    store::read_run_info(run_dir)?;
    let path = jobs_dir(run_dir).join(LIST);
    let text = files::read_text(&path, LONGEST_LIST).with_context(|| {
        format!(
            "cannot read {}, the list of the run's trials; the command that began the run writes it, with the same --out",
            path.display()
        )
    })?;
    let line = |line: &str| {
        let (id, search) = line.split_once('\t')?;
        Some(Listed {
            id: id.to_owned(),
            search: (!search.is_empty()).then(|| search.to_owned()),
        })
    };
    let lines = text.lines().skip(1).map(line);
    lines
        .collect::<Option<Vec<_>>>()
        .with_context(|| format!("{} is broken: a line without a tab", path.display()))
}

/// Room for a few million trials.
const LONGEST_LIST: u64 = 1 << 30;

/// Writes the files of the trials at `places`. Paths in them are absolute: an engine starts a trial anywhere.
///
/// # Errors
/// A directory that cannot be written.
pub(crate) fn write_trials(run: &Run<'_>, places: &[usize]) -> anyhow::Result<()> {
    for &place in places {
        let mut job = run.job(place, None);
        job.model_dir = std::path::absolute(&job.model_dir)?;
        if let TaskSource::Dir(dir) = &mut job.task {
            *dir = std::path::absolute(&*dir)?;
        }
        let search = run.searches.for_trial(place);
        let file = TrialFile {
            job,
            time_limit_s: run.plan.time_limit_s,
            search: search.map(|search| run.trials[search].id.clone()),
        };
        let text = serde_json::to_vec(&file)?;
        store::write_file(&trial_path(&run.dir.path, &file.job.trial_id), &text)?;
    }
    Ok(())
}

fn trial_path(run_dir: &Path, id: &str) -> PathBuf {
    jobs_dir(run_dir).join(format!("{id}.json"))
}

/// Reads the file of trial `id`.
///
/// # Errors
/// An id that is none of the run's, or one that was never to be run by an engine.
pub(crate) fn read_trial(run_dir: &Path, id: &str) -> anyhow::Result<TrialFile> {
    let is_name = !id.is_empty() && !id.starts_with('.') && !id.contains('/');
    let path = trial_path(run_dir, id);
    if !is_name || !path.is_file() {
        bail!(
            "{} has no trial \"{id}\" that is to run: `adaptbench plan {} --list` names those that can begin, after `adaptbench run PLAN --out {} --on other` has \
             written them",
            run_dir.display(),
            run_dir.display(),
            run_dir.display()
        );
    }
    let text = files::read(&path, files::SETTINGS_BYTES)
        .with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is broken", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{TrialBudget, TrialSpec};

    #[test]
    fn the_list_says_whose_search_a_trial_uses() {
        let dir = tempfile::tempdir().unwrap();
        let trial = |seed| Planned {
            id: format!("t{seed}"),
            spec: TrialSpec {
                seed,
                budget: TrialBudget {
                    tune: 2,
                    ..TrialBudget::default()
                },
                ..TrialSpec::default()
            },
        };
        let trials = [trial(4), trial(2)];
        write_list(dir.path(), &trials, &Searches::of(&trials)).unwrap();
        let error = read_list(dir.path()).unwrap_err().to_string();
        assert!(error.contains("run.json"), "{error}");
        let info = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../results/minilm-sst2-tuned/run.json"
        );
        std::fs::copy(info, dir.path().join(store::RUN_FILE)).unwrap();
        let listed = |id: &str, search: Option<&str>| Listed {
            id: id.to_owned(),
            search: search.map(str::to_owned),
        };
        assert_eq!(
            read_list(dir.path()).unwrap(),
            [listed("t4", None), listed("t2", Some("t4"))]
        );
    }

    #[test]
    fn an_id_leads_to_no_other_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("secret.json"), "{}").unwrap();
        for id in ["../secret", "", ".hidden", "absent"] {
            let error = read_trial(dir.path(), id).unwrap_err().to_string();
            assert!(error.contains("has no trial"), "{id}: {error}");
        }
    }
}
