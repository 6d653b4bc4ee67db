//! The choice of C, told as events.

use adapt::{Event, FitError, Phase};
use linear::{Choice, Grid, Labelled, Options, Progress, Trial, choose_c};
use serde_json::Value;

/// Fits with every C and keeps the best on validation. A step of a curve is a step of L-BFGS, which sees the training split once.
pub(crate) fn choose(
    train: Labelled<'_>,
    validation: Labelled<'_>,
    classes: usize,
    grid: &Grid,
    events: &mut dyn FnMut(Event),
) -> Result<Choice, FitError> {
    if validation.labels.is_empty() && grid.values().len() > 1 {
        let reason = "the validation split is empty and several values of C are to be compared; give one (--set METHOD.c=1)";
        return Err(FitError::Other(reason.to_owned()));
    }
    let mut step = 0;
    let mut best: Option<Trial> = None;
    let choice = choose_c(
        train,
        validation,
        classes,
        grid,
        Options::default(),
        &mut |progress| match progress {
            Progress::Fitting => events(Event::Began(Phase::Train)),
            Progress::Validating => events(Event::Began(Phase::Validate)),
            Progress::Done(trial) => {
                step += trial.convergence.iterations as u64;
                let so_far = *best.insert(
                    best.filter(|best| !trial.is_better_than(best))
                        .unwrap_or(trial),
                );
                if let (Some(accuracy), Some(loss)) =
                    (so_far.validation_accuracy, so_far.validation_loss)
                {
                    events(Event::Validated {
                        step,
                        epoch: step as f64,
                        accuracy,
                        loss,
                    });
                }
            }
        },
    );
    let mut note = |name: &str, value: Value| {
        events(Event::Note {
            name: name.to_owned(),
            value,
        })
    };
    note("c", choice.best_trial().c.into());
    note(
        "c_at_edge",
        serde_json::to_value(choice.edge()).expect("an edge serialises"),
    );
    note(
        "c_trials",
        serde_json::to_value(&choice.trials).expect("trials serialise"),
    );
    Ok(choice)
}
