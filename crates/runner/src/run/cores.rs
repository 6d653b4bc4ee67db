//! Cores of a trial's own, for trials side by side (`--jobs`).

use anyhow::{Context, bail};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fs;

/// The cores of each of `jobs` trials side by side, as even as can be.
///
/// # Errors
/// More trials than cores; a system that does not tell which cores there are.
pub(crate) fn shares(jobs: usize) -> anyhow::Result<Vec<Vec<usize>>> {
    let allowed = sched_getaffinity(None).context("cannot tell which cores may be used")?;
    let mut cores: Vec<usize> = (0..CpuSet::MAX_CPU)
        .filter(|&core| allowed.is_set(core))
        .collect();
    if cores.len() < jobs {
        bail!(
            "--jobs {jobs}: this process may use {} cores, and each trial needs one of its own",
            cores.len()
        );
    }
    // Two threads of one physical core go to the same trial.
    cores.sort_by_key(|&core| (first_sibling(core), core));
    Ok(split(&cores, jobs))
}

/// Binds this thread, and the processes that it starts, to `cores`.
///
/// # Errors
/// The system's.
pub(crate) fn bind(cores: &[usize]) -> anyhow::Result<()> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|&core| set.set(core));
    sched_setaffinity(None, &set).with_context(|| format!("cannot bind a trial to cores {cores:?}"))
}

fn split(cores: &[usize], parts: usize) -> Vec<Vec<usize>> {
    let end = |part: usize| part * cores.len() / parts;
    (0..parts)
        .map(|part| cores[end(part)..end(part + 1)].to_vec())
        .collect()
}

/// The lowest number among the threads of a core's physical core.
fn first_sibling(core: usize) -> usize {
    let path = format!("/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list");
    let text = fs::read_to_string(path).unwrap_or_default();
    let first = text.trim().split(['-', ',']).next();
    first.and_then(|n| n.parse().ok()).unwrap_or(core)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_shared_out_evenly_and_none_twice() {
        assert_eq!(split(&[0, 4, 1, 5, 7], 2), [vec![0, 4], vec![1, 5, 7]]);
        assert_eq!(split(&[3, 1, 2], 3), [[3], [1], [2]]);
    }

    #[test]
    fn more_trials_than_cores_are_refused() {
        let error = shares(CpuSet::MAX_CPU + 1).unwrap_err().to_string();
        assert!(error.contains("needs one of its own"), "{error}");
        let all = shares(1).unwrap();
        assert_eq!(all.len(), 1);
        assert!(!all[0].is_empty());
    }

    #[test]
    fn a_bound_thread_may_use_its_cores_alone() {
        let core = *shares(1).unwrap()[0].last().unwrap();
        std::thread::spawn(move || {
            bind(&[core]).unwrap();
            assert_eq!(shares(1).unwrap(), [[core]]);
        })
        .join()
        .unwrap();
    }
}
