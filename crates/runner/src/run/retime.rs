//! `run --retime`: trials whose times neighbours disturbed are run again beside the run, and take over the new times where these are quieter.

use crate::plan::matrix::Planned;
use crate::run::job::Searched;
use crate::run::progress::Progress;
use crate::run::standing::{Ends, Standing};
use anyhow::Context;
use record::{Retimed, TrialRecord, store};
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
    dir: &Path,
    trials: &[Planned],
    standing: &mut Standing,
    progress: &Progress,
    mut run: impl FnMut(&Path, usize, Option<Searched>) -> anyhow::Result<TrialRecord>,
) -> anyhow::Result<()> {
    let disturbed = standing.disturbed();
    if disturbed.is_empty() {
        progress.line("no trial on record was disturbed: there is nothing to time again");
        return Ok(());
    }
    let beside = dir.join(PLACE);
    for (number, &place) in disturbed.iter().enumerate() {
        let trial = &trials[place];
        let Some(mut record) = store::read_record(dir, &trial.id)? else {
            continue;
        };
        clear(&beside)?;
        let again = run(&beside, place, Searched::by(&record))?;
        let said = take_over(dir, &mut record, again)?;
        standing.keep(place, &record);
        let label = progress.label(&trial.spec);
        let of = format!("[{}/{} again]", number + 1, disturbed.len());
        progress.line(&format!("{of} {label}: {said}"));
    }
    clear(&beside)
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
pub(crate) fn advice(run_dir: &Path, ends: Ends) -> Option<String> {
    let Ends {
        finished,
        disturbed,
        timed_again,
        ..
    } = ends;
    let again = match timed_again {
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

    #[test]
    fn disturbed_trials_are_counted_and_the_way_out_is_named() {
        let ends = |disturbed, timed_again| Ends {
            finished: 3,
            failed: 1,
            disturbed,
            timed_again,
        };
        let said = advice(Path::new("out"), ends(2, 0)).unwrap();
        assert!(
            said.contains("2 of 3 trials:") && said.contains("--out out --retime"),
            "{said}"
        );
        let said = advice(Path::new("out"), ends(2, 1)).unwrap();
        assert!(said.contains("(1 of them timed again before)"), "{said}");
        assert_eq!(advice(Path::new("out"), ends(0, 0)), None);
    }
}
