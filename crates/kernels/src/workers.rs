//! Keeping the thread pool awake while a model runs, as OpenMP's threads do between two parallel regions.
//!
//! A training step is a few hundred parallel sections of a millisecond or less. A rayon worker that finds nothing to do
//! goes to sleep within microseconds, and waking it costs more than some sections: called from outside the pool, every
//! section wakes two workers, which the scheduler may well put on one core for its whole length (a product of
//! 512 x 384 x 384 then runs at the speed of one thread). Here the caller becomes a worker itself, and the others look for
//! work without sleeping as long as there is some now and then.

mod crowd;

pub(crate) use crowd::at_work;

use rayon::Yield;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a worker looks for work at full speed after it last had some.
const SPIN: Duration = Duration::from_millis(5);
/// How long it naps between two looks afterwards: a phase without parallel work, such as reading files, costs no core.
const NAP: Duration = Duration::from_micros(100);
/// How long it sleeps where it is left out.
const LEFT_OUT: Duration = Duration::from_millis(20);
/// Stack of a worker: that of a main thread.
const STACK_BYTES: usize = 8 << 20;

/// Runs `work` on a worker of the global thread pool and keeps the pool's other workers alert until it returns.
///
/// With one thread (`RAYON_NUM_THREADS=1`), or when called from a worker, this just runs `work`.
pub fn with_awake_workers<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    // A pool that exists already is as good, but for its stacks.
    let _ = rayon::ThreadPoolBuilder::new()
        .stack_size(STACK_BYTES)
        .build_global();
    if rayon::current_num_threads() < 2 || rayon::current_thread_index().is_some() {
        return work();
    }
    rayon::scope(|_| {
        let own = rayon::current_thread_index().expect("a scope runs on a worker");
        let over = Stop(Arc::new(AtomicBool::new(false)));
        let seen = over.0.clone();
        crowd::watch(seen.clone());
        rayon::spawn_broadcast(move |_| {
            // This worker runs `work`; it would find its own copy of the job while it waits for the others.
            if let Some(index) = rayon::current_thread_index().filter(|index| *index != own) {
                look_for_work(&seen, index, own);
            }
        });
        work()
    })
}

/// Ends the watch when `work` returns or panics.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn look_for_work(over: &AtomicBool, index: usize, own: usize) {
    let mut last = Instant::now();
    while !over.load(Ordering::Relaxed) {
        if crowd::is_left_out(index, own) {
            std::thread::sleep(LEFT_OUT);
        } else if rayon::yield_now() == Some(Yield::Executed) {
            last = Instant::now();
        } else if last.elapsed() < SPIN {
            for _ in 0..32 {
                std::hint::spin_loop();
            }
        } else {
            std::thread::sleep(NAP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::with_awake_workers;
    use rayon::prelude::*;
    use std::sync::mpsc;
    use std::time::Duration;

    /// Fails instead of hanging when a worker waits for one that waits for it.
    fn within_a_minute<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(work()));
        receiver
            .recv_timeout(Duration::from_secs(60))
            .expect("the work ends")
    }

    #[test]
    fn work_runs_on_a_worker_with_parallel_sections_inside_and_naps_between_them() {
        let total = within_a_minute(|| {
            with_awake_workers(|| {
                // With a single thread the work runs where it is.
                assert!(
                    rayon::current_thread_index().is_some() || rayon::current_num_threads() < 2
                );
                let sum = || (0..1000u64).into_par_iter().map(|i| i * i).sum::<u64>();
                let first = sum();
                std::thread::sleep(super::SPIN * 3);
                let nested = with_awake_workers(|| rayon::join(sum, sum));
                (first, nested)
            })
        });
        assert_eq!(total, (332_833_500, (332_833_500, 332_833_500)));
    }

    #[test]
    fn a_panic_passes_through_and_the_pool_serves_on() {
        let caught = within_a_minute(|| {
            let caught = std::panic::catch_unwind(|| with_awake_workers(|| panic!("as planned")));
            (
                caught.is_err(),
                with_awake_workers(|| (0..10).into_par_iter().sum::<i32>()),
            )
        });
        assert_eq!(caught, (true, 45));
    }
}
