//! The phases into which a trial's time and memory are divided.

/// What a trial's process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading the model and the task.
    Load,
    /// Tokens, cached states or features of the training split.
    Prepare,
    /// The same of the validation split.
    PrepareValidation,
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
    /// Predicting texts one by one, for the time that one takes.
    Predict,
    /// Reading back what was saved, onto a loaded model.
    LoadAdapter,
}

impl Phase {
    /// All of them; each stands at its own number.
    pub const ALL: [Self; 10] = [
        Self::Load,
        Self::Prepare,
        Self::PrepareValidation,
        Self::FirstStep,
        Self::Train,
        Self::Validate,
        Self::Evaluate,
        Self::Tune,
        Self::Predict,
        Self::LoadAdapter,
    ];

    /// Those of the training time: from the loaded model to one that can answer.
    pub const TRAINING: [Self; 3] = [Self::Prepare, Self::FirstStep, Self::Train];

    /// The name in records and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Prepare => "prepare",
            Self::PrepareValidation => "prepare validation",
            Self::FirstStep => "first step",
            Self::Train => "train",
            Self::Validate => "validate",
            Self::Evaluate => "evaluate",
            Self::Tune => "tune",
            Self::Predict => "predict",
            Self::LoadAdapter => "load adapter",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Phase;

    #[test]
    fn every_phase_stands_at_its_own_number() {
        for (number, phase) in Phase::ALL.into_iter().enumerate() {
            assert_eq!(phase as usize, number, "{}", phase.as_str());
        }
    }
}
