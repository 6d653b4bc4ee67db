//! What tokens cost.

use serde::{Deserialize, Serialize};

/// Tokens of a call, as the server counted them; `None` where it did not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Read.
    pub input: Option<u64>,
    /// Written.
    pub output: Option<u64>,
}

/// US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// Read.
    pub input: f64,
    /// Written.
    pub output: f64,
}

impl Prices {
    /// Of so many tokens; `None` where one of the counts is missing.
    pub fn of(&self, tokens: Tokens) -> Option<f64> {
        Some(self.of_counts(tokens.input?, tokens.output?))
    }

    pub(crate) fn of_counts(&self, input: u64, output: u64) -> f64 {
        (input as f64 * self.input + output as f64 * self.output) / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_for_a_million_and_a_missing_count_has_none() {
        let prices = Prices {
            input: 0.5,
            output: 3.0,
        };
        let tokens = |input, output| Tokens { input, output };
        let cost = prices.of(tokens(Some(1000), Some(7))).unwrap();
        assert!((cost - (0.0005 + 0.000_021)).abs() < 1e-15, "{cost}");
        assert_eq!(prices.of(tokens(Some(1000), None)), None);
    }
}
