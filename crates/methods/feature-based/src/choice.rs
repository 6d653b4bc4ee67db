//! The choice of C, told as events.

use adapt::{Event, FitError, Phase, Setting};
use linear::{Choice, Grid, Labelled, Options, Progress, Trial, choose_c};

/// Fits with every C and keeps the best on validation. A step of a curve is a step of L-BFGS, which sees the training split once; a point is the best C
/// so far, which is what a search that ended there would give.
pub(crate) fn choose(
    train: Labelled<'_>,
    validation: Labelled<'_>,
    classes: usize,
    grid: &Grid,
    step: &mut u64,
    events: &mut dyn FnMut(Event),
) -> Choice {
    let mut best: Option<Trial> = None;
    choose_c(
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
                let so_far = *best.insert(
                    best.filter(|best| !trial.is_better_than(best))
                        .unwrap_or(trial),
                );
                if let (Some(accuracy), Some(loss)) =
                    (so_far.validation_accuracy, so_far.validation_loss)
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
pub(crate) fn need_validation(setting: &Setting<'_>, candidates: usize) -> Result<(), FitError> {
    if candidates > 1 && setting.validation.is_empty() {
        let reason = format!(
            "the validation split is empty and there are {candidates} candidates to choose from; give one value for each setting"
        );
        return Err(FitError::Other(reason));
    }
    Ok(())
}
