//! The phases into which a trial's time and memory are divided.

/// What a trial's process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading the model and the task.
    Load,
    /// Tokenising, filling the frozen-prefix cache, computing features.
    Prepare,
    /// The first optimisation step, with whatever is compiled or tuned on the way.
    FirstStep,
    /// The optimisation steps after it.
    Train,
    /// Measuring the validation split between steps.
    Validate,
    /// Predicting the test split.
    Evaluate,
    /// The hyper-parameter search, all of it.
    Tune,
}
