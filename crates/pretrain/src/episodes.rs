//! In-context episodes made from a corpus without labels: passages of hidden classes, each behind an arbitrary label word, so that copying the right
//! label from what stands before is worth learning. Min et al. 2022, *MetaICL* (arXiv:2110.15943) train on labelled tasks in this form; Gu et al. 2023,
//! *Pre-Training to Learn in Context* (arXiv:2305.09137) find the tasks in plain text, as here.
//!
//! A hidden class is one of three: a document (the same book), a neighbourhood (sentences that stand within a few lines of each other), a word (sentences that
//! hold it). The form is that of the program's own prompts, `Text: …` and `Label: …` in most episodes and other heads in the rest.

use crate::{Corpus, PretrainError};
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::ops::Range;
use tokenizers::Tokenizer;

/// Words in a passage.
const PASSAGE_WORDS: std::ops::RangeInclusive<usize> = 4..=26;
/// Passages that make a neighbourhood.
const NEIGHBOURHOOD: usize = 24;
/// How many passages may hold a word for it to be a class.
const WORD_PASSAGES: std::ops::RangeInclusive<usize> = 12..=4_000;
/// How often a passage is one that its class has shown before, or a part of it: the easiest look-up.
pub(crate) const AGAIN: f64 = 0.25;
/// The same while looking up is learnt: the harder look-ups follow from the easiest one.
pub(crate) const AGAIN_AT_FIRST: f64 = 0.5;
/// What stands before passage and label, the program's own prompt first.
const HEADS: [[&str; 2]; 4] = [
    ["Text:", "Label:"],
    ["Sentence:", "Kind:"],
    ["Question:", "Topic:"],
    ["Review:", "Answer:"],
];

/// The passages of a corpus, by what may be their class.
pub struct Passages<'a> {
    texts: Vec<&'a str>,
    /// Passages of each document.
    documents: Vec<Range<usize>>,
    /// A word and the passages that hold it.
    words: Vec<(String, Vec<u32>)>,
    /// Words that may be labels.
    labels: Vec<String>,
}

/// Demonstrations one behind the other; the last one may be cut.
#[derive(Clone, Debug, Default)]
pub struct Episode {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Places of the tokens of those labels whose class was shown before: what can be known.
    pub known: Vec<Range<usize>>,
}

impl<'a> Passages<'a> {
    /// Finds sentences of 4 to 26 words.
    pub fn of(corpus: &'a Corpus) -> Passages<'a> {
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
        let labels = words
            .iter()
            .filter(|(_, held)| held.len() >= 40)
            .map(|(word, _)| word.clone())
            .collect();
        Passages {
            texts,
            documents,
            words,
            labels,
        }
    }

    /// Whether episodes can be made of it.
    pub fn is_enough(&self) -> bool {
        self.documents.len() >= 2 && self.words.len() >= 20 && self.labels.len() >= 20
    }

    /// An episode of at most `length` tokens: as many demonstrations as fit. With probability `again` a passage is one that came before, whole or in
    /// part, with the label it had.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    ///
    /// # Panics
    /// If [`is_enough`](Passages::is_enough) is false.
    pub fn episode(
        &self,
        length: usize,
        again: f64,
        tokenizer: &Tokenizer,
        random: &mut ChaCha8Rng,
    ) -> Result<Episode, PretrainError> {
        let classes = random.random_range(2..=(length / 40).clamp(2, 8));
        let mut classes = self.classes(classes, random);
        let [text_head, label_head] = match random.random_bool(0.55) {
            true => HEADS[0],
            false => HEADS[random.random_range(1..HEADS.len())],
        };
        let encode = |text: &str| {
            tokenizer
                .encode_fast(text, false)
                .map(|encoding| encoding.get_ids().to_vec())
                .map_err(PretrainError::Tokenizer)
        };
        let mut episode = Episode::default();
        let mut shown: Vec<Vec<&str>> = vec![Vec::new(); classes.len()];
        let mut turn: Vec<usize> = Vec::new();
        while episode.ids.len() < length {
            if turn.is_empty() {
                turn = (0..classes.len()).collect();
                turn.shuffle(random);
            }
            // Mostly in turns, as balanced demonstrations; sometimes whichever.
            let class = match random.random_bool(0.7) {
                true => turn.pop().expect("filled above"),
                false => random.random_range(0..classes.len()),
            };
            let again = !shown[class].is_empty() && random.random_bool(again);
            let text = match again {
                true => part(shown[class].choose(random).expect("not empty"), random),
                false => match classes[class].passages.pop() {
                    Some(passage) => self.texts[passage as usize],
                    None => break,
                },
            };
            episode
                .ids
                .extend(encode(&format!("{text_head} {text}\n{label_head}"))?);
            let label = encode(&format!(" {}", classes[class].label))?;
            let place = episode.ids.len()..episode.ids.len() + label.len();
            if !shown[class].is_empty() && place.end <= length {
                episode.known.push(place);
            }
            if !again {
                shown[class].push(text);
            }
            episode.ids.extend(label);
            episode.ids.extend(encode("\n\n")?);
        }
        episode.ids.truncate(length);
        Ok(episode)
    }

    fn classes(&self, count: usize, random: &mut ChaCha8Rng) -> Vec<Class> {
        let kind = random.random_range(0..10);
        let mut classes: Vec<Class> = Vec::new();
        let mut used: Vec<usize> = Vec::new();
        let own_words = kind >= 5 && random.random_bool(0.25);
        for _ in 0..count {
            let (passages, word) = match kind {
                // The same book.
                0..2 if self.documents.len() >= count => {
                    let document = other(self.documents.len(), &mut used, random);
                    let range = self.documents[document].clone();
                    (some(range.map(|at| at as u32), random), None)
                }
                // The same lines of a book.
                0..5 => {
                    let range = self.documents.choose(random).expect("at least two").clone();
                    let from = random.random_range(range.start..=range.end - NEIGHBOURHOOD);
                    (
                        some((from..from + NEIGHBOURHOOD).map(|at| at as u32), random),
                        None,
                    )
                }
                // The same word.
                _ => {
                    let (word, held) = &self.words[other(self.words.len(), &mut used, random)];
                    (some(held.iter().copied(), random), Some(word))
                }
            };
            let label = loop {
                let label = match word {
                    Some(word) if own_words => word.clone(),
                    _ => self.label(random),
                };
                if classes.iter().all(|class| class.label != label) {
                    break label;
                }
            };
            classes.push(Class { label, passages });
        }
        classes
    }

    /// One word, or two.
    fn label(&self, random: &mut ChaCha8Rng) -> String {
        let mut word = || self.labels.choose(random).expect("is_enough").clone();
        let first = word();
        match random.random_bool(0.3) {
            true => format!("{first} {}", self.labels.choose(random).expect("is_enough")),
            false => first,
        }
    }
}

struct Class {
    label: String,
    /// Taken from the end.
    passages: Vec<u32>,
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

/// At most 40 of them, in any order.
fn some(passages: impl ExactSizeIterator<Item = u32> + Clone, random: &mut ChaCha8Rng) -> Vec<u32> {
    let count = passages.len();
    let mut chosen: Vec<u32> = rand::seq::index::sample(random, count, count.min(40))
        .into_iter()
        .map(|at| passages.clone().nth(at).expect("below the count"))
        .collect();
    chosen.shuffle(random);
    chosen
}

/// The passage itself, or at least half of its words.
fn part<'t>(text: &'t str, random: &mut ChaCha8Rng) -> &'t str {
    let starts: Vec<usize> = text
        .split_whitespace()
        .map(|word| word.as_ptr() as usize - text.as_ptr() as usize)
        .collect();
    let words = starts.len();
    let kept = random.random_range(words.div_ceil(2)..=words);
    let first = random.random_range(0..=words - kept);
    let end = starts.get(first + kept).copied().unwrap_or(text.len());
    text[starts[first]..end].trim_end()
}

/// Sentences end with a full stop, a question or exclamation mark, and quotation marks behind it.
fn sentences(paragraph: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut from = 0;
    let mut ended = false;
    for (at, c) in paragraph.char_indices() {
        match c {
            '.' | '!' | '?' => ended = true,
            '"' | '\'' | '”' | '’' | ')' if ended => {}
            _ if c.is_whitespace() && ended => {
                found.push(paragraph[from..at].trim());
                from = at;
                ended = false;
            }
            _ => ended = false,
        }
    }
    found.push(paragraph[from..].trim());
    found.retain(|text| !text.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, Family, packing::random, vocabulary};

    /// Two books about different things, word by word different.
    fn corpus() -> Corpus {
        let line = |thing: &str, n: usize| {
            format!(
                "We saw the {thing} again number {} today. \"Where is {thing} {n}?\" said someone there.",
                n % 7
            )
        };
        let book = |things: [&str; 4]| Document {
            paragraphs: (0..60).map(|n| line(things[n % 4], n)).collect(),
        };
        let documents = vec![
            book(["harbour", "sailor", "anchor", "rudder"]),
            book(["garden", "flower", "spade", "hedge"]),
            book(["piano", "violin", "trumpet", "organ"]),
        ];
        Corpus {
            documents,
            ..Corpus::default()
        }
    }

    #[test]
    fn sentences_keep_their_quotation_marks() {
        assert_eq!(
            sentences("He came. \"Why?\" she said.  No answer"),
            ["He came.", "\"Why?\"", "she said.", "No answer"]
        );
    }

    #[test]
    fn a_known_label_stood_behind_the_same_class_before() {
        let corpus = corpus();
        let tokenizer = vocabulary::train(Family::Gpt2, 500, &corpus).unwrap();
        let mut passages = Passages::of(&corpus);
        passages.labels = [
            "red", "blue", "green", "up", "down", "left", "right", "north", "south", "east",
        ]
        .map(str::to_owned)
        .into();
        let mut seen = 0;
        for number in 0..60 {
            let episode = passages
                .episode(
                    200,
                    AGAIN_AT_FIRST,
                    &tokenizer,
                    &mut random(1, "episode", number),
                )
                .unwrap();
            assert!(episode.ids.len() <= 200);
            for place in &episode.known {
                let text =
                    |range: Range<usize>| tokenizer.decode(&episode.ids[range], false).unwrap();
                let label = text(place.clone());
                let before = text(0..place.start);
                assert!(before.ends_with(':'), "{before}");
                assert!(
                    before.contains(&format!(":{label}\n\n")),
                    "the label{label} was shown in: {before}"
                );
                seen += 1;
            }
        }
        assert!(seen > 100, "{seen}");
    }

    #[test]
    fn a_part_is_at_least_half_of_the_passage() {
        let text = "One two, three four five.";
        let mut draws = random(4, "part", 0);
        let parts: std::collections::BTreeSet<&str> =
            (0..200).map(|_| part(text, &mut draws)).collect();
        assert!(parts.contains(text) && parts.contains("One two, three"));
        assert!(
            parts.contains("three four five.") && parts.len() == 6,
            "{parts:?}"
        );
    }

    #[test]
    fn no_class_draws_a_passage_twice() {
        let corpus = corpus();
        let mut passages = Passages::of(&corpus);
        passages.labels = (0..40).map(|n| format!("label{n}")).collect();
        passages.documents.truncate(2);
        for number in 0..20 {
            let classes = passages.classes(2, &mut random(2, "episode", number));
            for class in classes {
                let mut own = class.passages.clone();
                own.sort();
                own.dedup();
                assert_eq!(own.len(), class.passages.len());
            }
        }
    }
}
