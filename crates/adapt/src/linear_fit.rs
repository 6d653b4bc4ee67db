//! The fit of a linear classifier as a method does it: C is chosen on the validation split, and what happens is told as events.

use crate::{Event, FitError, Phase};
use linear::{Choice, Grid, Labelled, Options, Progress};
use serde_json::Value;

/// Fits with every C and keeps the best on validation. A validated point is one C, at the steps of L-BFGS so far (each sees the training split
/// once): a walk through the grid, not the course of one training, so it comes without losses of steps and no learning curve is drawn of it.
pub fn choose_c(
    train: Labelled<'_>,
    validation: Labelled<'_>,
    classes: usize,
    grid: &Grid,
    step: &mut u64,
    events: &mut dyn FnMut(Event),
) -> Choice {
    linear::choose_c(
        train,
        validation,
        classes,
        grid,
        Options::default(),
        &mut |progress| match progress {
            Progress::Fitting => events(Event::Began(Phase::Train)),
            Progress::Validating => events(Event::Began(Phase::Validate)),
            Progress::Done(trial) => {
                *step += trial.convergence.iterations as u64;
                if let (Some(accuracy), Some(loss)) =
                    (trial.validation_accuracy, trial.validation_loss)
                {
                    events(Event::Validated {
                        step: *step,
                        epoch: *step as f64,
                        accuracy,
                        loss,
                    });
                }
            }
        },
    )
}

/// Refuses to choose between several candidates without validation examples.
///
/// # Errors
/// More than one candidate, and no validation examples.
pub fn need_validation(validation: usize, candidates: usize) -> Result<(), FitError> {
    if candidates > 1 && validation == 0 {
        let reason = format!(
            "the validation split is empty and there are {candidates} candidates to choose from; give one value for each setting"
        );
        return Err(FitError::Other(reason));
    }
    Ok(())
}

/// Puts the chosen C, whether it is at the grid's edge, and every C's result into the record.
pub fn note_choice(choice: &Choice, events: &mut dyn FnMut(Event)) {
    let mut note = |name: &str, value: Value| {
        events(Event::Note {
            name: name.to_owned(),
            value,
        })
    };
    let json = |value: Result<Value, serde_json::Error>| value.expect("a choice serialises");
    note("c", choice.best_trial().c.into());
    note("c_at_edge", json(serde_json::to_value(choice.edge())));
    note("c_trials", json(serde_json::to_value(&choice.trials)));
}
