//! The inverse penalty C by validation: fits along a rising grid, each from the weights of the one before.

use crate::logistic::{Training, at_least};
use crate::nearest::argmax;
use crate::{Convergence, Grid, LOG_ZERO, LogisticRegression, Matrix, Options, log_softmax};
use serde::Serialize;

/// Features with a class for each row.
#[derive(Clone, Copy, Debug)]
pub struct Labelled<'a> {
    /// One row an example.
    pub features: &'a Matrix,
    /// Its class.
    pub labels: &'a [usize],
}

/// One value of C.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// The inverse penalty.
    pub c: f64,
    /// Share of right answers on the validation rows; `None` without any.
    pub validation_accuracy: Option<f64>,
    /// Mean negative log-likelihood there, in nats.
    pub validation_loss: Option<f64>,
    /// How the fit ended.
    #[serde(flatten)]
    pub convergence: Convergence,
}

impl Trial {
    /// A higher validation accuracy, or the same with a lower loss.
    pub fn is_better_than(&self, other: &Trial) -> bool {
        let key = |trial: &Trial| {
            (
                trial.validation_accuracy.unwrap_or(0.0),
                -trial.validation_loss.unwrap_or(0.0),
            )
        };
        key(self) > key(other)
    }
}

/// The end of the grid at which the best value lies: a wider grid might hold a better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Edge {
    /// The smallest C.
    Low,
    /// The largest C.
    High,
}

/// The best classifier and what it was chosen from.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Fitted with the best C, on the training rows only.
    pub model: LogisticRegression,
    /// The weights that its fit began from, those of the C before it; `None` for the first.
    pub start: Option<LogisticRegression>,
    /// Place of the best C among the trials.
    pub best: usize,
    /// One a value of C, rising.
    pub trials: Vec<Trial>,
}

impl Choice {
    /// The fit of the chosen classifier once more, alone: bit for bit [`Self::model`], from the same start. For whoever wants to know what it costs
    /// without the choice.
    ///
    /// # Panics
    /// On other training rows than those that were chosen with, if they differ in size.
    pub fn refit(
        &self,
        train: Labelled<'_>,
        classes: usize,
        options: Options,
    ) -> LogisticRegression {
        let training = Training::new(train.features, train.labels, classes);
        let (model, _) = training.fit(self.best_trial().c, self.start.as_ref(), options);
        model
    }

    /// The trial that was chosen.
    pub fn best_trial(&self) -> &Trial {
        &self.trials[self.best]
    }

    /// The end of the grid that the best value lies at, if it does.
    pub fn edge(&self) -> Option<Edge> {
        match self.best {
            _ if self.trials.len() == 1 => None,
            0 => Some(Edge::Low),
            best if best + 1 == self.trials.len() => Some(Edge::High),
            _ => None,
        }
    }
}

/// Where the choice is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// A fit with the next C begins.
    Fitting,
    /// The validation rows are scored.
    Validating,
    /// A value of C is done.
    Done(Trial),
}

/// Fits with every C of `grid` and keeps the one with the best validation accuracy; of equals the lower validation loss, of equals still
/// the smaller C.
///
/// # Panics
/// As [`fit`](crate::fit) does.
pub fn choose_c(
    train: Labelled<'_>,
    validation: Labelled<'_>,
    classes: usize,
    grid: &Grid,
    options: Options,
    watch: &mut dyn FnMut(Progress),
) -> Choice {
    let training = Training::new(train.features, train.labels, classes);
    let mut best: Option<(usize, LogisticRegression, Option<LogisticRegression>)> = None;
    let mut previous: Option<LogisticRegression> = None;
    let mut trials: Vec<Trial> = Vec::with_capacity(grid.values().len());
    for &c in grid.values() {
        watch(Progress::Fitting);
        let (model, convergence) = training.fit(c, previous.as_ref(), options);
        watch(Progress::Validating);
        let (validation_accuracy, validation_loss) = score(&model, validation).unzip();
        let trial = Trial {
            c,
            validation_accuracy,
            validation_loss,
            convergence,
        };
        watch(Progress::Done(trial));
        if best
            .as_ref()
            .is_none_or(|(best, ..)| trial.is_better_than(&trials[*best]))
        {
            best = Some((trials.len(), model.clone(), previous.take()));
        }
        trials.push(trial);
        previous = Some(model);
    }
    let (best, model, start) = best.expect("the grid is not empty");
    Choice {
        model,
        start,
        best,
        trials,
    }
}

/// Accuracy and mean loss.
fn score(model: &LogisticRegression, rows: Labelled<'_>) -> Option<(f64, f64)> {
    let n = rows.labels.len();
    let (mut right, mut loss) = (0, 0.0);
    for (logits, &label) in model.logits(rows.features).iter().zip(rows.labels) {
        right += usize::from(argmax(logits) == label);
        loss -= at_least(log_softmax(logits)[label], LOG_ZERO);
    }
    (n > 0).then(|| (right as f64 / n as f64, loss / n as f64))
}
