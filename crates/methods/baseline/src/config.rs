//! Settings of the baselines.

use adapt::Range;
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
        max_ngram: NonZeroUsize = NonZeroUsize::new(2).expect("not zero") => LONGEST_TERM,
        /// `1 + ln(count)` in place of a term's count. Manning, Raghavan & Schütze 2008, §6.4.1.
        sublinear_tf: bool = true,
        /// Terms that fewer training texts hold are left out. As scikit-learn.
        min_df: NonZeroUsize = NonZeroUsize::MIN => adapt::Range::whole(1, 1 << 32),
        /// Inverse penalties: a number, or several of which the best on the validation split is taken.
        c: Grid = Grid::powers_of_ten(-3, 3) => C,
    }
}

/// Longer terms are all but unique, and their number is a mistake.
const LONGEST_TERM: Range = Range::whole(1, 8);

/// Further out, the weights of a fit in f64 are all but zero, or its penalty is.
const C: Range = Range::from(1e-12, 1e12);

impl TfIdf {
    pub(crate) fn vectorizer(&self) -> TfIdfSettings {
        TfIdfSettings {
            ngram_range: (1, self.max_ngram.get()),
            sublinear_tf: self.sublinear_tf,
            min_df: self.min_df.get(),
        }
    }
}
