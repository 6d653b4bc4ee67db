//! Where a trial ran, and which attempts at it came to nothing before.

use serde::{Deserialize, Serialize};

/// The machine and, where an engine of a cluster started the trial, the engine's job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// Name of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Its processor, as it names itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
    /// Cores that the trial could use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<u64>,
    /// Graphics processor, where the trial's device is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<String>,
    /// The engine that started the trial: `slurm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The engine's name of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The engine's name of the job, `1234_56` for task 56 of an array of Slurm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// How many trials `--jobs` let run at the same time on this machine, each on cores of its own; `None` where the trial was alone. Caches
    /// and memory are shared, so that its times are not those of a machine of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub side_by_side: Option<u64>,
}

impl Machine {
    /// What decides times, for telling unlike machines apart: processor, cores, graphics processor, and trials side by side. Machines of one
    /// kind have different hosts and the same text. `None` where nothing is known.
    pub fn kind(&self) -> Option<String> {
        let several = self.side_by_side.filter(|n| *n > 1);
        let parts = [
            self.cpu.clone(),
            self.cores.map(|n| format!("{n} cores")),
            self.gpu.clone(),
            several.map(|n| format!("{n} trials side by side")),
        ];
        let known: Vec<String> = parts.into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.join(", "))
    }
}

/// An attempt at a trial that left no record: its process, its machine or its job ended first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempt {
    /// Start, RFC 3339 in UTC.
    pub started_at: String,
    /// Name of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The engine's name of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The engine's name of the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// How it ended, in the engine's word where it has one: `NODE_FAIL`, `PREEMPTED`, ..
    pub ended: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_of_one_kind_differ_in_name_alone() {
        let on = |host: &str, cores, side_by_side| Machine {
            host: Some(host.to_owned()),
            cpu: Some("Z80".to_owned()),
            cores: Some(cores),
            side_by_side,
            ..Machine::default()
        };
        let kind = on("a", 3, None).kind();
        assert_eq!(kind.as_deref(), Some("Z80, 3 cores"));
        assert_eq!(on("b", 3, Some(1)).kind(), kind);
        assert_ne!(on("a", 4, None).kind(), kind);
        assert_ne!(on("a", 3, Some(2)).kind(), kind);
        assert_eq!(Machine::default().kind(), None);
    }
}
