//! How long each of several calls takes, one after the other, and the percentiles of that.

use crate::phases::Clock;
use std::time::Duration;

/// Below this many calls a 95th percentile is but the largest.
const FEWEST_FOR_P95: usize = 20;

/// How many calls to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Calls before the timed ones, for caches and branch predictors.
    pub warm_up: usize,
    /// Timed calls.
    pub calls: usize,
    /// Begin no timed call after so long; a quarter of it for the warm-up. At least one call of each is made.
    pub limit: Duration,
}

/// What was timed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latencies {
    /// Seconds of each timed call, in order.
    pub seconds: Vec<f64>,
    /// Calls before them.
    pub warm_up: usize,
}

/// Times `call` with the numbers 0, 1, .. after warming up with the same.
///
/// # Errors
/// The first of `call`.
pub fn time_calls<E>(
    clock: &impl Clock,
    timing: Timing,
    mut call: impl FnMut(usize) -> Result<(), E>,
) -> Result<Latencies, E> {
    let mut latencies = Latencies::default();
    let started = clock.now();
    while latencies.warm_up < timing.warm_up {
        call(latencies.warm_up)?;
        latencies.warm_up += 1;
        if clock.now() - started >= timing.limit / 4 {
            break;
        }
    }
    let started = clock.now();
    let mut before = started;
    while latencies.seconds.len() < timing.calls {
        call(latencies.seconds.len())?;
        let now = clock.now();
        latencies.seconds.push((now - before).as_secs_f64());
        before = now;
        if now - started >= timing.limit {
            break;
        }
    }
    Ok(latencies)
}

impl Latencies {
    /// The median, milliseconds.
    pub fn p50_ms(&self) -> Option<f64> {
        self.percentile_ms(0.5)
    }

    /// The 95th percentile, milliseconds; `None` of fewer than 20 calls.
    pub fn p95_ms(&self) -> Option<f64> {
        (self.seconds.len() >= FEWEST_FOR_P95)
            .then(|| self.percentile_ms(0.95))
            .flatten()
    }

    /// Between the two nearest calls by place, as numpy's `percentile` does by default.
    fn percentile_ms(&self, share: f64) -> Option<f64> {
        let mut sorted = self.seconds.clone();
        sorted.sort_by(f64::total_cmp);
        let place = share * sorted.len().checked_sub(1)? as f64;
        let (below, above) = (
            sorted[place.floor() as usize],
            sorted[place.ceil() as usize],
        );
        Some(1e3 * (below + (above - below) * place.fract()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    struct Hand(Cell<Duration>);
    impl Clock for Hand {
        fn now(&self) -> Duration {
            self.0.get()
        }
    }

    /// Calls that take 1, 2, 3, .. ms.
    fn timed(warm_up: usize, calls: usize, limit_ms: u64) -> (Latencies, usize) {
        let (clock, all) = (Hand(Cell::default()), Cell::new(0));
        let timing = Timing {
            warm_up,
            calls,
            limit: Duration::from_millis(limit_ms),
        };
        let latencies = time_calls(&clock, timing, |number| {
            all.set(all.get() + 1);
            clock
                .0
                .set(clock.now() + Duration::from_millis(number as u64 + 1));
            Ok::<_, ()>(())
        });
        (latencies.unwrap(), all.get())
    }

    #[test]
    fn percentiles_are_those_of_numpy_and_leave_the_warm_up_out() {
        let (latencies, all) = timed(20, 200, 1_000_000);
        assert_eq!(
            (latencies.seconds.len(), latencies.warm_up, all),
            (200, 20, 220)
        );
        // numpy.percentile(range(1, 201), [50, 95])
        assert!((latencies.p50_ms().unwrap() - 100.5).abs() < 1e-9);
        assert!((latencies.p95_ms().unwrap() - 190.05).abs() < 1e-9);
        let (few, _) = timed(0, 3, 1_000_000);
        assert!((few.p50_ms().unwrap() - 2.0).abs() < 1e-9);
        assert_eq!(few.p95_ms(), None);
        assert_eq!(Latencies::default().p50_ms(), None);
    }

    #[test]
    fn slow_calls_end_at_the_limit_and_at_least_one_is_timed() {
        // 1 + 2 + 3 + 4 ms are a quarter of 40; 1 + .. + 9 = 45 ms.
        let (latencies, _) = timed(20, 200, 40);
        assert_eq!((latencies.warm_up, latencies.seconds.len()), (4, 9));
        let (latencies, _) = timed(20, 200, 0);
        assert_eq!((latencies.warm_up, latencies.seconds.len()), (1, 1));
    }
}
