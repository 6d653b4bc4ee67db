//! Each text's nearest labelled examples, by the cosine of TF-IDF weights of words and word pairs. Liu et al. 2022 (KATE) retrieve by a model's
//! vectors; no model is here.

use crate::compose::TextPair;
use linear::{TfIdf, TfIdfSettings};
use prompt::nearest_last;
use std::collections::HashMap;

/// The labelled examples, ready to be searched.
#[derive(Debug)]
pub(crate) struct Nearest {
    weights: TfIdf,
    /// By term: which examples hold it, and its weight there.
    postings: HashMap<usize, Vec<(usize, f64)>>,
    examples: usize,
}

impl Nearest {
    pub(crate) fn new(examples: &[TextPair<'_>]) -> Self {
        let settings = TfIdfSettings {
            ngram_range: (1, 2),
            sublinear_tf: true,
            min_df: 1,
        };
        let (weights, rows) = TfIdf::fit(examples, settings);
        let mut postings: HashMap<usize, Vec<(usize, f64)>> = HashMap::new();
        for row in 0..rows.rows() {
            for (term, weight) in rows.row(row) {
                postings.entry(term).or_default().push((row, weight));
            }
        }
        Self {
            weights,
            postings,
            examples: examples.len(),
        }
    }

    /// For each text the nearest examples, at most `k`, the nearest last.
    pub(crate) fn of(&self, texts: &[TextPair<'_>], k: usize) -> Vec<Vec<usize>> {
        let rows = self.weights.transform(texts);
        let nearest = |row| {
            let mut cosines = vec![0.0; self.examples];
            for (term, weight) in rows.row(row) {
                for (example, other) in self.postings.get(&term).into_iter().flatten() {
                    cosines[*example] += weight * other;
                }
            }
            let cosines: Vec<f32> = cosines.into_iter().map(|cosine| cosine as f32).collect();
            nearest_last(&cosines, k)
        };
        (0..texts.len()).map(nearest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_nearest_to_itself_and_then_to_what_shares_its_rare_words() {
        let examples = [
            "the red card",
            "the blue card arrived",
            "the weather",
            "my card arrived late",
        ];
        let examples = examples.map(|text| (text, None));
        let nearest =
            Nearest::new(&examples).of(&[("the blue card arrived", None), ("???", None)], 3);
        assert_eq!(nearest[0][1..], [3, 1]);
        assert_eq!(nearest[1], [2, 1, 0]);
    }
}
