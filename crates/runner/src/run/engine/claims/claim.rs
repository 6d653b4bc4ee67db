//! Who has claimed a trial, and whether that is over.

use super::SILENCE;
use crate::run::engine::slurm;
use measure::environment::timestamp;
use measure::machine::{host, slurm_job};
use record::Attempt;
use serde::{Deserialize, Serialize};
use std::env;
use std::fs;
use std::process;
use std::time::{Duration, SystemTime};

/// Who a claim is by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claim {
    pub(crate) started_at: String,
    pub(crate) host: Option<String>,
    /// Slurm's name of the machine.
    pub(crate) node: Option<String>,
    /// Slurm's name of the job.
    pub(crate) job: Option<String>,
    /// How often Slurm had started the job before.
    pub(crate) restarts: u32,
    pub(crate) process: u32,
    /// When the process began, in the kernel's ticks: a number that is used again is another process.
    pub(crate) process_began: Option<u64>,
}

impl Claim {
    /// Of this process.
    pub(super) fn mine() -> Self {
        let job = slurm_job(|name| env::var(name).ok());
        let restarts = env::var("SLURM_RESTART_COUNT").ok();
        Self {
            started_at: timestamp(SystemTime::now()),
            host: host(),
            node: job.as_ref().and_then(|_| env::var("SLURMD_NODENAME").ok()),
            job,
            restarts: restarts.and_then(|n| n.parse().ok()).unwrap_or(0),
            process: process::id(),
            process_began: process_began(process::id()),
        }
    }

    /// In words.
    pub(crate) fn who(&self) -> String {
        let place = self.node.as_ref().or(self.host.as_ref());
        let place = place.map_or_else(String::new, |place| format!(" on {place}"));
        match &self.job {
            Some(job) => format!("job {job}{place}"),
            None => format!("process {}{place}", self.process),
        }
    }

    /// Whether whoever made this claim has ended. `age` is the time since its last sign of life.
    pub(super) fn is_over(&self, me: &Self, age: Duration) -> bool {
        if self.job.is_some() && self.job == me.job {
            // The engine starts a job again when it has ended. One start may have several processes.
            return self.restarts < me.restarts
                || self.is_gone_from_here(me).unwrap_or(age > SILENCE);
        }
        if let Some(job) = &self.job
            && let Ok(is_active) = slurm::is_active(job)
        {
            return !is_active;
        }
        self.is_gone_from_here(me).unwrap_or(age > SILENCE)
    }

    /// Whether its process has ended; `None` where it was another machine's.
    fn is_gone_from_here(&self, me: &Self) -> Option<bool> {
        (self.host.is_some() && self.host == me.host)
            .then(|| process_began(self.process).is_none_or(|now| Some(now) != self.process_began))
    }

    pub(super) fn attempt(&self, ended: Option<String>) -> Attempt {
        let unknown = || "its process, its machine or its job ended without a record".to_owned();
        Attempt {
            started_at: self.started_at.clone(),
            host: self.host.clone(),
            node: self.node.clone(),
            job: self.job.clone(),
            ended: ended.unwrap_or_else(unknown),
        }
    }
}

/// Field 22 of proc(5)'s `stat`.
fn process_began(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let after_name = stat.rsplit_once(") ")?.1;
    if after_name.starts_with('Z') {
        return None;
    }
    after_name.split(' ').nth(19)?.parse().ok()
}
