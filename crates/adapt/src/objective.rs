//! What a training minimises: what a step is made of, the loss of a part of it, and how the output layer comes to be. The one loop in
//! [`train`](crate::train) does the rest, whatever the objective.

use crate::{Budget, Head, sub_seed};
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::fmt::Debug;
use std::num::NonZeroUsize;

/// The training split as far as steps are made of it.
#[derive(Clone, Copy, Debug)]
pub struct TrainingTexts<'a> {
    /// General settings.
    pub budget: &'a Budget,
    /// Order and draws derive from it.
    pub seed: u64,
    /// Tokens of each text.
    pub lengths: &'a [usize],
    /// Class of each text.
    pub labels: &'a [usize],
}

/// Texts that run forward and backward together, each of them once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Their rows in the training split, none twice.
    pub rows: Vec<usize>,
    /// Which two of them are compared, as places in `rows`; empty where the loss compares no pairs.
    pub pairs: Vec<[usize; 2]>,
}

impl Part {
    /// Texts that are looked at one by one, or all with each other.
    pub fn of_texts(rows: Vec<usize>) -> Self {
        Self {
            rows,
            pairs: Vec::new(),
        }
    }

    /// Pairs of rows. A row that is in several pairs runs once.
    pub fn of_pairs(pairs: &[[usize; 2]]) -> Self {
        let mut rows = pairs.concat();
        rows.sort_unstable();
        rows.dedup();
        let place = |row| rows.partition_point(|other| *other < row);
        Self {
            pairs: pairs.iter().map(|pair| pair.map(place)).collect(),
            rows,
        }
    }

    /// Of how many terms its loss is the mean.
    pub fn terms(&self) -> usize {
        if self.pairs.is_empty() {
            self.rows.len()
        } else {
            self.pairs.len()
        }
    }

    /// The same with its rows ascending.
    pub(crate) fn in_order(mut self) -> Self {
        if self.pairs.is_empty() {
            self.rows.sort_unstable(); // those of pairs are
        }
        self
    }
}

/// An optimiser step: parts that run one after the other, whose gradients add up.
pub type Step = Vec<Part>;

/// `items` in pieces of at most `most`.
pub fn pieces<T>(items: &[T], most: Option<NonZeroUsize>) -> std::slice::Chunks<'_, T> {
    items.chunks(most.map_or(items.len().max(1), NonZeroUsize::get))
}

/// How the output layer is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OutputLayer {
    /// By the gradient of the loss.
    ByGradient,
    /// After every epoch, as the logistic regression of the training texts' vectors with this inverse penalty.
    LogisticRegression {
        /// scikit-learn's C.
        c: f64,
    },
}

/// What a training minimises.
pub trait Objective: Debug {
    /// The steps of an epoch, of which there are as many in every epoch.
    fn steps(&self, of: &TrainingTexts<'_>, epoch: usize) -> Vec<Step>;

    /// Why there is nothing to minimise on such texts, or not within this budget.
    fn refuses(&self, _of: &TrainingTexts<'_>) -> Option<String> {
        None
    }

    /// The mean loss of a part, `[1]`. `vectors` is what the output layer reads of its texts, `[texts, hidden]`.
    fn loss(&self, vectors: Tensor<2>, of: &Targets<'_>) -> Tensor<1>;

    /// How the output layer is trained.
    fn output_layer(&self) -> OutputLayer {
        OutputLayer::ByGradient
    }
}

/// What a loss holds the vectors of a part against.
pub struct Targets<'a> {
    /// Which texts they are of, and which of them make pairs.
    pub part: &'a Part,
    /// The class of each text.
    pub labels: Vec<usize>,
    /// Where tensors live.
    pub device: &'a Device,
    pub(crate) head: &'a Head,
    pub(crate) dropout: Option<ops::Dropout>,
}

impl Targets<'_> {
    /// Mean cross-entropy of the output layer's answers to `vectors`, in nats: `[texts, hidden] -> [1]`.
    pub fn cross_entropy(&self, vectors: Tensor<2>) -> Tensor<1> {
        let logits = self.head.output(vectors, self.dropout); // [b,h] -> [b,classes]
        let labels: Vec<i64> = self.labels.iter().map(|&label| label as i64).collect();
        let targets = TensorData::new(labels, [self.labels.len()]);
        ops::cross_entropy(logits, Tensor::<1, Int>::from_data(targets, self.device))
    }
}

/// Mean cross-entropy of the class, over batches of texts of similar length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrossEntropy;

impl Objective for CrossEntropy {
    fn steps(&self, of: &TrainingTexts<'_>, epoch: usize) -> Vec<Step> {
        let (batch, seed) = (of.budget.batch.get(), sub_seed(of.seed, "order"));
        let batches = task::batches_by_length(of.lengths, batch, seed, epoch as u64);
        let parts = |rows: &Vec<usize>| {
            pieces(rows, of.budget.micro_batch)
                .map(|rows| Part::of_texts(rows.to_vec()))
                .collect()
        };
        batches.iter().map(parts).collect()
    }

    fn loss(&self, vectors: Tensor<2>, of: &Targets<'_>) -> Tensor<1> {
        of.cross_entropy(vectors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_several_pairs_stands_once_and_the_pairs_find_it() {
        let part = Part::of_pairs(&[[7, 2], [2, 9], [7, 9], [7, 2]]);
        assert_eq!(part.rows, [2, 7, 9]);
        assert_eq!(part.pairs, [[1, 0], [0, 2], [1, 2], [1, 0]]);
        assert_eq!(part.terms(), 4);
        assert_eq!(Part::of_texts(vec![5, 1, 3]).terms(), 3);
    }

    #[test]
    fn the_steps_of_cross_entropy_hold_every_text_once_in_parts_of_the_micro_batch() {
        let n = |n| NonZeroUsize::new(n).unwrap();
        let budget = Budget {
            batch: n(5),
            micro_batch: Some(n(2)),
            ..Budget::default()
        };
        let texts = TrainingTexts {
            budget: &budget,
            seed: 3,
            lengths: &[4, 9, 1, 3, 3, 8, 2, 5, 6, 7, 4, 4],
            labels: &[0; 12],
        };
        let steps = CrossEntropy.steps(&texts, 1);
        let sizes = |step: &Step| step.iter().map(Part::terms).collect::<Vec<_>>();
        let mut all: Vec<Vec<usize>> = steps.iter().map(sizes).collect();
        all.sort();
        assert_eq!(all, [vec![2], vec![2, 2, 1], vec![2, 2, 1]]);
        let rows = steps.iter().flatten().flat_map(|part| part.rows.clone());
        let mut rows: Vec<usize> = rows.collect();
        rows.sort_unstable();
        assert_eq!(rows, (0..12).collect::<Vec<_>>());
        assert_ne!(steps, CrossEntropy.steps(&texts, 2));
    }
}
