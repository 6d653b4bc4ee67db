//! What a reader of a group's results must know beside them: of its data, its model, the methods that are missing, and how much of the texts
//! was read. Each is said once for the group, not once a trial.

use crate::costs::Costs;
use crate::escape::one_line;
use crate::machines::Machines;
use crate::run::{Arm, Group, Run};
use crate::summary::GroupSummary;
use crate::units;
use record::{CutTexts, Trial};
use serde_json::Value;
use std::collections::BTreeSet;

/// The notes on a group, each a sentence without its full stop.
pub(crate) fn of_group(run: &Run, group: &Group<'_>, machines: &Machines) -> Vec<String> {
    let mut notes = Vec::new();
    let mut add = |note: String| {
        let note = one_line(note.trim_end_matches('.'));
        if !notes.contains(&note) {
            notes.push(note);
        }
    };
    let trials = || group.arms.iter().flat_map(|arm| arm.trials.iter().copied());
    let of_run = &run.info.notes;
    let of_task = of_run.tasks.get(group.task).into_iter().flatten().cloned();
    of_task.for_each(&mut add);
    trials()
        .flat_map(|trial| trial.record.all_notes().task)
        .for_each(&mut add);
    of_draws(group).into_iter().for_each(&mut add);
    let of_model = of_run
        .models
        .get(group.model)
        .into_iter()
        .flatten()
        .cloned();
    let of_trials = trials().flat_map(|trial| trial.record.all_notes().model);
    of_model
        .chain(of_trials)
        .map(|note| format!("model: {note}"))
        .for_each(&mut add);
    let left_out = of_run
        .left_out
        .iter()
        .filter(|left_out| left_out.model == group.model);
    left_out
        .map(|left_out| format!("{} is left out: {}", left_out.method, left_out.reason))
        .for_each(&mut add);
    of_reading(group).into_iter().for_each(&mut add);
    lost_predictions(group).into_iter().for_each(&mut add);
    not_measured(group).into_iter().for_each(&mut add);
    of_neighbours(group, machines)
        .into_iter()
        .for_each(&mut add);
    notes
}

/// What the accuracies themselves say: seeds that fell far below the others, and what one seed cannot tell.
pub(crate) fn of_standings(group: &GroupSummary) -> Vec<String> {
    let far = group.arms.iter().flat_map(|arm| {
        let seeds = arm.unstable.iter();
        seeds.map(|(seed, accuracy)| {
            let at = units::percent(*accuracy);
            one_line(&format!(
                "{} is unstable: seed {seed} at {at}, far below its other seeds",
                arm.label
            ))
        })
    });
    let mut notes: Vec<String> = far.collect();
    let seeds = group
        .arms
        .iter()
        .filter_map(|arm| Some(arm.accuracy?.seeds));
    if seeds.max() == Some(1) && group.arms.len() > 1 {
        notes.push(
            "one seed: the seeds' variation is unknown; intervals and comparisons (McNemar's test) are over the test examples alone, and no method \
             is called as good as the best"
                .to_owned(),
        );
    }
    notes
}

/// What is noted on the examples drawn, with the draws it holds for where these are not all.
fn of_draws(group: &Group<'_>) -> Vec<String> {
    type Draw = (Option<u64>, u64);
    let mut all: BTreeSet<Draw> = BTreeSet::new();
    let mut noted: Vec<(String, BTreeSet<Draw>)> = Vec::new();
    for trial in group.arms.iter().flat_map(|arm| &arm.trials) {
        let record = &trial.record;
        let draw = (record.n_train, record.spec.seed);
        // A trial that ended before its draw knows nothing of it.
        if record.n_train.is_some() {
            all.insert(draw);
        }
        for note in &record.notes.draw {
            match noted.iter_mut().find(|(other, _)| other == note) {
                Some((_, draws)) => {
                    draws.insert(draw);
                }
                None => noted.push((note.clone(), BTreeSet::from([draw]))),
            }
        }
    }
    let of = |(note, draws): (String, BTreeSet<Draw>)| {
        if draws == all {
            return note;
        }
        let sizes: BTreeSet<u64> = draws.iter().filter_map(|(n, _)| *n).collect();
        let several_sizes = all
            .iter()
            .any(|(n, _)| *n != all.first().and_then(|(n, _)| *n));
        let seeds: BTreeSet<u64> = draws.iter().map(|(_, seed)| *seed).collect();
        let all_seeds: BTreeSet<u64> = all.iter().map(|(_, seed)| *seed).collect();
        let mut which = Vec::new();
        if several_sizes {
            which.push(format!("n = {}", listed(&sizes)));
        }
        if seeds != all_seeds {
            let s = if seeds.len() == 1 { "" } else { "s" };
            which.push(format!("seed{s} {}", listed(&seeds)));
        }
        match which.is_empty() {
            true => note,
            false => format!("{note} ({})", which.join(", ")),
        }
    };
    noted.into_iter().map(of).collect()
}

fn listed(numbers: &BTreeSet<u64>) -> String {
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    numbers.join(", ")
}

/// How much an arm read, over its seeds.
#[derive(Clone, Debug, PartialEq)]
enum Read {
    Whole,
    UpTo {
        longest: Range,
        asked: Option<u64>,
        /// Train, validation, test: texts cut, and texts.
        splits: [(Range, Range); 3],
    },
    /// Of records that did not count the test: training and validation texts that were cut, together.
    BeforeTest {
        asked: Option<u64>,
        cut: Range,
    },
}

type Range = (u64, u64);

/// One sentence for all arms that read alike.
fn of_reading(group: &Group<'_>) -> Vec<String> {
    let mut alike: Vec<(Read, Vec<&str>)> = Vec::new();
    for arm in &group.arms {
        let Some(read) = read_by(arm) else { continue };
        match alike.iter_mut().find(|(other, _)| *other == read) {
            Some((_, labels)) => labels.push(&arm.label),
            None => alike.push((read, vec![&arm.label])),
        }
    }
    alike.sort_by_key(|(read, _)| *read == Read::Whole);
    let something_cut = alike.iter().any(|(read, _)| read.cuts());
    let said = |(read, labels): &(Read, Vec<&str>)| read.said(&labels.join(", "), something_cut);
    alike.iter().filter_map(said).collect()
}

fn read_by(arm: &Arm<'_>) -> Option<Read> {
    let asked = arm.trials[0].record.spec.budget.training.get("max_length");
    let asked = asked.and_then(Value::as_u64);
    let readings = arm.trials.iter().filter_map(|trial| trial.record.reading);
    let readings: Vec<_> = readings.collect();
    if readings.is_empty() {
        let old = |trial: &&Trial| trial.record.details.get("truncated_texts")?.as_u64();
        let cut = range(arm.trials.iter().filter_map(old))?;
        return Some(Read::BeforeTest { asked, cut });
    }
    let Some(longest) = range(readings.iter().filter_map(|reading| reading.longest)) else {
        return Some(Read::Whole);
    };
    let split = |of: fn(&record::Reading) -> CutTexts| {
        let cut = range(readings.iter().map(|reading| of(reading).cut));
        let texts = range(readings.iter().map(|reading| of(reading).texts));
        (cut.unwrap_or_default(), texts.unwrap_or_default())
    };
    let splits = [
        split(|r| r.train),
        split(|r| r.validation),
        split(|r| r.test),
    ];
    Some(Read::UpTo {
        longest,
        asked,
        splits,
    })
}

fn range(values: impl Iterator<Item = u64> + Clone) -> Option<Range> {
    Some((values.clone().min()?, values.max()?))
}

fn to(range: Range) -> String {
    match range {
        (low, high) if low == high => low.to_string(),
        (low, high) => format!("{low} to {high}"),
    }
}

impl Read {
    fn cuts(&self) -> bool {
        match self {
            Self::Whole => false,
            Self::UpTo { splits, .. } => splits.iter().any(|(cut, _)| cut.1 > 0),
            Self::BeforeTest { cut, .. } => cut.1 > 0,
        }
    }

    /// The sentence on the arms `labels`. That some read texts whole matters where others do not.
    fn said(&self, labels: &str, something_cut: bool) -> Option<String> {
        match self {
            Self::Whole => something_cut.then(|| format!("texts are read whole by {labels}")),
            Self::UpTo { longest, asked, .. } if !self.cuts() => Some(format!(
                "no text is longer than the {} tokens{} that are read by {labels}",
                to(*longest),
                length_asked(*longest, *asked)
            )),
            Self::UpTo {
                longest,
                asked,
                splits,
            } => {
                let names = ["train", "validation", "test"].into_iter();
                let counts = names.zip(splits).map(|(name, (cut, texts))| {
                    format!("{} of {} in {name}", to(*cut), to(*texts))
                });
                Some(format!(
                    "texts are cut to {} tokens{} by {labels}: {}",
                    to(*longest),
                    length_asked(*longest, *asked),
                    counts.collect::<Vec<_>>().join(", ")
                ))
            }
            Self::BeforeTest { asked, cut } => {
                let asked = asked
                    .map(|n| format!(" (--max-length {n})"))
                    .unwrap_or_default();
                Some(format!(
                    "texts are cut{asked} by {labels}: {} in train and validation together; in test they were not counted",
                    to(*cut)
                ))
            }
        }
    }
}

/// Where the length read is not the one asked for: both, and what takes the rest.
fn length_asked(longest: Range, asked: Option<u64>) -> String {
    match asked {
        Some(asked) if longest == (asked, asked) => " (--max-length)".to_owned(),
        Some(asked) => format!(
            " (--max-length is {asked}; the model's window and what stands around a text leave less)"
        ),
        None => String::new(),
    }
}

/// Costs of use that could not be measured, and why.
fn not_measured(group: &Group<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    for arm in &group.arms {
        for (name, reason) in arm.trials.iter().flat_map(|trial| &trial.record.details) {
            if let (Some(cost), Some(reason)) =
                (name.strip_suffix("_not_measured"), reason.as_str())
            {
                notes.push(format!(
                    "{cost} of {} was not measured: {reason}",
                    arm.label
                ));
            }
        }
    }
    notes
}

/// Arms with trials whose times other processes disturbed: what of them counts.
fn of_neighbours(group: &Group<'_>, machines: &Machines) -> Vec<String> {
    let (mut some, mut all) = (Vec::new(), Vec::new());
    for arm in &group.arms {
        match Costs::timed(arm, &|record| machines.is_shown(record)).neighbours {
            Some(n) if n.disturbed == n.trials => {
                all.push(format!("{} ({})", arm.label, n.trials));
            }
            Some(n) if n.disturbed > 0 => {
                some.push(format!("{} {} of {}", arm.label, n.disturbed, n.trials));
            }
            _ => {}
        }
    }
    let mut notes = Vec::new();
    if !some.is_empty() {
        notes.push(format!(
            "trainings beside which other processes took more than 5 % of the cores' time are left out of the times: {}; `run --retime` repeats them",
            some.join(", ")
        ));
    }
    if !all.is_empty() {
        notes.push(format!(
            "beside every training of these methods other processes took more than 5 % of the cores' time, so that their times are those of a shared \
             machine: {}; `run --retime` repeats them",
            all.join(", ")
        ));
    }
    notes
}

/// Trials whose predictions are on record and not at hand.
fn lost_predictions(group: &Group<'_>) -> Option<String> {
    let trials = group.arms.iter().flat_map(|arm| &arm.trials);
    let lost = trials.filter(|t| t.predictions.is_none() && t.record.predictions_digest.is_some());
    match lost.count() {
        0 => None,
        n => Some(format!(
            "predictions.csv is missing for {n} of the trials: intervals are wider, and nothing is paired"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::{Outcome, TrialRecord, TrialSpec};

    fn trial(disturbed: Option<bool>) -> Trial {
        Trial {
            record: TrialRecord {
                disturbed,
                ..TrialRecord::unmeasured("t".into(), TrialSpec::default(), Outcome::Finished)
            },
            predictions: None,
        }
    }

    fn group<'a>(arms: &[(&str, &[&'a Trial])]) -> Group<'a> {
        let arm = |(label, trials): &(&str, &[&'a Trial])| Arm {
            label: (*label).to_owned(),
            trials: trials.to_vec(),
        };
        Group {
            model: "m",
            task: "t",
            model_digest: "",
            task_digest: "",
            train_limit: None,
            point: None,
            model_name: String::new(),
            task_name: String::new(),
            slug: String::new(),
            arms: arms.iter().map(arm).collect(),
        }
    }

    #[test]
    fn what_neighbours_disturbed_is_said_by_method_and_silence_means_none() {
        let (quiet, busy, unknown) = (trial(Some(false)), trial(Some(true)), trial(None));
        let of = |arms: &[(&str, &[&Trial])]| of_neighbours(&group(arms), &Machines::default());
        let notes = of(&[
            ("lora", &[&quiet, &busy, &quiet]),
            ("knn", &[&busy, &busy]),
            ("ia3", &[&quiet, &unknown]),
        ]);
        assert_eq!(notes.len(), 2, "{notes:?}");
        assert!(
            notes[0].contains("left out of the times: lora 1 of 3;"),
            "{notes:?}"
        );
        assert!(notes[1].contains("machine: knn (2);"), "{notes:?}");
        assert!(of(&[("ia3", &[&quiet, &unknown])]).is_empty());
    }

    #[test]
    fn a_cost_that_was_not_measured_has_its_reason_beside_the_table() {
        let mut trial = trial(None);
        let reason = "logits are apart".into();
        trial
            .record
            .details
            .insert("predict_merged_ms_not_measured".to_owned(), reason);
        let notes = not_measured(&group(&[("lora", &[&trial])]));
        assert_eq!(
            notes,
            ["predict_merged_ms of lora was not measured: logits are apart"]
        );
    }
}
