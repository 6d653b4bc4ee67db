//! Settings of the baselines.

use adapt::ConfigError;
use linear::{Grid, TfIdfSettings};
use serde::{Deserialize, Serialize};
use std::num::NonZeroUsize;

/// Settings of `majority`: there are none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MajorityConfig {}

/// Settings of `tf-idf`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TfIdfConfig {
    /// Words of the longest term; terms of all lengths from 1 on are features.
    pub max_ngram: NonZeroUsize,
    /// `1 + ln(count)` in place of a term's count.
    pub sublinear_tf: bool,
    /// Terms that fewer training texts hold are left out.
    pub min_df: NonZeroUsize,
    /// Inverse penalties; of several, the best on the validation split is taken.
    pub c: Grid,
}

impl Default for TfIdfConfig {
    fn default() -> Self {
        Self {
            max_ngram: NonZeroUsize::new(2).expect("not zero"),
            sublinear_tf: true,
            min_df: NonZeroUsize::MIN,
            c: Grid::powers_of_ten(-3, 3),
        }
    }
}

/// Terms longer than this are all but unique, and their number is a mistake.
const LONGEST_TERM: usize = 8;

impl TfIdfConfig {
    pub(crate) fn check(self, method: &str) -> Result<Self, ConfigError> {
        if self.max_ngram.get() > LONGEST_TERM {
            let reason = format!(
                "max_ngram is {}, expected 1 to {LONGEST_TERM}",
                self.max_ngram
            );
            return Err(ConfigError::BadValue {
                method: method.to_owned(),
                reason,
            });
        }
        Ok(self)
    }

    pub(crate) fn vectorizer(&self) -> TfIdfSettings {
        TfIdfSettings {
            ngram_range: (1, self.max_ngram.get()),
            sublinear_tf: self.sublinear_tf,
            min_df: self.min_df.get(),
        }
    }
}
