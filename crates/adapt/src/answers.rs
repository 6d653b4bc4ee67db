//! Predictions that are paid for: what a method says that asks a server instead of computing scores.

/// What a predictor says of one example.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The class; `None` where the answer is none of them, which is a wrong answer whatever the label.
    pub class: Option<usize>,
    /// Logarithms of the probabilities of all classes, the highest that of `class`; `None` where there are no probabilities.
    pub log_probabilities: Option<Vec<f64>>,
}

/// What the answers of a predictor take.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Calls that were answered, those on record included.
    pub calls: u64,
    /// Attempts that brought no answer.
    pub failed_calls: u64,
    /// Tokens that the server read; `None` where it did not say for every call.
    pub input_tokens: Option<u64>,
    /// Tokens that it wrote.
    pub output_tokens: Option<u64>,
    /// What the calls cost, those on record as they did when they were made; `None` without prices.
    pub cost_usd: Option<f64>,
    /// How many of the calls were on record and are not made.
    pub kept_calls: u64,
    /// Seconds from asking to the answer, of every example.
    pub seconds: Vec<f64>,
}
