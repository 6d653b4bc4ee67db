//! The trials of a run that are still to run, handed out in order; one that uses another's search only when that one has ended.

use crate::run::searches::Searches;
use std::collections::{BTreeSet, HashMap};

/// What is to run, by places among the run's trials.
#[derive(Debug)]
pub(crate) struct Ready {
    now: BTreeSet<usize>,
    /// Those that wait, by the trial they wait for.
    after: HashMap<usize, Vec<usize>>,
}

impl Ready {
    /// Of the `waiting` trials. One whose search is not among them does not wait: that search has ended.
    pub(crate) fn new(waiting: &[usize], searches: &Searches) -> Self {
        let all: BTreeSet<usize> = waiting.iter().copied().collect();
        let mut ready = Self {
            now: BTreeSet::new(),
            after: HashMap::new(),
        };
        for &place in waiting {
            match searches
                .for_trial(place)
                .filter(|search| all.contains(search))
            {
                Some(search) => ready.after.entry(search).or_default().push(place),
                None => {
                    ready.now.insert(place);
                }
            }
        }
        ready
    }

    /// The next trial that can begin.
    pub(crate) fn next(&mut self) -> Option<usize> {
        self.now.pop_first()
    }

    /// A trial has ended, however it did: those that waited for it can begin.
    pub(crate) fn ended(&mut self, place: usize) {
        self.now
            .extend(self.after.remove(&place).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::matrix::Planned;
    use record::{TrialBudget, TrialSpec};

    #[test]
    fn trials_come_in_order_and_after_the_search_they_use() {
        let trial = |seed| Planned {
            id: format!("t{seed}"),
            spec: TrialSpec {
                seed,
                budget: TrialBudget {
                    tune: 3,
                    ..TrialBudget::default()
                },
                ..TrialSpec::default()
            },
        };
        let trials: Vec<Planned> = (0..4).map(trial).collect();
        let searches = Searches::of(&trials);
        let mut ready = Ready::new(&[0, 1, 3], &searches);
        assert_eq!((ready.next(), ready.next()), (Some(0), None));
        ready.ended(0);
        assert_eq!(
            (ready.next(), ready.next(), ready.next()),
            (Some(1), Some(3), None)
        );
        let mut continued = Ready::new(&[2, 3], &searches);
        assert_eq!((continued.next(), continued.next()), (Some(2), Some(3)));
    }
}
