//! Settings of the baselines.

use adapt::ConfigError;
use linear::{Grid, TfIdfSettings};
use std::num::NonZeroUsize;

adapt::settings! {
    /// Settings of `majority`: there are none.
    pub struct Majority {}
}

adapt::settings! {
    /// Settings of `tf-idf`.
    pub struct TfIdf {
        /// Words of the longest term; terms of all lengths from 1 on are features. Words and word pairs: Wang & Manning 2012.
        max_ngram: NonZeroUsize = NonZeroUsize::new(2).expect("not zero"),
        /// `1 + ln(count)` in place of a term's count. Manning, Raghavan & Schütze 2008, §6.4.1.
        sublinear_tf: bool = true,
        /// Terms that fewer training texts hold are left out. As scikit-learn.
        min_df: NonZeroUsize = NonZeroUsize::MIN,
        /// Inverse penalties: a number, or several of which the best on the validation split is taken.
        c: Grid = Grid::powers_of_ten(-3, 3),
    }
}

/// Terms longer than this are all but unique, and their number is a mistake.
const LONGEST_TERM: usize = 8;

impl TfIdf {
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
