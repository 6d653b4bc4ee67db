//! From documents to sequences of equal length, with no padding, in an order that is a function of the seed.

use crate::{Corpus, PretrainError};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use tokenizers::Tokenizer;

/// Token ids of every document, end to end.
pub struct Stream {
    documents: Vec<Vec<u32>>,
}

impl Stream {
    /// Tokenises in parallel. Paragraphs are joined by `joint`, a document ends with `end`.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    pub fn tokenize(
        corpus: &Corpus,
        tokenizer: &Tokenizer,
        joint: &str,
        end: Option<u32>,
    ) -> Result<Stream, PretrainError> {
        let mut documents = Vec::with_capacity(corpus.documents.len());
        for document in &corpus.documents {
            let paragraphs = document.paragraphs.par_iter().map(|paragraph| {
                let encoding = tokenizer.encode_fast(format!("{paragraph}{joint}"), false);
                encoding.map(|encoding| encoding.get_ids().to_vec())
            });
            let paragraphs: Result<Vec<Vec<u32>>, _> = paragraphs.collect();
            let mut ids = paragraphs.map_err(PretrainError::Tokenizer)?.concat();
            ids.extend(end);
            documents.push(ids);
        }
        Ok(Stream { documents })
    }

    /// Token ids, document by document.
    pub(crate) fn documents(&self) -> &[Vec<u32>] {
        &self.documents
    }

    #[cfg(test)]
    pub(crate) fn from_documents(documents: Vec<Vec<u32>>) -> Stream {
        Stream { documents }
    }

    /// Tokens in all.
    pub fn tokens(&self) -> usize {
        self.documents.iter().map(Vec::len).sum()
    }
}

/// A stream cut into pieces of equal length.
pub struct Packed {
    stream: Stream,
    length: usize,
    /// Document and first token of each.
    pieces: Vec<(u32, u32)>,
    /// The order of the pass that was asked for last.
    order: Option<(u64, Vec<u32>)>,
    seed: u64,
}

impl Packed {
    /// Pieces of `length` tokens, each followed within its document by `ahead` more. What is left at a document's end is dropped.
    pub fn new(stream: Stream, length: usize, ahead: usize, seed: u64) -> Packed {
        let mut pieces = Vec::new();
        for (document, ids) in stream.documents.iter().enumerate() {
            let count = ids.len().saturating_sub(ahead) / length;
            pieces.extend((0..count).map(|piece| (document as u32, (piece * length) as u32)));
        }
        Packed {
            stream,
            length,
            pieces,
            order: None,
            seed,
        }
    }

    /// What the pieces are cut from.
    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// How many pieces one pass has.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether the stream is shorter than one piece.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Tokens in all, those that no piece holds included.
    pub fn tokens(&self) -> usize {
        self.stream.tokens()
    }

    /// Tokens of a piece.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The tokens of one piece, and the `ahead` behind it.
    pub(crate) fn piece(&self, number: usize, ahead: usize) -> &[u32] {
        let (document, start) = self.pieces[number];
        &self.stream.documents[document as usize][start as usize..][..self.length + ahead]
    }

    /// Pieces `from..from + count` of endless passes over the corpus, every pass in an order of its own.
    ///
    /// # Panics
    /// If there is no piece.
    pub fn rows(&mut self, from: u64, count: usize, ahead: usize) -> Vec<Vec<u32>> {
        let numbers = self.numbers(from, count).into_iter();
        numbers
            .map(|number| self.piece(number, ahead).to_vec())
            .collect()
    }

    /// The numbers of these pieces.
    ///
    /// # Panics
    /// If there is no piece.
    pub(crate) fn numbers(&mut self, from: u64, count: usize) -> Vec<usize> {
        (from..from + count as u64)
            .map(|at| self.number(at))
            .collect()
    }

    fn number(&mut self, at: u64) -> usize {
        let pass = at / self.pieces.len() as u64;
        if self.order.as_ref().is_none_or(|(known, _)| *known != pass) {
            let mut order: Vec<u32> = (0..self.pieces.len() as u32).collect();
            order.shuffle(&mut random(self.seed, "order", pass));
            self.order = Some((pass, order));
        }
        let (_, order) = self.order.as_ref().expect("just set");
        order[(at % self.pieces.len() as u64) as usize] as usize
    }
}

/// A stream of random numbers for one purpose and one number of it.
pub fn random(seed: u64, purpose: &str, number: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(training::sub_seed(
        training::sub_seed(seed, purpose).wrapping_add(number),
        "number",
    ))
}

/// Into how many shorter sequences those of a step are cut: 1, or with probability `short_share` 2 or 4.
pub fn cuts(seed: u64, step: u64, short_share: f64) -> usize {
    let mut random = random(seed, "cuts", step);
    match random.random_bool(short_share) {
        false => 1,
        true => [2, 4][random.random_range(0..2)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(ahead: usize) -> Packed {
        let documents = vec![(0..10).collect(), (100..107).collect(), vec![7, 8]];
        Packed::new(Stream { documents }, 3, ahead, 5)
    }

    #[test]
    fn a_pass_holds_every_piece_once_and_the_next_in_another_order() {
        let mut all = packed(0);
        assert_eq!(all.len(), 5);
        let first = all.rows(0, 5, 0);
        let second = all.rows(5, 5, 0);
        assert_ne!(first, second);
        let sorted = |mut rows: Vec<Vec<u32>>| {
            rows.sort();
            rows
        };
        let pieces = [
            [0, 1, 2],
            [3, 4, 5],
            [6, 7, 8],
            [100, 101, 102],
            [103, 104, 105],
        ];
        assert_eq!(sorted(first.clone()), pieces.map(Vec::from));
        assert_eq!(sorted(second), pieces.map(Vec::from));
        assert_eq!(
            packed(0).rows(3, 4, 0)[..2],
            first[3..],
            "a row depends on its number alone"
        );
    }

    #[test]
    fn the_token_ahead_is_of_the_same_document() {
        let mut all = packed(1);
        let mut rows = all.rows(0, all.len() as u64 as usize, 1);
        rows.sort();
        assert_eq!(
            rows,
            [
                [0, 1, 2, 3],
                [3, 4, 5, 6],
                [6, 7, 8, 9],
                [100, 101, 102, 103],
                [103, 104, 105, 106]
            ]
            .map(Vec::from)
        );
    }
}
