//! Texts of unlike lengths in batches with next to no padding, in an order that is a function of the seed.

use crate::packing::random;
use rand::seq::SliceRandom;
use std::ops::Range;

/// Neighbours in an ascending list of lengths that together, padded to the longest, take at most `budget` tokens; at least one each.
pub(crate) fn within(lengths: &[usize], budget: usize) -> Vec<Range<usize>> {
    let mut batches = Vec::new();
    let mut from = 0;
    for (at, length) in lengths.iter().enumerate() {
        if at > from && (at + 1 - from) * length > budget {
            batches.push(from..at);
            from = at;
        }
    }
    if from < lengths.len() {
        batches.push(from..lengths.len());
    }
    batches
}

/// Endless passes over texts, by length.
pub(crate) struct ByLength {
    lengths: Vec<usize>,
    budget: usize,
    seed: u64,
    /// The pass that was asked for last: its texts by length, and its batches in their order.
    pass: Option<(u64, Vec<u32>, Vec<Range<usize>>)>,
    a_pass: usize,
}

impl ByLength {
    /// `lengths`: tokens of each text. A batch has at most `budget` tokens, padding included.
    ///
    /// # Panics
    /// If there is no text.
    pub(crate) fn new(lengths: Vec<usize>, budget: usize, seed: u64) -> ByLength {
        let mut ascending = lengths.clone();
        ascending.sort_unstable();
        let a_pass = within(&ascending, budget).len();
        assert!(a_pass > 0, "at least one text");
        ByLength {
            lengths,
            budget,
            seed,
            pass: None,
            a_pass,
        }
    }

    /// Batches of one pass; every pass has as many.
    pub(crate) fn a_pass(&self) -> usize {
        self.a_pass
    }

    /// The texts of batch `number` of endless passes.
    pub(crate) fn batch(&mut self, number: u64) -> &[u32] {
        let pass = number / self.a_pass as u64;
        if self
            .pass
            .as_ref()
            .is_none_or(|(known, _, _)| *known != pass)
        {
            self.pass = Some(self.shuffled(pass));
        }
        let (_, order, batches) = self.pass.as_ref().expect("just set");
        &order[batches[(number % self.a_pass as u64) as usize].clone()]
    }

    /// Every pass has other neighbours in its batches, and the batches in another order.
    fn shuffled(&self, pass: u64) -> (u64, Vec<u32>, Vec<Range<usize>>) {
        let mut draws = random(self.seed, "order", pass);
        let mut order: Vec<u32> = (0..self.lengths.len() as u32).collect();
        order.shuffle(&mut draws);
        order.sort_by_key(|&text| self.lengths[text as usize]); // Stable: ties stay as they were drawn.
        let ascending: Vec<usize> = order
            .iter()
            .map(|&text| self.lengths[text as usize])
            .collect();
        let mut batches = within(&ascending, self.budget);
        batches.shuffle(&mut draws);
        (pass, order, batches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_never_takes_more_than_its_budget_unless_one_text_does() {
        let lengths = [2, 2, 2, 3, 5, 5, 9, 31];
        let batches = within(&lengths, 10);
        assert_eq!(batches, [0..3, 3..5, 5..6, 6..7, 7..8]);
        assert!(within(&[], 10).is_empty());
    }

    #[test]
    fn a_pass_holds_every_text_once_in_batches_of_like_lengths() {
        let lengths: Vec<usize> = (0..101).map(|n| 3 + n * 7 % 23).collect();
        let mut all = ByLength::new(lengths.clone(), 64, 5);
        let count = all.a_pass() as u64;
        let mut seen = Vec::new();
        let mut padding = 0;
        for number in 0..count {
            let batch = all.batch(number).to_vec();
            let own: Vec<usize> = batch.iter().map(|&text| lengths[text as usize]).collect();
            let longest = own.iter().max().unwrap();
            assert!(longest * own.len() <= 64);
            padding += longest * own.len() - own.iter().sum::<usize>();
            seen.extend(batch);
        }
        assert!(padding < 101, "{padding}");
        seen.sort();
        assert_eq!(seen, (0..101).collect::<Vec<u32>>());
        let first: Vec<u32> = all.batch(0).to_vec();
        let next = all.batch(count).to_vec();
        assert_ne!(first, next, "the next pass has another order");
        assert_eq!(
            all.batch(0),
            first,
            "a batch is a function of its number alone"
        );
    }
}
