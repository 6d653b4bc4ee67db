//! Demonstrations as tokens: text, label and what stands around them.

use super::Named;
use super::nearest::nearest;
use crate::PretrainError;
use crate::episodes::Episode;
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::ops::Range;
use tokenizers::Tokenizer;

/// What stands before a text.
pub(super) const TEXT_HEADS: [&str; 8] = [
    "Text:",
    "Sentence:",
    "Message:",
    "Question:",
    "Review:",
    "Input:",
    "Note:",
    "",
];
/// What stands between a text and its label.
pub(super) const LABEL_HEADS: [&str; 8] = [
    "\nLabel:",
    "\nKind:",
    "\nTopic:",
    "\nAnswer:",
    "\nCategory:",
    "\nIt is about:",
    " =>",
    " ->",
];
/// What stands behind a label.
pub(super) const ENDS: [&str; 3] = ["\n\n", "\n", "\n###\n"];
/// The program's own prompt.
pub(super) const PROMPT: [&str; 2] = ["Text:", "\nLabel:"];

/// What stands around text and label.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) text_head: &'static str,
    pub(super) label_head: &'static str,
    pub(super) end: &'static str,
}

impl Form {
    /// Any but the program's own.
    pub(super) fn draw(random: &mut ChaCha8Rng) -> Form {
        loop {
            let mut one_of = |all: &[&'static str]| *all.choose(random).expect("not empty");
            let form = Form {
                text_head: one_of(&TEXT_HEADS),
                label_head: one_of(&LABEL_HEADS),
                end: one_of(&ENDS),
            };
            if [form.text_head, form.label_head] != PROMPT {
                return form;
            }
        }
    }
}

/// Writes demonstrations into an episode.
pub(super) struct Writer<'w> {
    pub(super) episode: &'w mut Episode,
    pub(super) form: Form,
    pub(super) tokenizer: &'w Tokenizer,
    pub(super) length: usize,
}

impl Writer<'_> {
    /// Until the window is full or a class has no text any more.
    pub(super) fn demonstrations(
        &mut self,
        mut classes: Vec<Named<'_>>,
        again: f64,
        random: &mut ChaCha8Rng,
    ) -> Result<(), PretrainError> {
        let mut turn: Vec<usize> = Vec::new();
        while self.episode.ids.len() < self.length {
            if turn.is_empty() {
                turn = (0..classes.len()).collect();
                turn.shuffle(random);
            }
            // Mostly in turns, as balanced demonstrations; sometimes whichever.
            let at = match random.random_bool(0.7) {
                true => turn.pop().expect("filled above"),
                false => random.random_range(0..classes.len()),
            };
            let class = &mut classes[at];
            let is_known = !class.shown.is_empty();
            let text = match is_known && random.random_bool(again) {
                true => part(class.shown.choose(random).expect("not empty"), random),
                false => match class.texts.pop() {
                    Some(text) => {
                        class.shown.push(text);
                        text
                    }
                    None => break,
                },
            };
            self.demonstration(text, &class.label, is_known)?;
        }
        Ok(())
    }

    /// The texts most like one of them, and that one.
    pub(super) fn nearest_demonstrations(
        &mut self,
        classes: &[Named<'_>],
        random: &mut ChaCha8Rng,
    ) -> Result<(), PretrainError> {
        let mut shown = vec![false; classes.len()];
        for (text, at) in nearest(classes, random) {
            self.demonstration(text, &classes[at].label, shown[at])?;
            shown[at] = true;
        }
        Ok(())
    }

    fn demonstration(
        &mut self,
        text: &str,
        label: &str,
        is_known: bool,
    ) -> Result<(), PretrainError> {
        let Form {
            text_head,
            label_head,
            end,
        } = self.form;
        let space = if text_head.is_empty() { "" } else { " " };
        self.add(&format!("{text_head}{space}{text}{label_head}"))?;
        let place = self.add(&format!(" {label}"))?;
        if is_known && place.end <= self.length {
            self.episode.known.push(place);
        }
        self.add(end)?;
        Ok(())
    }

    /// Where the text's tokens stand.
    fn add(&mut self, text: &str) -> Result<Range<usize>, PretrainError> {
        let encoding = self
            .tokenizer
            .encode_fast(text, false)
            .map_err(PretrainError::Tokenizer)?;
        let from = self.episode.ids.len();
        self.episode.ids.extend(encoding.get_ids());
        Ok(from..self.episode.ids.len())
    }
}

/// The text itself, or at least half of its words.
pub(super) fn part<'t>(text: &'t str, random: &mut ChaCha8Rng) -> &'t str {
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
