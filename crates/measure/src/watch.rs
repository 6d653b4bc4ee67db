//! The parent's watch over a trial's process: its peak memory while it lives, a time limit, and what its end means.
//!
//! How an end is read, first match wins:
//!
//! 1. stopped by this watch at the limit → `timed_out`;
//! 2. exit 0 → `finished`;
//! 3. exit [`OUT_OF_MEMORY_EXIT`] → `out_of_memory` (the trial itself says so, e.g. when a device refuses memory);
//! 4. SIGABRT after "memory allocation of N bytes failed" on stderr, which is how Rust ends when the heap is refused → `out_of_memory`;
//! 5. SIGKILL while the kernel's count of out-of-memory kills rose (the cgroup's `memory.events`, where readable, else the system's
//!    `/proc/vmstat`) → `out_of_memory`;
//! 6. any other signal → `crashed`;
//! 7. any other exit → `failed`.

use crate::memory;
use record::Outcome;
use std::fs;
use std::io;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// The exit code by which a trial says that memory was refused.
pub const OUT_OF_MEMORY_EXIT: i32 = 77;

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

/// Reading one status file costs some 20 µs, so twenty a second disturb nothing.
const POLL_LONGEST: Duration = Duration::from_millis(50);
const POLL_FIRST: Duration = Duration::from_millis(2);

/// How a watched process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The exit status as the system gave it.
    pub status: ExitStatus,
    /// Whether the watch stopped it at the limit.
    pub timed_out: bool,
    /// Whether the kernel killed for memory while it ran.
    pub kernel_killed_for_memory: bool,
    /// Largest `VmHWM` seen. A process killed between two polls may have reached more.
    pub peak_rss_bytes: Option<u64>,
    /// From the watch's start to the end.
    pub elapsed: Duration,
}

/// What a poll saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Since the watch's start.
    pub elapsed: Duration,
    /// Memory of the process.
    pub memory: memory::Resident,
}

/// Waits for `child`, at most `limit`, and kills it then. `on_poll` sees every poll, e.g. to move a progress bar or to pass on a
/// Ctrl-C. Drain the child's pipes in other threads, or it may block on a full one.
///
/// # Errors
/// The system's error if the child cannot be waited for or killed.
pub fn watch(
    child: &mut Child,
    limit: Option<Duration>,
    mut on_poll: impl FnMut(&Sample),
) -> io::Result<Ended> {
    let started = Instant::now();
    let kills_before = kernel_memory_kills();
    let mut peak = None;
    let mut pause = POLL_FIRST;
    let mut timed_out = false;
    let status = loop {
        let seen = memory::of_process(child.id());
        peak = peak.max(seen.peak_bytes);
        on_poll(&Sample {
            elapsed: started.elapsed(),
            memory: seen,
        });
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let left = limit.map(|limit| limit.saturating_sub(started.elapsed()));
        if left == Some(Duration::ZERO) {
            peak = peak.max(memory::of_process(child.id()).peak_bytes);
            child.kill()?;
            timed_out = true;
            break child.wait()?;
        }
        std::thread::sleep(left.map_or(pause, |left| left.min(pause)));
        pause = (pause * 2).min(POLL_LONGEST);
    };
    let kernel_killed_for_memory = match (kills_before, kernel_memory_kills()) {
        (Some(before), Some(after)) => after > before,
        _ => false,
    };
    Ok(Ended {
        status,
        timed_out,
        kernel_killed_for_memory,
        peak_rss_bytes: peak,
        elapsed: started.elapsed(),
    })
}

impl Ended {
    /// What the end means, by the rule at the head of this module. `stderr` is the last part of what the process wrote there.
    pub fn outcome(&self, stderr: &str) -> Outcome {
        if self.timed_out {
            return Outcome::TimedOut;
        }
        match (self.status.code(), signal(self.status)) {
            (Some(0), _) => Outcome::Finished,
            (Some(OUT_OF_MEMORY_EXIT), _) => Outcome::OutOfMemory,
            (_, Some(SIGABRT)) if allocation_failed(stderr) => Outcome::OutOfMemory,
            (_, Some(SIGKILL)) if self.kernel_killed_for_memory => Outcome::OutOfMemory,
            (None, _) => Outcome::Crashed,
            (Some(_), _) => Outcome::Failed,
        }
    }

    /// The end in words, for the record's `error`.
    pub fn describe(&self) -> String {
        let seconds = self.elapsed.as_secs_f64();
        if self.timed_out {
            return format!("stopped at the time limit after {seconds:.1} s");
        }
        match (self.status.code(), signal(self.status)) {
            (Some(code), _) => format!("exited with code {code} after {seconds:.1} s"),
            (None, Some(number)) if self.kernel_killed_for_memory && number == SIGKILL => {
                format!("killed by the kernel for lack of memory after {seconds:.1} s")
            }
            (None, Some(number)) => format!(
                "ended by signal {number}{} after {seconds:.1} s",
                signal_name(number)
            ),
            (None, None) => format!("ended without an exit code after {seconds:.1} s"),
        }
    }
}

fn allocation_failed(stderr: &str) -> bool {
    stderr
        .lines()
        .any(|line| line.starts_with("memory allocation of ") && line.contains("bytes failed"))
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

fn signal_name(number: i32) -> &'static str {
    match number {
        2 => " (SIGINT)",
        4 => " (SIGILL)",
        SIGABRT => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        SIGKILL => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        _ => "",
    }
}

/// Processes the kernel has killed for memory so far: in this cgroup, or where that cannot be read, on the machine.
fn kernel_memory_kills() -> Option<u64> {
    let group = fs::read_to_string("/proc/self/cgroup")
        .ok()
        .and_then(|text| Some(text.lines().find_map(|l| l.strip_prefix("0::"))?.to_owned()));
    let events = group.and_then(|group| {
        fs::read_to_string(format!(
            "/sys/fs/cgroup{}/memory.events",
            group.trim_end_matches('/')
        ))
        .ok()
    });
    let counted_by = events.or_else(|| fs::read_to_string("/proc/vmstat").ok())?;
    parse_kills(&counted_by)
}

fn parse_kills(text: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?
        .trim()
        .parse()
        .ok()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    fn ended(wait_status: i32) -> Ended {
        Ended {
            status: ExitStatus::from_raw(wait_status),
            timed_out: false,
            kernel_killed_for_memory: false,
            peak_rss_bytes: None,
            elapsed: Duration::from_millis(1500),
        }
    }

    #[test]
    fn every_end_has_its_outcome() {
        let refused = "thread 'main' ...\nmemory allocation of 4096 bytes failed\n";
        assert_eq!(ended(0).outcome(""), Outcome::Finished);
        assert_eq!(ended(1 << 8).outcome(refused), Outcome::Failed);
        assert_eq!(
            ended(OUT_OF_MEMORY_EXIT << 8).outcome(""),
            Outcome::OutOfMemory
        );
        assert_eq!(ended(SIGABRT).outcome(refused), Outcome::OutOfMemory);
        assert_eq!(
            ended(SIGABRT).outcome("panicked while panicking"),
            Outcome::Crashed
        );
        assert_eq!(ended(SIGKILL).outcome(refused), Outcome::Crashed);
        assert_eq!(ended(11).outcome(""), Outcome::Crashed);
        let by_kernel = Ended {
            kernel_killed_for_memory: true,
            ..ended(SIGKILL)
        };
        assert_eq!(by_kernel.outcome(""), Outcome::OutOfMemory);
        assert_eq!(
            Ended {
                kernel_killed_for_memory: true,
                ..ended(11)
            }
            .outcome(""),
            Outcome::Crashed
        );
        assert_eq!(
            Ended {
                timed_out: true,
                ..by_kernel
            }
            .outcome(refused),
            Outcome::TimedOut
        );
    }

    #[test]
    fn the_end_is_told_in_words() {
        assert_eq!(
            ended(11).describe(),
            "ended by signal 11 (SIGSEGV) after 1.5 s"
        );
        assert_eq!(ended(3 << 8).describe(), "exited with code 3 after 1.5 s");
    }

    #[test]
    fn kernel_kills_are_read_from_cgroups_and_from_vmstat() {
        assert_eq!(
            parse_kills("low 0\noom 3\noom_kill 2\noom_group_kill 0\n"),
            Some(2)
        );
        assert_eq!(parse_kills("nr_free_pages 1\n"), None);
    }
}
