//! On which machines the trials of a group ran, and whose times it shows. A median never mixes times of unlike machines: a group shows those of the
//! kind that timed most of its trials, and `times.csv` has every kind apart. Accuracies are of all trials, wherever they ran.

use crate::costs::Costs;
use crate::run::{Arm, Group, Run};
use crate::summary::ArmSummary;
use record::{Machine, RunInfo, TrialRecord};
use std::collections::BTreeMap;

/// What the trials without a machine on record ran on: the machine that began the run, as far as `run.json` tells.
pub(crate) fn own(info: &RunInfo) -> Option<String> {
    let machine = Machine {
        cpu: info.cpu.clone(),
        cores: info.cores,
        ..Machine::default()
    };
    machine.kind()
}

/// The kind of machine that a trial ran on.
pub(crate) fn kind(record: &TrialRecord, own: Option<&str>) -> Option<String> {
    match &record.machine {
        Some(machine) => machine.kind(),
        None => own.map(str::to_owned),
    }
}

/// The kinds of machines of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Machines {
    own: Option<String>,
    /// With the finished trials that each ran, the one with most first, of equals in the order of their text.
    kinds: Vec<(Option<String>, usize)>,
}

impl Machines {
    pub(crate) fn of(run: &Run, group: &Group<'_>) -> Self {
        Self::among(own(&run.info), group.arms.iter())
    }

    fn among<'a>(own: Option<String>, arms: impl Iterator<Item = &'a Arm<'a>>) -> Self {
        let mut counts: BTreeMap<Option<String>, usize> = BTreeMap::new();
        for trial in arms.flat_map(Arm::finished) {
            *counts
                .entry(kind(&trial.record, own.as_deref()))
                .or_default() += 1;
        }
        let mut kinds: Vec<_> = counts.into_iter().collect();
        kinds.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        Self { own, kinds }
    }

    /// Whether there are several.
    pub(crate) fn differ(&self) -> bool {
        self.kinds.len() > 1
    }

    /// Whether a trial's times are among those shown.
    pub(crate) fn is_shown(&self, record: &TrialRecord) -> bool {
        let shown = || self.kinds.first().map(|(kind, _)| kind);
        !self.differ() || shown() == Some(&kind(record, self.own.as_deref()))
    }

    /// The machines in words, where there are several.
    pub(crate) fn note(&self, arms: &[ArmSummary]) -> Option<String> {
        let ((shown, n), others) = self.kinds.split_first().filter(|_| self.differ())?;
        let all: usize = self.kinds.iter().map(|(_, n)| n).sum();
        let others: Vec<String> = others
            .iter()
            .map(|(kind, n)| format!("{} ({n})", in_words(kind)))
            .collect();
        let without = arms
            .iter()
            .filter(|arm| arm.finished > 0 && arm.elsewhere.len() == arm.finished);
        let without: Vec<&str> = without.map(|arm| arm.label.as_str()).collect();
        let without = if without.is_empty() {
            String::new()
        } else {
            format!(
                "; no trial of {} ran there, and no times are shown",
                without.join(", ")
            )
        };
        Some(format!(
            "the trials ran on unlike machines: times are those of the {n} of {all} trials on {}{without}; the others ran on {} and are apart, in \
             times.csv; accuracies are of all",
            in_words(shown),
            others.join(", ")
        ))
    }
}

fn in_words(kind: &Option<String>) -> &str {
    kind.as_deref().unwrap_or("a machine that is not on record")
}

/// Seeds of an arm whose times are those of another kind of machine than the group's.
pub(crate) fn elsewhere(arm: &Arm<'_>, machines: &Machines) -> Vec<u64> {
    let finished = arm.finished().map(|trial| &trial.record);
    let others = finished.filter(|record| !machines.is_shown(record));
    others.map(|record| record.spec.seed).collect()
}

/// The kind that ran most trials in both of two arms, of equals the first in the order of their text; `None` where they share none.
pub(crate) fn common(
    first: (&Arm<'_>, Option<&str>),
    second: (&Arm<'_>, Option<&str>),
) -> Option<Option<String>> {
    let [a, b] = [first, second]
        .map(|(arm, own)| Machines::among(own.map(str::to_owned), std::iter::once(arm)).kinds);
    let in_both = a.iter().filter_map(|(kind, n)| {
        let (_, m) = b.iter().find(|(other, _)| other == kind)?;
        Some((kind, *n.min(m)))
    });
    let most = in_both.reduce(|best, next| if next.1 > best.1 { next } else { best });
    most.map(|(kind, _)| kind.clone())
}

/// `times.csv`: one row for each way of adapting and kind of machine, of the groups that have several; `None` where none has.
pub(crate) fn times_csv(run: &Run) -> Option<Vec<u8>> {
    let mut rows = Vec::new();
    for group in &run.groups() {
        let machines = Machines::of(run, group);
        if machines.differ() {
            let arms = group.arms.iter();
            rows.extend(arms.flat_map(|arm| of_arm(group, arm, &machines)));
        }
    }
    let first = ["model", "task", "train_limit", "label", "machine", "trials"];
    let first = first.map(str::to_owned).into_iter();
    let spreads = Costs::names_of_times()
        .into_iter()
        .flat_map(|name| ["median", "min", "max"].map(|end| format!("{name}_{end}")));
    let header: Vec<String> = first.chain(spreads).collect();
    (!rows.is_empty()).then(|| record::table_csv(&header, rows))
}

fn of_arm(group: &Group<'_>, arm: &Arm<'_>, machines: &Machines) -> Vec<Vec<String>> {
    let of_kind = |(kind_shown, _): &(Option<String>, usize)| {
        let is_it = |record: &TrialRecord| kind(record, machines.own.as_deref()) == *kind_shown;
        let n = arm.finished().filter(|trial| is_it(&trial.record)).count();
        let named = [
            group.model.to_owned(),
            group.task.to_owned(),
            group.train_limit.map_or(String::new(), |n| n.to_string()),
            arm.label.clone(),
            kind_shown.clone().unwrap_or_default(),
            n.to_string(),
        ];
        let times = Costs::timed(arm, &is_it).times().into_iter();
        let cell = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
        let spreads = times.flat_map(|spread| {
            [
                spread.map(|s| s.median),
                spread.map(|s| s.min),
                spread.map(|s| s.max),
            ]
            .map(cell)
        });
        (n > 0).then(|| named.into_iter().chain(spreads).collect())
    };
    machines.kinds.iter().filter_map(of_kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{Outcome, Trial, TrialSpec};

    fn trial(seed: u64, machine: Option<(&str, &str)>, seconds: f64) -> Trial {
        let spec = TrialSpec {
            seed,
            ..TrialSpec::default()
        };
        let mut record = TrialRecord::unmeasured("t".to_owned(), spec, Outcome::Finished);
        record.train_s = Some(seconds);
        record.train_peak_rss_bytes = Some(seconds as u64);
        record.machine = machine.map(|(host, cpu)| Machine {
            host: Some(host.to_owned()),
            cpu: Some(cpu.to_owned()),
            ..Machine::default()
        });
        Trial {
            record,
            predictions: None,
        }
    }

    fn arm<'a>(label: &str, trials: &[&'a Trial]) -> Arm<'a> {
        Arm {
            label: label.to_owned(),
            trials: trials.to_vec(),
        }
    }

    #[test]
    fn a_median_of_times_is_of_the_machines_that_timed_most_and_memory_is_of_all() {
        let fast = [
            trial(0, Some(("a", "fast")), 1.0),
            trial(1, Some(("b", "fast")), 3.0),
        ];
        let slow = trial(2, Some(("c", "slow")), 40.0);
        let arms = [arm("x", &[&fast[0], &fast[1], &slow]), arm("y", &[&slow])];
        let machines = Machines::among(None, arms.iter());
        let costs = Costs::timed(&arms[0], &|record| machines.is_shown(record));
        assert_eq!(costs.train_s.map(|s| (s.median, s.n)), Some((2.0, 2)));
        assert_eq!(costs.train_peak_rss_bytes.map(|s| s.n), Some(3));
        assert_eq!(elsewhere(&arms[0], &machines), [2]);
        let none = Costs::timed(&arms[1], &|record| machines.is_shown(record));
        assert_eq!((none.train_s, none.adapt_s), (None, None));
        let summaries: Vec<ArmSummary> = arms
            .iter()
            .map(|arm| ArmSummary {
                label: arm.label.clone(),
                finished: arm.trials.len(),
                elsewhere: elsewhere(arm, &machines),
                ..ArmSummary::default()
            })
            .collect();
        let note = machines.note(&summaries).unwrap();
        for part in ["2 of 4 trials on fast", "no trial of y ran", "slow (2)"] {
            assert!(note.contains(part), "{part} is missing in {note}");
        }
    }

    #[test]
    fn equal_machines_of_other_names_are_one_kind_and_earlier_records_are_the_runs_own() {
        let trials = [
            trial(0, Some(("a", "fast")), 1.0),
            trial(1, Some(("b", "fast")), 3.0),
        ];
        let old = trial(2, None, 5.0);
        let arms = [arm("x", &[&trials[0], &trials[1], &old])];
        assert!(!Machines::among(Some("fast".to_owned()), arms.iter()).differ());
        let other = Machines::among(Some("slow".to_owned()), arms.iter());
        assert!(other.differ() && !other.is_shown(&old.record));
    }

    #[test]
    fn two_runs_compare_times_on_the_kind_that_both_used_most() {
        let on = |cpu, seeds: std::ops::Range<u64>| -> Vec<Trial> {
            seeds
                .map(|seed| trial(seed, Some(("h", cpu)), 1.0))
                .collect()
        };
        let (a, b, c) = (on("a", 0..4), on("b", 4..6), on("c", 0..9));
        let of = |parts: &[&'static str]| -> Vec<&Trial> {
            let all = [("a", &a), ("b", &b), ("c", &c)].into_iter();
            let kept = all.filter(|(name, _)| parts.contains(name));
            kept.flat_map(|(_, trials)| trials).collect()
        };
        let common = |first: &[&'static str], second: &[&'static str]| {
            let [first, second] = [first, second].map(|parts| arm("x", &of(parts)));
            super::common((&first, None), (&second, None))
        };
        assert_eq!(common(&["a", "b"], &["b", "c"]), Some(Some("b".to_owned())));
        assert_eq!(common(&["a", "b"], &["a", "b"]), Some(Some("a".to_owned())));
        assert_eq!(common(&["a"], &["c"]), None);
    }
}
