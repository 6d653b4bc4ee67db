//! In-context episodes: texts of classes, each behind a label word, so that taking the right label from what stands before is worth learning. Min et al.
//! 2022, *MetaICL* (arXiv:2110.15943) train on labelled tasks in this form; Gu et al. 2023, *Pre-Training to Learn in Context* (arXiv:2305.09137) find
//! the tasks in plain text, and so do the hidden classes of `passages`. Files of labelled texts ([`labelled`]) add classes that mean something.
//!
//! What a label says cannot be relied on: mostly the words are drawn anew for every episode, or the classes swap theirs (Wei et al. 2023, *Symbol
//! tuning*, arXiv:2305.08298). The form varies as well, and is never that of the program's own prompts, so that a form is taken from the context too.

pub mod labelled;
mod nearest;
mod passages;
mod writing;

use crate::{Corpus, PretrainError};
use labelled::Labelled;
use passages::Passages;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use std::ops::Range;
use tokenizers::Tokenizer;
use writing::{Form, Writer};

/// How often a text is one that its class has shown before, or a part of it: the easiest look-up.
pub(crate) const AGAIN: f64 = 0.25;
/// The same while looking up is learnt: the harder look-ups follow from the easiest one.
pub(crate) const AGAIN_AT_FIRST: f64 = 0.5;
/// Share of the episodes that are of labelled files, where there are any.
const LABELLED_SHARE: f64 = 0.6;
/// Share of the episodes that show the texts most like the one that is asked.
const NEAREST_SHARE: f64 = 0.3;
/// Classes in an episode, at most.
const MOST_CLASSES: usize = 8;
/// Tokens of the window for each class beyond two.
const TOKENS_A_CLASS: usize = 40;
/// How often classes are drawn until each has a text to show and one to ask for that does not hold a label.
const DRAWS: usize = 20;
/// Words that labels are drawn from must be so many.
const LEAST_WORDS: usize = 20;

/// What episodes are made of.
pub struct Episodes<'a> {
    passages: Passages<'a>,
    labelled: Labelled,
    /// Words that may be labels.
    words: Vec<String>,
}

/// Texts that belong together.
pub(crate) struct Class<'a> {
    /// What it is called where it comes from.
    name: Option<String>,
    /// Taken from the end.
    texts: Vec<&'a str>,
}

/// Demonstrations one behind the other; the last one may be cut.
#[derive(Clone, Debug, Default)]
pub struct Episode {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Places of the tokens of those labels whose class was shown before: what can be known.
    pub known: Vec<Range<usize>>,
}

/// Which words stand for the classes of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Naming {
    /// Their own names.
    Own,
    /// Each the name of another class of the episode.
    Swapped,
    /// Any words.
    Arbitrary,
}

impl<'a> Episodes<'a> {
    /// Of the sentences of a corpus, and of labelled texts.
    pub fn of(corpus: &'a Corpus, labelled: Labelled) -> Episodes<'a> {
        let passages = Passages::of(corpus);
        let labels = labelled.labels().flat_map(str::split_whitespace);
        let mut words: Vec<String> = passages
            .labels()
            .chain(labels.filter(|word| word.chars().all(char::is_alphabetic)))
            .map(str::to_lowercase)
            .collect();
        words.sort();
        words.dedup();
        Episodes {
            passages,
            labelled,
            words,
        }
    }

    /// Whether episodes can be made.
    pub fn is_enough(&self) -> bool {
        (self.passages.is_enough() || !self.labelled.is_empty()) && self.words.len() >= LEAST_WORDS
    }

    /// An episode of `length` tokens: as many demonstrations as fit, and a second one behind the first where its classes run out. With probability
    /// `again` a text is one that came before, whole or in part, with the label it had.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    ///
    /// # Panics
    /// If [`is_enough`](Episodes::is_enough) is false.
    pub fn episode(
        &self,
        length: usize,
        again: f64,
        tokenizer: &Tokenizer,
        random: &mut ChaCha8Rng,
    ) -> Result<Episode, PretrainError> {
        let mut episode = Episode::default();
        while episode.ids.len() < length {
            let count = random.random_range(2..=(length / TOKENS_A_CLASS).clamp(2, MOST_CLASSES));
            let classes = self.classes(count, random);
            let mut writer = Writer {
                episode: &mut episode,
                form: Form::draw(random),
                tokenizer,
                length,
            };
            if random.random_bool(NEAREST_SHARE) {
                writer.nearest_demonstrations(&classes, random)?;
            } else {
                writer.demonstrations(classes, again, random)?;
            }
        }
        episode.ids.truncate(length);
        Ok(episode)
    }

    /// Classes with the words that stand for them.
    fn classes(&self, count: usize, random: &mut ChaCha8Rng) -> Vec<Named<'_>> {
        let of_files = !self.labelled.is_empty()
            && (!self.passages.is_enough() || random.random_bool(LABELLED_SHARE));
        if !of_files {
            let classes = self.passages.classes(count, random);
            let naming = match random.random_bool(0.25) {
                true => Naming::Own,
                false => Naming::Arbitrary,
            };
            return self.named(classes, naming, random);
        }
        for _ in 0..DRAWS {
            let naming = *[Naming::Own, Naming::Swapped, Naming::Arbitrary]
                .choose_weighted(random, |naming| match naming {
                    Naming::Arbitrary => 2,
                    _ => 1,
                })
                .expect("positive weights");
            let mut named = self.named(self.labelled.classes(count, random), naming, random);
            drop_texts_with_a_label(&mut named);
            if named.iter().all(|class| class.texts.len() >= 2) {
                return named;
            }
        }
        // Classes whose texts all name them.
        let classes = self.labelled.classes(count, random);
        self.named(classes, Naming::Arbitrary, random)
    }

    /// Gives every class a label of its own. Where a class has no name, any words.
    fn named<'c>(
        &self,
        classes: Vec<Class<'c>>,
        naming: Naming,
        random: &mut ChaCha8Rng,
    ) -> Vec<Named<'c>> {
        let names: Option<Vec<String>> = classes.iter().map(|class| class.name.clone()).collect();
        let labels = match (naming, names) {
            (Naming::Own, Some(names)) => names,
            (Naming::Swapped, Some(mut names)) => {
                // A turn leaves no class its own name; the classes stand in any order.
                let turn = random.random_range(1..names.len());
                names.rotate_left(turn);
                names
            }
            (Naming::Arbitrary, _) | (_, None) => self.labels(classes.len(), random),
        };
        classes
            .into_iter()
            .zip(labels)
            .map(|(class, label)| Named {
                label,
                texts: class.texts,
                shown: Vec::new(),
            })
            .collect()
    }

    /// Different labels of one word, or of two.
    fn labels(&self, count: usize, random: &mut ChaCha8Rng) -> Vec<String> {
        let mut labels: Vec<String> = Vec::new();
        while labels.len() < count {
            let words = if random.random_bool(0.3) { 2 } else { 1 };
            let words: Vec<&str> = (0..words)
                .map(|_| self.words.choose(random).expect("is_enough").as_str())
                .collect();
            let label = words.join(" ");
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        labels
    }
}

/// A class of an episode under the word that stands for it.
struct Named<'a> {
    label: String,
    texts: Vec<&'a str>,
    shown: Vec<&'a str>,
}

/// Takes out what would tell its label by itself: texts that hold a word of one of the labels, or a word that begins with it.
fn drop_texts_with_a_label(classes: &mut [Named<'_>]) {
    let labels: Vec<String> = classes
        .iter()
        .flat_map(|class| class.label.split_whitespace())
        .filter(|word| word.len() > 2)
        .map(str::to_lowercase)
        .collect();
    let tells = |text: &str| {
        text.to_lowercase()
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| {
                labels
                    .iter()
                    .any(|label| word == label || (label.len() > 3 && word.starts_with(label)))
            })
    };
    for class in classes {
        class.texts.retain(|text| !tells(text));
    }
}

#[cfg(test)]
mod tests;
