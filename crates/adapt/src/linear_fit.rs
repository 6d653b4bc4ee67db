//! The fit of a linear classifier as a method does it: C is chosen on the validation split, and what happens is told as events. Where there are
//! several candidates, all of their fits are the search, and the training is one more fit of the chosen one.

use crate::{Event, FitError, Phase};
use linear::{Choice, Grid, Labelled, LogisticRegression, Options, Progress};
use serde_json::Value;

/// Fits with every C and keeps the best on validation. A validated point is one C, at the steps of L-BFGS so far (each sees the training split
/// once): a walk through the grid, not the course of one training, so it comes without losses of steps and no learning curve is drawn of it.
/// `candidates` are all that are chosen from, of which this grid may be a part.
pub fn choose_c(
    train: Labelled<'_>,
    validation: Labelled<'_>,
    classes: usize,
    grid: &Grid,
    candidates: usize,
    step: &mut u64,
    events: &mut dyn FnMut(Event),
) -> Choice {
    let is_search = candidates > 1;
    if is_search {
        events(Event::Began(Phase::Search));
    }
    linear::choose_c(
        train,
        validation,
        classes,
        grid,
        Options::default(),
        &mut |progress| match progress {
            Progress::Fitting | Progress::Validating if is_search => {}
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

/// The chosen classifier. Of several candidates it is fitted once more, alone, which gives the same numbers: the training then lasts as long as
/// for someone who knows the settings.
pub fn fit_chosen(
    choice: &Choice,
    train: Labelled<'_>,
    classes: usize,
    candidates: usize,
    events: &mut dyn FnMut(Event),
) -> LogisticRegression {
    if candidates < 2 {
        return choice.model.clone();
    }
    events(Event::Searched {
        trials: candidates,
        edge: choice.edge(),
    });
    events(Event::Began(Phase::Train));
    choice.refit(train, classes, Options::default())
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
