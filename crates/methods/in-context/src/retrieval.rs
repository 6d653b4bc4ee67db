//! Retrieval of the nearest labelled examples as demonstrations. Liu et al. 2022 (KATE).

use crate::config::Retriever;
use crate::prompt::{Asked, TextPair};
use crate::similarity::{cosines, embed, embedder};
use ::prompt::{AskedModel, nearest_last};
use adapt::FitError;
use std::collections::HashMap;
use transformer::{Embedder, TokenizeError};

/// The labelled examples, ready to be searched.
pub(crate) enum Index {
    /// Unit vectors, and what makes them.
    Hidden(Embedder, Vec<Vec<f32>>),
    /// Sparse unit vectors.
    TfIdf(TfIdf),
}

impl Index {
    /// # Errors
    /// A text that the tokenizer refuses, or a model whose vectors cannot be made as its folder says.
    pub(crate) fn new(asked: &Asked, texts: &[TextPair<'_>]) -> Result<Self, FitError> {
        Ok(match asked.config.retriever {
            Retriever::Hidden => {
                let embedder = embedder(asked)?;
                let vectors = embed(asked, &embedder, texts)?;
                Self::Hidden(embedder, vectors)
            }
            Retriever::TfIdf => Self::TfIdf(TfIdf::new(&bags(&asked.model, texts)?)),
        })
    }

    /// For each text the nearest examples, as many as a prompt shows, the nearest last: next to the query. Of equals the first in the file
    /// is nearer.
    ///
    /// # Errors
    /// A text that the tokenizer refuses.
    pub(crate) fn nearest(
        &self,
        asked: &Asked,
        texts: &[TextPair<'_>],
    ) -> Result<Vec<Vec<usize>>, TokenizeError> {
        let similarities = match self {
            Self::Hidden(embedder, vectors) => {
                cosines(&embed(asked, embedder, texts)?, vectors, &asked.model)
            }
            Self::TfIdf(index) => bags(&asked.model, texts)?
                .iter()
                .map(|bag| index.cosines(bag))
                .collect(),
        };
        Ok(similarities
            .iter()
            .map(|row| nearest_last(row, asked.prompt.shots))
            .collect())
    }
}

fn bags(model: &AskedModel, texts: &[TextPair<'_>]) -> Result<Vec<Vec<u32>>, TokenizeError> {
    let words = |text: &str| model.tokenizer.encode_plain(text);
    texts
        .iter()
        .map(|(a, b)| Ok([words(a)?, words(b.unwrap_or_default())?].concat()))
        .collect()
}

/// Token counts × smoothed inverse document frequency, ln((1 + n) / (1 + df)) + 1, as unit vectors.
pub(crate) struct TfIdf {
    inverse_frequency: HashMap<u32, f64>,
    /// By token: which documents have it, and its weight there.
    postings: HashMap<u32, Vec<(usize, f64)>>,
    documents: usize,
}

impl TfIdf {
    fn new(bags: &[Vec<u32>]) -> Self {
        let counted: Vec<HashMap<u32, f64>> = bags.iter().map(|bag| count(bag)).collect();
        let mut frequency: HashMap<u32, f64> = HashMap::new();
        counted
            .iter()
            .flat_map(HashMap::keys)
            .for_each(|token| *frequency.entry(*token).or_default() += 1.0);
        let n = bags.len() as f64;
        let inverse = |df: f64| ((1.0 + n) / (1.0 + df)).ln() + 1.0;
        let inverse_frequency = frequency
            .into_iter()
            .map(|(token, df)| (token, inverse(df)))
            .collect();
        let mut index = Self {
            inverse_frequency,
            postings: HashMap::new(),
            documents: bags.len(),
        };
        for (document, counts) in counted.iter().enumerate() {
            for (token, weight) in index.weights(counts) {
                index
                    .postings
                    .entry(token)
                    .or_default()
                    .push((document, weight));
            }
        }
        index
    }

    fn weights(&self, counts: &HashMap<u32, f64>) -> Vec<(u32, f64)> {
        let mut weights: Vec<(u32, f64)> = counts
            .iter()
            .filter_map(|(token, n)| Some((*token, n * self.inverse_frequency.get(token)?)))
            .collect();
        weights.sort_unstable_by_key(|(token, _)| *token); // sums must not depend on a hash order
        let length = weights
            .iter()
            .map(|(_, w)| w * w)
            .sum::<f64>()
            .sqrt()
            .max(f64::MIN_POSITIVE);
        weights.iter_mut().for_each(|(_, w)| *w /= length);
        weights
    }

    fn cosines(&self, bag: &[u32]) -> Vec<f32> {
        let mut sums = vec![0.0; self.documents];
        for (token, weight) in self.weights(&count(bag)) {
            for (document, other) in self.postings.get(&token).into_iter().flatten() {
                sums[*document] += weight * other;
            }
        }
        sums.into_iter().map(|sum| sum as f32).collect()
    }
}

fn count(bag: &[u32]) -> HashMap<u32, f64> {
    let mut counts = HashMap::new();
    bag.iter()
        .for_each(|token| *counts.entry(*token).or_default() += 1.0);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tf_idf_weighs_rare_tokens_and_knows_the_same_text() {
        let index = TfIdf::new(&[vec![1, 2, 2], vec![1, 3], vec![1, 4, 5]]);
        let cosines = index.cosines(&[1, 3]);
        assert!((cosines[1] - 1.0).abs() < 1e-6, "{cosines:?}");
        assert!(cosines[0] < 0.5 && cosines[2] < 0.5, "{cosines:?}");
        assert_eq!(index.cosines(&[99]), [0.0; 3]);
    }
}
