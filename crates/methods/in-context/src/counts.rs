//! What did not fit, counted.

use serde::Serialize;

/// Sums over all prompts laid out so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Examples scored.
    pub(crate) queries: usize,
    /// Prompts laid out: one a query and ensemble member.
    pub(crate) prompts: usize,
    /// Demonstrations that did not fit.
    pub(crate) demonstrations_dropped: usize,
    /// Prompts that lost a demonstration.
    pub(crate) prompts_with_dropped_demonstrations: usize,
    /// Prompts whose query was longer than the general limit or than the window and was cut.
    pub(crate) queries_cut: usize,
    /// Tokens cut from them.
    pub(crate) query_tokens_cut: usize,
    /// Tokens of all prompts.
    pub(crate) prompt_tokens: usize,
    /// Of these, tokens of the queries' own texts.
    pub(crate) text_tokens: usize,
}

impl Counts {
    /// Tokens of `members` prompts a query, less one reading of its own text, on average; `None` before the first prompt.
    pub(crate) fn extra_tokens(&self, members: usize) -> Option<f64> {
        let (prompt, text) = (self.prompt_tokens as f64, self.text_tokens as f64);
        (self.prompts > 0).then(|| (members as f64 * prompt - text) / self.prompts as f64)
    }

    pub(crate) fn add(&mut self, other: &Counts) {
        self.queries += other.queries;
        self.prompts += other.prompts;
        self.demonstrations_dropped += other.demonstrations_dropped;
        self.prompts_with_dropped_demonstrations += other.prompts_with_dropped_demonstrations;
        self.queries_cut += other.queries_cut;
        self.query_tokens_cut += other.query_tokens_cut;
        self.prompt_tokens += other.prompt_tokens;
        self.text_tokens += other.text_tokens;
    }
}
