//! Which arm of one run is which of another: by method and variant, and as much else as tells them apart.

use crate::run::{Arm, Group};
use record::TrialSpec;

/// An arm that both runs have.
#[derive(Clone, Debug)]
pub(super) struct ArmPair<'a> {
    /// Model and task.
    pub(super) title: String,
    /// Name of the arm, as in the first run.
    pub(super) label: String,
    pub(super) first: &'a Arm<'a>,
    pub(super) second: &'a Arm<'a>,
}

/// The arms of two groups.
pub(super) struct Matched<'a> {
    pub(super) pairs: Vec<ArmPair<'a>>,
    pub(super) only_first: Vec<&'a Arm<'a>>,
    pub(super) only_second: Vec<&'a Arm<'a>>,
}

/// How alike two arms of the same method and variant are.
type Alike = fn(&TrialSpec, &TrialSpec) -> bool;

/// From the same in all but the seed to the same method and variant. What differs in a pair is said among the changes.
const ALIKE: [Alike; 5] = [
    |a, b| (&a.device, &a.config, &a.budget) == (&b.device, &b.config, &b.budget),
    |a, b| a.device == b.device && limit(a) == limit(b) && a.config == b.config,
    |a, b| a.device == b.device && limit(a) == limit(b),
    |a, b| a.device == b.device || limit(a) == limit(b),
    |_, _| true,
];

fn limit(spec: &TrialSpec) -> Option<usize> {
    spec.budget.train_limit
}

/// Each arm with at most one: the likest first, of equally like ones in the order of the runs.
pub(super) fn pair<'a>(title: &str, first: &'a Group<'a>, second: &'a Group<'a>) -> Matched<'a> {
    let spec = |arm: &'a Arm<'a>| &arm.trials[0].record.spec;
    let mut partners: Vec<Option<usize>> = vec![None; first.arms.len()];
    for alike in ALIKE {
        for (i, a) in first.arms.iter().enumerate() {
            if partners[i].is_some() {
                continue;
            }
            let is_it = |b: &'a Arm<'a>| {
                let (a, b) = (spec(a), spec(b));
                (&a.method, &a.variant) == (&b.method, &b.variant) && alike(a, b)
            };
            let free = |j: &usize| !partners.contains(&Some(*j));
            partners[i] = (0..second.arms.len())
                .filter(free)
                .find(|j| is_it(&second.arms[*j]));
        }
    }
    let pairs = first.arms.iter().zip(&partners).filter_map(|(a, partner)| {
        Some(ArmPair {
            title: title.to_owned(),
            label: a.label.clone(),
            first: a,
            second: &second.arms[(*partner)?],
        })
    });
    let alone = first.arms.iter().zip(&partners);
    let alone = alone.filter(|(_, partner)| partner.is_none());
    let only_second = second.arms.iter().enumerate();
    let only_second = only_second.filter(|(j, _)| !partners.contains(&Some(*j)));
    Matched {
        pairs: pairs.collect(),
        only_first: alone.map(|(arm, _)| arm).collect(),
        only_second: only_second.map(|(_, arm)| arm).collect(),
    }
}
