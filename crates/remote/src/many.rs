//! Many calls, some of them at a time.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The results of `ask` for 0 to `n` - 1, `at_once` of them under way at a time.
///
/// # Errors
/// The first error; calls under way end, and no others begin.
pub fn ask_all<T: Send, E: Send>(
    n: usize,
    at_once: NonZeroUsize,
    ask: impl Fn(usize) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results: Mutex<Vec<Option<T>>> = Mutex::new((0..n).map(|_| None).collect());
    let failure: Mutex<Option<E>> = Mutex::new(None);
    let work = || {
        while !stopped.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= n {
                return;
            }
            match ask(number) {
                Ok(result) => locked(&results)[number] = Some(result),
                Err(error) => {
                    stopped.store(true, Ordering::Relaxed);
                    locked(&failure).get_or_insert(error);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        (0..at_once.get().min(n)).for_each(|_| {
            scope.spawn(work);
        });
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => {
            let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
            Ok(results.into_iter().flatten().collect())
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const THREE: NonZeroUsize = NonZeroUsize::new(3).unwrap();

    #[test]
    fn results_come_in_order_and_no_more_are_under_way_than_allowed() {
        let (under_way, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let results = ask_all(17, THREE, |number| {
            most.fetch_max(
                under_way.fetch_add(1, Ordering::SeqCst) + 1,
                Ordering::SeqCst,
            );
            std::thread::sleep(Duration::from_millis(2 * (number as u64 % 3)));
            under_way.fetch_sub(1, Ordering::SeqCst);
            Ok::<_, ()>(number * number)
        });
        assert_eq!(results.unwrap(), (0..17).map(|n| n * n).collect::<Vec<_>>());
        assert_eq!(most.into_inner(), 3);
    }

    #[test]
    fn an_error_ends_what_has_not_begun() {
        let begun = AtomicUsize::new(0);
        let failed = ask_all(1000, THREE, |number| {
            begun.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(1));
            if number == 5 { Err(number) } else { Ok(()) }
        });
        assert_eq!(failed, Err(5));
        assert!(begun.into_inner() < 20);
    }
}
