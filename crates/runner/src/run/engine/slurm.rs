//! Slurm's commands and states, as of sbatch(1), squeue(1), scontrol(1) and sacct(1).

use crate::run::engine::calls::ask;
use anyhow::Context;

/// A task of an array in the queue, or one that has ended a short while ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Queued {
    /// `17_3`.
    pub(super) job: String,
    /// Name of its job.
    pub(super) name: String,
    /// The task's number.
    pub(super) task: usize,
    /// Slurm's word.
    pub(super) state: String,
}

impl Queued {
    /// Whether it waits, runs, or will.
    pub(super) fn is_active(&self) -> bool {
        is_active_state(&self.state)
    }
}

/// How Slurm says that a job has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// `TIMEOUT`, `OUT_OF_MEMORY`, ..
    pub(super) state: String,
    /// `1:0`: exit code and signal.
    pub(super) exit: String,
    pub(super) node: Option<String>,
    /// How long it ran, `00:01:30`.
    pub(super) elapsed: Option<String>,
    /// How long it might.
    pub(super) limit: Option<String>,
}

impl Verdict {
    /// The exit code, where it ended by one.
    pub(super) fn code(&self) -> Option<u8> {
        let (code, signal) = self.exit.split_once(':')?;
        (signal == "0").then(|| code.parse().ok()).flatten()
    }
}

/// States of jobs that have ended; every other is on its way.
const ENDED: [&str; 9] = [
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "TIMEOUT",
];

fn is_active_state(state: &str) -> bool {
    // `CANCELLED by 1000` in accounts.
    let word = state.split([' ', '+']).next().unwrap_or_default();
    !ENDED.contains(&word)
}

/// Hands a script to Slurm; returns the number of the job.
///
/// # Errors
/// What sbatch says.
pub(super) fn submit(options: &[String], script: &str) -> anyhow::Result<String> {
    let arguments = [&["--parsable".to_owned()][..], options].concat();
    let said = ask("sbatch", &arguments, script)?;
    // `17`, or `17;cluster`.
    let job = said.trim().split(';').next().unwrap_or_default();
    let is_number = !job.is_empty() && job.chars().all(|c| c.is_ascii_digit());
    is_number
        .then(|| job.to_owned())
        .with_context(|| format!("sbatch says {said:?}, expected the number of a job"))
}

const SQUEUE_FIELDS: &str = "%F|%K|%T|%j";

/// All tasks of this user's jobs whose names begin with `prefix`.
///
/// # Errors
/// What squeue says.
pub(super) fn queue(prefix: &str) -> anyhow::Result<Vec<Queued>> {
    let arguments = [
        "--me",
        "--noheader",
        "--array",
        "--states=all",
        &format!("--format={SQUEUE_FIELDS}"),
    ];
    let said = ask("squeue", &arguments.map(str::to_owned), "")?;
    Ok(parse_queue(&said, prefix))
}

fn parse_queue(said: &str, prefix: &str) -> Vec<Queued> {
    let line = |line: &str| {
        let mut fields = line.trim().splitn(4, '|');
        let (job, task) = (fields.next()?, fields.next()?);
        let (state, name) = (fields.next()?, fields.next()?);
        let number = task.parse().ok()?;
        name.starts_with(prefix).then(|| Queued {
            job: format!("{job}_{task}"),
            name: name.to_owned(),
            task: number,
            state: state.to_owned(),
        })
    };
    said.lines().filter_map(line).collect()
}

/// Whether a job waits or runs.
///
/// # Errors
/// A Slurm that cannot be asked.
pub(super) fn is_active(job: &str) -> anyhow::Result<bool> {
    let arguments = ["--noheader", "--states=all", "--format=%T", "--jobs", job];
    match ask("squeue", &arguments.map(str::to_owned), "") {
        Ok(said) => Ok(said.lines().any(|state| is_active_state(state.trim()))),
        Err(error) if format!("{error:#}").contains("Invalid job id") => Ok(false),
        Err(error) => Err(error),
    }
}

/// How a job ended, as far as Slurm still knows: of its accounts where it keeps them, else of its memory of some minutes.
pub(super) fn verdict(job: &str) -> Option<Verdict> {
    let arguments = ["--oneliner", "show", "job", job].map(str::to_owned);
    let of_memory = ask("scontrol", &arguments, "").ok();
    of_memory.as_deref().and_then(parse_job).or_else(|| {
        let fields = "--format=State%30,ExitCode,NodeList%60,Elapsed,Timelimit";
        let arguments = [
            "--allocations",
            "--noheader",
            "--parsable2",
            fields,
            "--jobs",
            job,
        ];
        let said = ask("sacct", &arguments.map(str::to_owned), "").ok()?;
        parse_account(&said)
    })
}

fn parse_job(said: &str) -> Option<Verdict> {
    let field = |name: &str| {
        let mark = format!("{name}=");
        let value = said
            .split_whitespace()
            .find_map(|word| word.strip_prefix(&mark))?;
        known(value)
    };
    Some(Verdict {
        state: field("JobState")?,
        exit: field("ExitCode")?,
        node: field("NodeList"),
        elapsed: field("RunTime"),
        limit: field("TimeLimit"),
    })
}

fn parse_account(said: &str) -> Option<Verdict> {
    let mut fields = said.lines().next()?.split('|').map(str::trim);
    let state = fields.next()?.split(' ').next()?.to_owned();
    Some(Verdict {
        state: (!state.is_empty()).then_some(state)?,
        exit: fields.next()?.to_owned(),
        node: fields.next().and_then(known),
        elapsed: fields.next().and_then(known),
        limit: fields.next().and_then(known),
    })
}

fn known(value: &str) -> Option<String> {
    let says_nothing = ["", "(null)", "None assigned", "Unknown", "N/A"].contains(&value);
    (!says_nothing).then(|| value.to_owned())
}

/// Most tasks that an array may have here.
pub(super) fn most_tasks() -> usize {
    let arguments = ["show", "config"].map(str::to_owned);
    let said = ask("scontrol", &arguments, "").unwrap_or_default();
    parse_most_tasks(&said).unwrap_or(DEFAULT_TASKS)
}

/// Slurm's own default.
const DEFAULT_TASKS: usize = 1001;

fn parse_most_tasks(said: &str) -> Option<usize> {
    let line = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("MaxArraySize"))?;
    line.trim_start_matches([' ', '='])
        .trim()
        .parse()
        .ok()
        .filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_read_task_by_task_and_other_jobs_are_passed_over() {
        let said = "17|3|RUNNING|ab-1-x\n17|4|OUT_OF_MEMORY|ab-1-x\n18|N/A|PENDING|ab-1-y\n19|0|PENDING|mine|with bar\n";
        let queue = parse_queue(said, "ab-1-");
        assert_eq!(queue.len(), 2);
        assert_eq!(
            queue[0],
            Queued {
                job: "17_3".into(),
                name: "ab-1-x".into(),
                task: 3,
                state: "RUNNING".into()
            }
        );
        assert!(queue[0].is_active() && !queue[1].is_active());
    }

    #[test]
    fn states_on_their_way_are_no_ends() {
        for state in [
            "PENDING",
            "RUNNING",
            "COMPLETING",
            "SUSPENDED",
            "REQUEUED",
            "CONFIGURING",
        ] {
            assert!(is_active_state(state), "{state}");
        }
        for state in ENDED.iter().chain(&["CANCELLED by 0"]) {
            assert!(!is_active_state(state), "{state}");
        }
    }

    #[test]
    fn an_end_is_read_from_the_controller_and_from_the_accounts() {
        let said = "JobId=20 ArrayJobId=17 ArrayTaskId=3 JobName=ab UserId=root(0) JobState=TIMEOUT Reason=TimeLimit Dependency=(null) \
                    ExitCode=0:15 RunTime=00:01:02 TimeLimit=00:01:00 NodeList=n1 BatchHost=n1";
        let of_memory = parse_job(said).unwrap();
        assert_eq!(of_memory.state, "TIMEOUT");
        assert_eq!(of_memory.code(), None, "it ended by a signal");
        assert_eq!(of_memory.node.as_deref(), Some("n1"));
        let account =
            parse_account("CANCELLED by 1000|74:0|n3|00:00:05|Partition_Limit\n").unwrap();
        assert_eq!(
            (account.state.as_str(), account.code()),
            ("CANCELLED", Some(74))
        );
        assert_eq!(parse_account(""), None);
        assert_eq!(
            parse_job("slurm_load_jobs error: Invalid job id specified"),
            None
        );
        let never =
            parse_job("JobId=2 JobState=CANCELLED ExitCode=0:0 RunTime=00:00:00 NodeList= ")
                .unwrap();
        assert_eq!((never.node, never.limit), (None, None));
    }

    #[test]
    fn the_longest_array_is_the_clusters() {
        let said =
            "Configuration data as of now\nMaxArraySize            = 401\nMaxJobCount = 10000\n";
        assert_eq!(parse_most_tasks(said), Some(401));
        assert_eq!(parse_most_tasks(""), None);
    }
}
