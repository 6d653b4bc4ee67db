//! `run --retime`: trials whose times neighbours disturbed are run again beside the run, and take over the new times where these are quieter.

use crate::plan::matrix::Planned;
use crate::run::job::Searched;
use crate::run::progress::Progress;
use crate::run::run_dir::RunDir;
use anyhow::Context;
use record::{Outcome, Retimed, TrialRecord, store};
use report::units;
use std::fs;
use std::path::Path;

/// Where second attempts are made, within a run's directory; gone when they have ended.
const PLACE: &str = ".retime";

/// Runs those of `trials` again whose records have disturbed times. `run` makes an attempt in a directory of its own, with what the trial's search
/// had found.
///
/// # Errors
/// A directory that cannot be written; what `run` says.
pub(crate) fn retime(
    dir: &RunDir,
    trials: &[Planned],
    records: &mut [TrialRecord],
    progress: &Progress,
    mut run: impl FnMut(&Path, &Planned, Option<Searched>) -> anyhow::Result<TrialRecord>,
) -> anyhow::Result<()> {
    let disturbed: Vec<usize> = (0..records.len())
        .filter(|&i| is_disturbed(&records[i]))
        .collect();
    if disturbed.is_empty() {
        progress.line("no trial on record was disturbed: there is nothing to time again");
        return Ok(());
    }
    let place = dir.path.join(PLACE);
    for (number, &i) in disturbed.iter().enumerate() {
        let record = &mut records[i];
        let Some(trial) = trials.iter().find(|trial| trial.id == record.trial_id) else {
            continue;
        };
        clear(&place)?;
        let again = run(&place, trial, Searched::by(record))?;
        let said = take_over(&dir.path, record, again)?;
        let label = progress.label(&trial.spec);
        let of = format!("[{}/{} again]", number + 1, disturbed.len());
        progress.line(&format!("{of} {label}: {said}"));
    }
    clear(&place)
}

/// Whether a record is worth a second attempt.
fn is_disturbed(record: &TrialRecord) -> bool {
    record.outcome == Outcome::Finished && record.has_disturbed_times()
}

fn clear(place: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot clear {}", place.display()))
        }
        _ => Ok(()),
    }
}

/// Writes what goes on record, by one rename, and says what came of it.
fn take_over(
    run_dir: &Path,
    record: &mut TrialRecord,
    again: TrialRecord,
) -> anyhow::Result<String> {
    let share = |record: &TrialRecord| {
        let share = record.neighbours_share().map(units::percent);
        share.unwrap_or_else(|| "an unknown part".to_owned())
    };
    let (before, now) = (share(record), share(&again));
    let said = match record.retimed(again) {
        Retimed::Replaced(new) => {
            store::write_record(run_dir, &new)?;
            let still = if new.has_disturbed_times() {
                "; still disturbed"
            } else {
                ""
            };
            *record = *new;
            format!("timed again: others took {now} % of a core, {before} % before{still}")
        }
        Retimed::NotQuieter => {
            format!("the times on record stay: others took {now} % of a core, {before} % before")
        }
        Retimed::OtherPredictions(noted) => {
            store::write_record(run_dir, &noted)?;
            *record = *noted;
            "WARNING: it gave other predictions than those on record, which stay with their times; this build or machine does not repeat the trial"
                .to_owned()
        }
        Retimed::NotFinished => "the times on record stay: it did not finish this time".to_owned(),
    };
    Ok(said)
}

/// Trials with disturbed times, and what can be done about it; nothing where there are none.
pub(crate) fn advice(run_dir: &Path, records: &[TrialRecord]) -> Option<String> {
    let finished = records
        .iter()
        .filter(|record| record.outcome == Outcome::Finished);
    let disturbed = records.iter().filter(|record| is_disturbed(record));
    let again = disturbed
        .clone()
        .filter(|record| record.details.contains_key("retimed"));
    let (finished, disturbed, again) = (finished.count(), disturbed.count(), again.count());
    let again = match again {
        0 => String::new(),
        n => format!(" ({n} of them timed again before)"),
    };
    (disturbed > 0).then(|| {
        format!(
            "Other processes disturbed the times of {disturbed} of {finished} trials{again}: they took more than 5 % of the cores' time. On a quieter \
             machine, the same command with --out {} --retime times these again.",
            run_dir.display()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use record::TrialSpec;

    #[test]
    fn disturbed_trials_are_counted_and_the_way_out_is_named() {
        let record = |disturbed| TrialRecord {
            disturbed,
            ..TrialRecord::unmeasured("t".into(), TrialSpec::default(), Outcome::Finished)
        };
        let mut records = vec![record(Some(true)), record(None), record(Some(true))];
        let of = |records: &[TrialRecord]| advice(Path::new("out"), records);
        let said = of(&records).unwrap();
        assert!(
            said.contains("2 of 3 trials:") && said.contains("--out out --retime"),
            "{said}"
        );
        let note = serde_json::json!({"attempts": 1});
        records[0].details.insert("retimed".to_owned(), note);
        let said = of(&records).unwrap();
        assert!(said.contains("(1 of them timed again before)"), "{said}");
        assert_eq!(of(&records[1..2]), None);
    }
}
