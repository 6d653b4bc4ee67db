//! CPU time of this process and of its neighbours: what tells a trial that had the machine to itself from one that shared it.
//!
//! Own time is `getrusage`'s, user and system, of all threads. The machine's is `/proc/stat`'s (proc(5)), over the CPUs that this process may run
//! on: user, nice, system, irq, softirq and steal; idle and iowait leave a CPU free, and guest time is part of user time. What is left of the
//! machine's when our own is taken off is the neighbours'. Where `/proc/stat` cannot be read, or counts nothing, theirs is unknown.

use crate::{allocator, environment};
use std::fs;

/// Above this share of the time that the cores could have given us, neighbours disturb.
const DISTURBING_SHARE: f64 = 0.05;

/// `/proc/stat` counts in these, whatever the kernel's own frequency (USER_HZ).
const TICK_S: f64 = 0.01;

/// Whether neighbours took more than a twentieth of `wall_s` on `cores` cores. Each core's count is cut to whole ticks at both ends and
/// ours is not, so that two ticks a core are no evidence of anybody: within 20 ms nothing is called disturbed.
pub fn is_disturbed(wall_s: f64, other_cpu_s: f64, cores: f64) -> bool {
    other_cpu_s > cores * (DISTURBING_SHARE * wall_s + 2.0 * TICK_S)
}

/// CPU seconds since some fixed moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTimes {
    /// Of this process.
    pub own_s: Option<f64>,
    /// Of everybody, on the CPUs that this process may use.
    pub machine_s: Option<f64>,
}

impl CpuTimes {
    /// Before anything was used.
    pub(crate) const NOTHING: Self = Self {
        own_s: Some(0.0),
        machine_s: Some(0.0),
    };

    /// What was used from `before` on.
    pub(crate) fn since(self, before: Self) -> Self {
        let used = |now: Option<f64>, before: Option<f64>| Some(now? - before?);
        Self {
            own_s: used(self.own_s, before.own_s),
            machine_s: used(self.machine_s, before.machine_s),
        }
    }

    /// What was used in two spans of time. Of a span that was not measured nothing is known, nor of the two.
    pub(crate) fn plus(self, other: Self) -> Self {
        let sum = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
        Self {
            own_s: sum(self.own_s, other.own_s),
            machine_s: sum(self.machine_s, other.machine_s),
        }
    }

    /// Our own part, to the microsecond: no counter knows more.
    pub(crate) fn own_part_s(self) -> Option<f64> {
        Some(rounded(self.own_s?))
    }

    /// The neighbours' part. Rounding of the machine's count may have left less than ours.
    pub(crate) fn other_s(self) -> Option<f64> {
        Some(rounded((self.machine_s? - self.own_s?).max(0.0)))
    }
}

fn rounded(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

/// Where a [`crate::Recorder`] reads CPU time; tests put a mock here.
pub trait CpuSource {
    /// The times until now.
    fn times(&mut self) -> CpuTimes;
    /// Cores that this process may use.
    fn cores(&self) -> Option<f64>;
    /// The system's load average over the last minute.
    fn load1(&self) -> Option<f64>;
}

/// CPU time of the process it is created in.
#[derive(Debug)]
pub struct ProcessCpu {
    /// Numbers of the CPUs that the process may use; `None` where that is not known, and then all count.
    allowed: Option<Vec<usize>>,
}

impl Default for ProcessCpu {
    fn default() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            allowed: allowed_cpus(&status),
        }
    }
}

impl CpuSource for ProcessCpu {
    fn times(&mut self) -> CpuTimes {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        CpuTimes {
            own_s: allocator::process_cpu_seconds(),
            machine_s: busy_seconds(&stat, self.allowed.as_deref()),
        }
    }

    fn cores(&self) -> Option<f64> {
        environment::cores().map(|cores| cores as f64)
    }

    fn load1(&self) -> Option<f64> {
        let text = fs::read_to_string("/proc/loadavg").ok()?;
        text.split_whitespace().next()?.parse().ok()
    }
}

/// Busy seconds of the CPUs in `allowed`; nothing where all counters are 0, as in sandboxes that show none.
fn busy_seconds(stat: &str, allowed: Option<&[usize]>) -> Option<f64> {
    let mut ticks = 0_u64;
    for line in stat.lines() {
        let Some((name, counters)) = line.strip_prefix("cpu").and_then(|l| l.split_once(' '))
        else {
            break;
        };
        // The first line is the sum of all.
        let Ok(number) = name.parse::<usize>() else {
            continue;
        };
        if allowed.is_none_or(|allowed| allowed.contains(&number)) {
            let counters: Vec<u64> = counters
                .split_whitespace()
                .map_while(|counter| counter.parse().ok())
                .collect();
            let [user, nice, system, _idle, _iowait, irq, softirq, rest @ ..] = &counters[..]
            else {
                return None;
            };
            ticks += user + nice + system + irq + softirq + rest.first().unwrap_or(&0);
        }
    }
    (ticks > 0).then_some(ticks as f64 * TICK_S)
}

/// The numbers in `Cpus_allowed_list: 0-3,8`.
fn allowed_cpus(status: &str) -> Option<Vec<usize>> {
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut allowed = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        allowed.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  999 0 0 0 0 0 0 0 0 0\n\
        cpu0 100 20 30 5000 700 4 5 6 90 0\n\
        cpu1 1 1 1 5000 0 0 0 0 0 0\n\
        cpu12 1000 0 0 0 0 0 0 0 0 0\n\
        intr 5 4 3\ncpu7 9 9 9 9 9 9 9 9 9 9\n";

    #[test]
    fn busy_is_what_is_neither_idle_nor_waiting_on_the_cpus_that_may_be_used() {
        assert_eq!(busy_seconds(STAT, None), Some(11.68));
        assert_eq!(busy_seconds(STAT, Some(&[0, 1])), Some(1.68));
        assert_eq!(
            busy_seconds("cpu 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0\n", None),
            None
        );
        assert_eq!(busy_seconds("", None), None);
    }

    #[test]
    fn the_list_of_allowed_cpus_has_ranges_and_numbers() {
        let list = |text: &str| allowed_cpus(&format!("Name:\tx\nCpus_allowed_list:\t{text}\n"));
        assert_eq!(list("0-2,8"), Some(vec![0, 1, 2, 8]));
        assert_eq!(list("5"), Some(vec![5]));
        assert_eq!(list("?"), None);
        assert_eq!(allowed_cpus("Name:\tx\n"), None);
    }

    #[test]
    fn rounding_disturbs_nobody_and_a_twentieth_of_the_cores_does() {
        assert!(!is_disturbed(0.005, 0.04, 2.0), "a trial of a few ms");
        assert!(
            is_disturbed(0.1, 0.1, 2.0),
            "a neighbour on one core of two"
        );
        assert!(!is_disturbed(100.0, 10.0, 2.0), "a twentieth");
        assert!(is_disturbed(100.0, 10.1, 2.0));
        assert!(!is_disturbed(100.0, 10.1, 4.0), "of more cores");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_works_for_some_ms_has_used_as_many() {
        let mut source = ProcessCpu::default();
        let before = source.times();
        let started = std::time::Instant::now();
        let mut sum = 0_u64;
        while started.elapsed().as_millis() < 60 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(7));
        }
        let used = source.times().own_s.unwrap() - before.own_s.unwrap();
        // Less on a machine that others use.
        assert!((0.005..1.0).contains(&used), "{used} s");
    }
}
