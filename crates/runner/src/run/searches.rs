//! Which trial's search chooses the settings of which others. Settings are searched once, by the first seed's trial of a combination, and the
//! other seeds use them: a search costs as much as N seeds, and each seed's test examples are as unseen for the others' choice as for its own.

use crate::plan::matrix::Planned;
use record::TrialSpec;
use std::collections::HashMap;

/// For each trial of a run, by its place, the place of the one that searches for it.
#[derive(Clone, Debug)]
pub(crate) struct Searches(Vec<Option<usize>>);

impl Searches {
    /// Of these trials, in time that grows with their number.
    pub(crate) fn of(trials: &[Planned]) -> Self {
        let mut first: HashMap<String, usize> = HashMap::new();
        let places = trials.iter().enumerate().map(|(place, trial)| {
            if trial.spec.budget.tune == 0 {
                return None;
            }
            let alike = first.entry(combination(&trial.spec)).or_insert(place);
            (*alike != place).then_some(*alike)
        });
        Self(places.collect())
    }

    /// The place of the trial whose choice the one at `place` uses; `None` where it searches itself, or nothing is searched.
    pub(crate) fn for_trial(&self, place: usize) -> Option<usize> {
        self.0[place]
    }

    /// Whether another trial uses the choice of the one at `place`.
    pub(crate) fn used(&self) -> Vec<bool> {
        let mut used = vec![false; self.0.len()];
        for place in self.0.iter().flatten() {
            used[*place] = true;
        }
        used
    }
}

/// All of a spec but the seed.
fn combination(spec: &TrialSpec) -> String {
    let parts = (
        [
            &spec.method,
            &spec.variant,
            &spec.model,
            &spec.task,
            &spec.device,
        ],
        &spec.config,
        &spec.budget,
        [&spec.model_digest, &spec.task_digest],
    );
    serde_json::to_string(&parts).expect("texts, numbers and JSON values serialise")
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::TrialBudget;

    fn planned(method: &str, seed: u64, tune: usize, train_limit: usize) -> Planned {
        Planned {
            id: format!("{method}{seed}"),
            spec: TrialSpec {
                method: method.to_owned(),
                seed,
                budget: TrialBudget {
                    tune,
                    train_limit: Some(train_limit),
                    ..TrialBudget::default()
                },
                ..TrialSpec::default()
            },
        }
    }

    #[test]
    fn other_seeds_use_the_search_of_the_first_and_other_combinations_their_own() {
        let trials = [
            planned("a", 5, 2, 8),
            planned("b", 5, 2, 8),
            planned("b", 7, 2, 8),
            planned("a", 7, 2, 8),
            planned("a", 9, 2, 32),
            planned("a", 9, 2, 8),
        ];
        let searches = Searches::of(&trials);
        let of: Vec<_> = (0..6).map(|place| searches.for_trial(place)).collect();
        assert_eq!(of, [None, None, Some(1), Some(0), None, Some(0)]);
        assert_eq!(searches.used(), [true, true, false, false, false, false]);
        let untuned = [planned("a", 5, 0, 8), planned("a", 7, 0, 8)];
        assert_eq!(Searches::of(&untuned).for_trial(1), None);
    }
}
