//! Resident memory from `/proc` (Linux), heap from the counting allocator.
//!
//! Why not `getrusage`: `ru_maxrss` of a child starts from its parent's peak, and `RUSAGE_CHILDREN` never falls. `VmHWM` belongs to
//! the address space, so a fresh process starts afresh, and writing 5 to `/proc/self/clear_refs` lowers it to what is resident now
//! (proc(5)), which is what lets each phase have a peak of its own. On other systems every figure here is `None`.

use crate::allocator;
use std::fs;

/// Resident memory of a process, from `/proc/<pid>/status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// `VmRSS`: resident now.
    pub now_bytes: Option<u64>,
    /// `VmHWM`: most resident at once since the process started or reset it.
    pub peak_bytes: Option<u64>,
}

/// Resident memory of this process.
pub fn own() -> Resident {
    fs::read_to_string("/proc/self/status")
        .map(|text| parse_status(&text))
        .unwrap_or_default()
}

/// Resident memory of process `pid`; nothing once it has exited.
pub fn of_process(pid: u32) -> Resident {
    fs::read_to_string(format!("/proc/{pid}/status"))
        .map(|text| parse_status(&text))
        .unwrap_or_default()
}

/// Starts a new `VmHWM` of this process from what is resident now. Says whether the kernel did it.
pub fn reset_peak() -> bool {
    fs::write("/proc/self/clear_refs", "5").is_ok()
}

fn parse_status(text: &str) -> Resident {
    let bytes = |field: &str| {
        let rest = text.lines().find_map(|line| line.strip_prefix(field))?;
        let kibibytes = rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
        Some(kibibytes * 1024)
    };
    Resident {
        now_bytes: bytes("VmRSS:"),
        peak_bytes: bytes("VmHWM:"),
    }
}

/// Peaks since the last reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peaks {
    /// Resident memory, `VmHWM`.
    pub rss_bytes: Option<u64>,
    /// Live heap, by the counting allocator.
    pub heap_bytes: Option<u64>,
}

impl Peaks {
    /// The larger of each.
    pub fn max(self, other: Self) -> Self {
        Self {
            // `None < Some(_)`: a measured peak wins over a missing one.
            rss_bytes: self.rss_bytes.max(other.rss_bytes),
            heap_bytes: self.heap_bytes.max(other.heap_bytes),
        }
    }
}

/// Where a [`crate::Recorder`] reads memory; tests put a mock here.
pub trait MemorySource {
    /// Starts new peaks from what is in use now.
    fn reset(&mut self);
    /// Peaks since the last reset.
    fn peaks(&mut self) -> Peaks;
    /// Resident memory now.
    fn resident_bytes(&mut self) -> Option<u64>;
}

/// Memory of the process it is created in.
#[derive(Debug, Default)]
pub struct ProcessMemory {
    /// `VmHWM` at a reset that the kernel refused: until it rises above this, the peak belongs to an earlier phase.
    stale_peak: Option<u64>,
}

impl MemorySource for ProcessMemory {
    fn reset(&mut self) {
        allocator::reset_peak();
        self.stale_peak = if reset_peak() { None } else { own().peak_bytes };
    }

    fn peaks(&mut self) -> Peaks {
        let peak = own().peak_bytes;
        Peaks {
            // Not known is not the same as an earlier phase's peak.
            rss_bytes: peak.filter(|peak| self.stale_peak.is_none_or(|stale| *peak > stale)),
            heap_bytes: allocator::peak_bytes(),
        }
    }

    fn resident_bytes(&mut self) -> Option<u64> {
        own().now_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_read_in_bytes_and_a_missing_field_is_none() {
        let text = "Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t   700 kB\nVmRSS:\t   300 kB\n";
        let expected = Resident {
            now_bytes: Some(300 * 1024),
            peak_bytes: Some(700 * 1024),
        };
        assert_eq!(parse_status(text), expected);
        assert_eq!(parse_status("Name:\tkthread\n"), Resident::default());
    }

    #[test]
    fn a_measured_peak_wins_over_a_missing_one() {
        let known = Peaks {
            rss_bytes: Some(5),
            heap_bytes: None,
        };
        let other = Peaks {
            rss_bytes: None,
            heap_bytes: Some(7),
        };
        assert_eq!(
            known.max(other),
            Peaks {
                rss_bytes: Some(5),
                heap_bytes: Some(7)
            }
        );
    }
}
