//! Hidden classes of a corpus without labels: a document (the same book), a neighbourhood (sentences that stand within a few lines of each other), a
//! word (sentences that hold it).

use super::Class;
use crate::Corpus;
use crate::sentences::sentences;
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::ops::Range;

/// Words in a passage.
const PASSAGE_WORDS: std::ops::RangeInclusive<usize> = 4..=26;
/// Passages that make a neighbourhood.
const NEIGHBOURHOOD: usize = 24;
/// How many passages may hold a word for it to be a class.
const WORD_PASSAGES: std::ops::RangeInclusive<usize> = 12..=4_000;
/// Passages that hold a word for it to be a label.
const LABEL_PASSAGES: usize = 40;
/// Passages of a class in one episode, at most.
const CLASS_PASSAGES: usize = 40;

/// The passages of a corpus, by what may be their class.
pub(crate) struct Passages<'a> {
    texts: Vec<&'a str>,
    /// Passages of each document.
    documents: Vec<Range<usize>>,
    /// A word and the passages that hold it.
    words: Vec<(String, Vec<u32>)>,
}

impl<'a> Passages<'a> {
    /// Finds sentences of 4 to 26 words.
    pub(crate) fn of(corpus: &'a Corpus) -> Passages<'a> {
        let mut texts = Vec::new();
        let mut documents = Vec::new();
        for document in &corpus.documents {
            let from = texts.len();
            let sentences = document
                .paragraphs
                .iter()
                .flat_map(|paragraph| sentences(paragraph));
            texts.extend(
                sentences.filter(|text| PASSAGE_WORDS.contains(&text.split_whitespace().count())),
            );
            documents.push(from..texts.len());
        }
        documents.retain(|range| range.len() >= NEIGHBOURHOOD);
        let mut by_word: HashMap<String, Vec<u32>> = HashMap::new();
        for (at, text) in texts.iter().enumerate() {
            let mut own: Vec<String> = text
                .split(|c: char| !c.is_ascii_alphabetic())
                .filter(|word| word.len() >= 4)
                .map(str::to_ascii_lowercase)
                .collect();
            own.sort();
            own.dedup();
            for word in own {
                by_word.entry(word).or_default().push(at as u32);
            }
        }
        let mut words: Vec<(String, Vec<u32>)> = by_word
            .into_iter()
            .filter(|(_, held)| WORD_PASSAGES.contains(&held.len()))
            .collect();
        words.sort(); // A hash map has no order of its own.
        Passages {
            texts,
            documents,
            words,
        }
    }

    /// Whether episodes can be made of it.
    pub(crate) fn is_enough(&self) -> bool {
        self.documents.len() >= 2 && self.words.len() >= 20
    }

    /// Words so frequent that they can be labels.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        let frequent = self
            .words
            .iter()
            .filter(|(_, held)| held.len() >= LABEL_PASSAGES);
        frequent.map(|(word, _)| word.as_str())
    }

    /// So many classes of one kind.
    pub(crate) fn classes(&self, count: usize, random: &mut ChaCha8Rng) -> Vec<Class<'_>> {
        let kind = random.random_range(0..10);
        let mut used: Vec<usize> = Vec::new();
        let classes = (0..count).map(|_| match kind {
            // The same book.
            0..2 if self.documents.len() >= count => {
                let document = other(self.documents.len(), &mut used, random);
                let range = self.documents[document].clone();
                self.class(None, range.map(|at| at as u32), random)
            }
            // The same lines of a book.
            0..5 => {
                let range = self.documents.choose(random).expect("at least two").clone();
                let from = random.random_range(range.start..=range.end - NEIGHBOURHOOD);
                let lines = (from..from + NEIGHBOURHOOD).map(|at| at as u32);
                self.class(None, lines, random)
            }
            // The same word.
            _ => {
                let (word, held) = &self.words[other(self.words.len(), &mut used, random)];
                self.class(Some(word), held.iter().copied(), random)
            }
        });
        classes.collect()
    }

    /// Some of these passages, in any order.
    fn class(
        &self,
        name: Option<&String>,
        passages: impl ExactSizeIterator<Item = u32> + Clone,
        random: &mut ChaCha8Rng,
    ) -> Class<'_> {
        let count = passages.len();
        let mut texts: Vec<&str> =
            rand::seq::index::sample(random, count, count.min(CLASS_PASSAGES))
                .into_iter()
                .map(|at| passages.clone().nth(at).expect("below the count"))
                .map(|passage| self.texts[passage as usize])
                .collect();
        texts.shuffle(random);
        Class {
            name: name.cloned(),
            texts,
        }
    }
}

/// A number below `count` that is not yet among `used`, if there is one.
fn other(count: usize, used: &mut Vec<usize>, random: &mut ChaCha8Rng) -> usize {
    let mut number = random.random_range(0..count);
    while used.contains(&number) && used.len() < count {
        number = random.random_range(0..count);
    }
    used.push(number);
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::episodes::tests::corpus;
    use crate::packing::random;

    #[test]
    fn no_class_draws_a_passage_twice() {
        let corpus = corpus();
        let mut passages = Passages::of(&corpus);
        passages.documents.truncate(2);
        for number in 0..20 {
            let classes = passages.classes(2, &mut random(2, "episode", number));
            for class in classes {
                let places = |text: &&str| text.as_ptr();
                let mut own: Vec<_> = class.texts.iter().map(places).collect();
                own.sort();
                own.dedup();
                assert_eq!(own.len(), class.texts.len());
            }
        }
    }
}
