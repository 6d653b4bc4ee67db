//! Leaving processors to other programs that keep them busy.
//!
//! A worker that shares its core with a busy neighbour is off it half of the time, in slices of milliseconds, and a section of the work ends with its
//! slowest part: the other workers wait for it, and spin meanwhile. On two cores with one busy neighbour a training step takes over four times as long
//! as alone. One worker less, and every other one has a core to itself: less than twice as long. So a thread of its own looks now and then how many
//! processors others use (`/proc/stat` less this process's own time), and so many workers are left out. No digit of what is computed depends on it.
//! Where the neighbours cannot be seen, every worker works.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// How often the neighbours are looked at. The kernel counts in hundredths of a second: over less it would be noise.
const LOOK: Duration = Duration::from_millis(250);

static LEFT_OUT: AtomicUsize = AtomicUsize::new(0);

/// Workers of the pool that work.
pub(crate) fn at_work() -> usize {
    let workers = rayon::current_num_threads();
    workers - left_out(workers)
}

/// How many of `workers` are left out: never all.
fn left_out(workers: usize) -> usize {
    LEFT_OUT
        .load(Ordering::Relaxed)
        .min(workers.saturating_sub(1))
}

/// Whether the worker `index` is left out, where the worker `own` never is.
pub(super) fn is_left_out(index: usize, own: usize) -> bool {
    let workers = rayon::current_num_threads();
    is_among_last(index, own, workers, left_out(workers))
}

/// Whether the worker `index` of `workers` is among the last `out`, `own` put first.
fn is_among_last(index: usize, own: usize, workers: usize, out: usize) -> bool {
    let rank = if index > own { index } else { index + 1 };
    rank >= workers - out
}

/// Looks at the neighbours until `over`.
pub(super) fn watch(over: Arc<AtomicBool>) {
    thread::spawn(move || {
        let mut before = Usage::now();
        while let Some(last) = before
            && !over.load(Ordering::Relaxed)
        {
            thread::sleep(LOOK);
            before = Usage::now();
            if let Some(now) = &before {
                let others = now.others_since(&last);
                LEFT_OUT.store(others.max(0.0).round() as usize, Ordering::Relaxed);
            }
        }
        LEFT_OUT.store(0, Ordering::Relaxed);
    });
}

/// Processor time of the machine and of this process.
struct Usage {
    at: Instant,
    busy_s: f64,
    own_s: f64,
}

impl Usage {
    fn now() -> Option<Self> {
        let [stat, own] = ["/proc/stat", "/proc/self/stat"].map(fs::read_to_string);
        Some(Self {
            at: Instant::now(),
            busy_s: busy_seconds(&stat.ok()?)?,
            own_s: own_seconds(&own.ok()?)?,
        })
    }

    /// Processors that others used in between, on average.
    fn others_since(&self, before: &Self) -> f64 {
        let others = (self.busy_s - before.busy_s) - (self.own_s - before.own_s);
        others / (self.at - before.at).as_secs_f64()
    }
}

/// USER_HZ, in which `/proc` counts whatever the kernel's own clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// All that is neither idle nor waiting for a disk, of the line `cpu` of `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal.
fn busy_seconds(stat: &str) -> Option<f64> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks = fields.split_whitespace().take(8);
    let ticks: Vec<u64> = ticks.map_while(|ticks| ticks.parse().ok()).collect();
    let busy = ticks
        .iter()
        .enumerate()
        .filter(|(i, _)| !matches!(i, 3 | 4));
    (ticks.len() == 8).then(|| busy.map(|(_, ticks)| *ticks as f64).sum::<f64>() / TICKS_PER_SECOND)
}

/// Fields 14 and 15 of `/proc/self/stat`: user and system time. The name before them may hold spaces and brackets.
fn own_seconds(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_time_leaves_out_idle_and_waiting_for_disks() {
        let stat = "cpu  100 20 30 9999 8888 4 5 6 700 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(busy_seconds(stat), Some(1.65));
        assert_eq!(busy_seconds("cpu  1 2 3\n"), None);
        assert_eq!(busy_seconds(""), None);
    }

    #[test]
    fn own_time_is_found_behind_a_name_with_brackets() {
        let numbers = (4..=52).map(|n| (100 * n).to_string()).collect::<Vec<_>>();
        let stat = format!("17 (a) R (b) S {}\n", numbers.join(" "));
        assert_eq!(own_seconds(&stat), Some(14.0 + 15.0));
        assert_eq!(own_seconds("17 (a) S 1 2"), None);
    }

    #[test]
    fn what_others_used_is_what_this_process_did_not() {
        let at = Instant::now();
        let usage = |seconds, busy_s, own_s| Usage {
            at: at + Duration::from_secs(seconds),
            busy_s,
            own_s,
        };
        let others = usage(12, 33.0, 9.0).others_since(&usage(10, 30.0, 7.0));
        assert_eq!(others, 0.5);
    }

    #[test]
    fn as_many_as_others_use_processors_are_left_out_but_never_the_worker_that_runs_the_work() {
        for own in 0..4 {
            for out in 0..4 {
                let left_out = (0..4)
                    .filter(|index| *index != own && is_among_last(*index, own, 4, out))
                    .count();
                assert_eq!(left_out, out, "the work is on {own}");
            }
        }
    }
}
