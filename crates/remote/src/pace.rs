//! When to ask again: when the server says so (Retry-After, RFC 9110 §10.2.3), else after waits that double, each shortened by chance, so that
//! calls that failed together do not come back together.

use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

/// Longer than this nobody waits.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Until when all calls wait.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<Option<Instant>>);

impl Pace {
    /// Waits until calls may be sent.
    pub(crate) fn wait(&self) {
        loop {
            let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            match left.filter(|left| !left.is_zero()) {
                Some(left) => sleep(left),
                None => return,
            }
        }
    }

    /// No call is sent for so long.
    pub(crate) fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Some(held.map_or(until, |before| before.max(until)));
    }
}

/// Before attempt `attempt` + 1: `first` doubled with every attempt, half of it by chance. `draw` is any number that differs from call to call.
pub(crate) fn backoff(first: Duration, attempt: u32, draw: u64) -> Duration {
    const LONGEST: Duration = Duration::from_secs(60);
    let whole = first.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    let whole = whole.min(LONGEST);
    let share = draw.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32; // Fibonacci hashing: 32 bits
    whole.mul_f64(0.5 + 0.5 * share as f64 / f64::from(u32::MAX))
}

/// The wait that a `Retry-After` asks for: seconds, or a date.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds_of_date(value)?);
    Some(at.duration_since(now).unwrap_or_default())
}

/// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7); the two obsolete forms are not read.
fn seconds_of_date(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = text.split_once(", ")?;
    let [day, month, year, clock, "GMT"] = rest.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? as u64 + 1;
    let (day, year): (u64, u64) = (day.parse().ok()?, year.parse().ok()?);
    let clock: Vec<u64> = clock
        .split(':')
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let [hour, minute, second] = clock[..] else {
        return None;
    };
    if !(1970..=9999).contains(&year) || !(1..=31).contains(&day) || hour > 23 || minute > 59 {
        return None;
    }
    // Days since 1970 by years that begin in March, where the leap day is the last.
    let (years, months) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = years * 365 + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day;
    Some((days - 719_469) * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_shortened_by_at_most_half() {
        let first = Duration::from_millis(100);
        for attempt in 1..5 {
            let whole = first * 2_u32.pow(attempt - 1);
            for draw in 0..50 {
                let wait = backoff(first, attempt, draw);
                assert!(wait >= whole / 2 && wait <= whole, "{attempt}: {wait:?}");
            }
            assert_ne!(backoff(first, attempt, 1), backoff(first, attempt, 2));
        }
        assert!(backoff(first, 40, 3) <= Duration::from_secs(60));
    }

    #[test]
    fn a_server_says_when_in_seconds_or_by_a_date() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let seconds = |text: &str, now| retry_after(text, at(now)).map(|wait| wait.as_secs_f64());
        assert_eq!(seconds("7", 0), Some(7.0));
        assert_eq!(seconds(" 0.25 ", 0), Some(0.25));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(seconds(date, 784_111_777 - 40), Some(40.0));
        assert_eq!(seconds(date, 784_111_777 + 40), Some(0.0));
        assert_eq!(
            seconds("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_799),
            Some(1.0)
        );
        let march = "Fri, 01 Mar 2024 00:00:00 GMT";
        assert_eq!(seconds(march, 1_709_251_190), Some(10.0));
        for wrong in [
            "soon",
            "-3",
            "Sun, 06 Nov 1994",
            "Sun, 06 Foo 1994 08:49:37 GMT",
            "NaN",
        ] {
            assert_eq!(seconds(wrong, 0), None, "{wrong}");
        }
    }

    #[test]
    fn a_later_hold_is_not_shortened_by_an_earlier_one() {
        let pace = Pace::default();
        pace.hold(Duration::from_millis(60));
        pace.hold(Duration::from_millis(1));
        let began = Instant::now();
        pace.wait();
        assert!(began.elapsed() >= Duration::from_millis(50));
    }
}
