//! The machine that a trial runs on, and the job of Slurm in which it does: fills [`record::Machine`].

use crate::environment::{cores, cpu_model, graphics};
use record::Machine;
use std::env;
use std::fs;

/// This machine, for this process. `uses_gpu` asks the graphics driver's tool for its name.
pub fn machine(uses_gpu: bool) -> Machine {
    let job = slurm_job(|name| env::var(name).ok());
    Machine {
        host: host(),
        cpu: cpu_model(),
        cores: cores(),
        gpu: uses_gpu
            .then(graphics)
            .flatten()
            .map(|(name, _driver)| name),
        engine: job.is_some().then(|| "slurm".to_owned()),
        node: job.as_ref().and_then(|_| env::var("SLURMD_NODENAME").ok()),
        job,
        side_by_side: None,
    }
}

/// The machine's own name.
pub fn host() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// The job of Slurm that this process belongs to, as `squeue` and `scontrol` name it: `17`, or `17_3` for a task of an array.
pub fn slurm_job(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let of_array = || {
        let array = variable("SLURM_ARRAY_JOB_ID")?;
        let task = variable("SLURM_ARRAY_TASK_ID")?;
        Some(format!("{array}_{task}"))
    };
    of_array().or_else(|| variable("SLURM_JOB_ID"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_of_an_array_is_named_as_slurm_names_it() {
        let job = |set: &[(&str, &str)]| {
            slurm_job(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let array = [
            ("SLURM_JOB_ID", "20"),
            ("SLURM_ARRAY_JOB_ID", "17"),
            ("SLURM_ARRAY_TASK_ID", "3"),
        ];
        assert_eq!(job(&array).as_deref(), Some("17_3"));
        assert_eq!(job(&array[..1]).as_deref(), Some("20"));
        assert_eq!(job(&[]), None);
    }

    #[test]
    fn this_machine_has_a_name_and_cores() {
        let found = machine(false);
        assert!(found.host.is_some_and(|host| !host.contains('\n')));
        assert!(found.cores.is_some_and(|cores| cores > 0));
        assert_eq!(found.gpu, None);
    }
}
