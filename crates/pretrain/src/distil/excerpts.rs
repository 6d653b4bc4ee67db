//! What a teacher and its student both read: excerpts of the corpus, from a few words to as many as the student takes, cut where sentences end.
//!
//! They are a function of the texts and the longest excerpt alone, so that other students find the same teacher's outputs on disk.

use crate::Corpus;
use crate::packing::random;
use crate::sentences::sentences;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The shortest excerpt that sentences are joined to, where there are more.
const SHORTEST_WORDS: usize = 6;
/// What has fewer words is left out: a teacher says little of it.
const FEWEST_WORDS: usize = 2;
/// A token of running English stands for about this many words.
const WORDS_A_TOKEN: f64 = 0.7;
/// Bytes of the longest excerpt: no text of words is that long.
const MOST_BYTES: usize = 4_096;

/// Excerpts in the order of the corpus.
pub(crate) struct Excerpts<'a> {
    texts: Vec<&'a str>,
}

impl<'a> Excerpts<'a> {
    /// Cuts the paragraphs of a corpus for a student that reads `length` tokens.
    pub(crate) fn of(corpus: &'a Corpus, length: usize) -> Excerpts<'a> {
        let longest = longest_words(length);
        let mut draws = random(0, "excerpts", length as u64);
        let mut texts = Vec::new();
        for document in &corpus.documents {
            for paragraph in &document.paragraphs {
                cut(paragraph, longest, &mut draws, &mut texts);
            }
        }
        Excerpts { texts }
    }

    /// About `count` of them, evenly spread.
    pub(crate) fn thinned(mut self, count: usize) -> Excerpts<'a> {
        let every = self.texts.len().div_ceil(count).max(1);
        self.texts = self.texts.into_iter().step_by(every).collect();
        self
    }

    pub(crate) fn texts(&self) -> &[&'a str] {
        &self.texts
    }

    /// sha256 over all excerpts, in hexadecimal digits.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for text in &self.texts {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        }
        format!("{:x}", hasher.finalize())
    }
}

/// Words of the longest excerpt.
pub(crate) fn longest_words(length: usize) -> usize {
    ((length as f64 * WORDS_A_TOKEN) as usize).max(SHORTEST_WORDS)
}

/// How many words sentences are joined to: short texts are as frequent as long ones on a scale of ratios, since those of most tasks are short.
fn limit(longest: usize, draws: &mut ChaCha8Rng) -> usize {
    let ratio = longest as f64 / SHORTEST_WORDS as f64;
    (SHORTEST_WORDS as f64 * ratio.powf(draws.random::<f64>())).round() as usize
}

/// Joins the sentences of a paragraph up to a limit drawn for each excerpt; cuts those that are longer than the longest excerpt.
fn cut<'a>(paragraph: &'a str, longest: usize, draws: &mut ChaCha8Rng, texts: &mut Vec<&'a str>) {
    // Where a part of the paragraph begins; parts are slices of it.
    let start = |part: &str| part.as_ptr() as usize - paragraph.as_ptr() as usize;
    let mut keep = |from: usize, to: usize, words: usize| {
        if words >= FEWEST_WORDS && to - from <= MOST_BYTES {
            texts.push(&paragraph[from..to]);
        }
    };
    let mut open: Option<(usize, usize, usize)> = None;
    let mut most = limit(longest, draws);
    for part in sentences(paragraph)
        .into_iter()
        .flat_map(|sentence| at_most(sentence, longest))
    {
        let (from, words) = (start(part), part.split_whitespace().count());
        let to = from + part.len();
        open = match open {
            Some((first, _, before)) if before + words <= most => Some((first, to, before + words)),
            before => {
                if let Some((first, last, words)) = before {
                    keep(first, last, words);
                    most = limit(longest, draws);
                }
                Some((from, to, words))
            }
        };
    }
    if let Some((first, last, words)) = open {
        keep(first, last, words);
    }
}

/// The sentence, in parts of nearly equal numbers of words where it has more than `longest`.
fn at_most(sentence: &str, longest: usize) -> Vec<&str> {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    if words.len() <= longest {
        return vec![sentence];
    }
    let size = words.len().div_ceil(words.len().div_ceil(longest));
    let place = |word: &str| word.as_ptr() as usize - sentence.as_ptr() as usize;
    let parts = words.chunks(size).map(|part| {
        let last = part[part.len() - 1];
        &sentence[place(part[0])..place(last) + last.len()]
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    fn corpus(paragraphs: &[&str]) -> Corpus {
        let document = Document {
            paragraphs: paragraphs.iter().map(|&text| text.to_owned()).collect(),
        };
        Corpus {
            documents: vec![document],
            ..Corpus::default()
        }
    }

    #[test]
    fn excerpts_end_where_sentences_do_and_lose_no_word() {
        let text = "One two three four. Five six seven! Eight nine ten eleven twelve? ".repeat(40);
        let corpus = corpus(&[&text, "A gloss.", "Alone"]);
        let excerpts = Excerpts::of(&corpus, 40);
        let (gloss, running) = excerpts.texts().split_last().unwrap();
        assert_eq!(*gloss, "A gloss.", "one word says nothing");
        assert!(running.iter().all(|text| text.ends_with(['.', '!', '?'])));
        let words = |text: &str| text.split_whitespace().count();
        let most = running.iter().map(|text| words(text)).max().unwrap();
        assert!(most <= 28 && most > 14, "{most}");
        let all: usize = running.iter().map(|text| words(text)).sum();
        assert_eq!(all, words(&text));
        let lengths: std::collections::BTreeSet<usize> =
            running.iter().map(|text| words(text)).collect();
        assert!(lengths.len() > 3, "{lengths:?}");
    }

    #[test]
    fn a_sentence_longer_than_the_longest_excerpt_is_cut_into_equal_parts() {
        let sentence = (0..50).map(|n| format!("w{n}")).collect::<Vec<_>>();
        let corpus = corpus(&[&sentence.join("  ")]);
        let excerpts = Excerpts::of(&corpus, 32); // 22 words
        let words: Vec<usize> = excerpts
            .texts()
            .iter()
            .map(|text| text.split_whitespace().count())
            .collect();
        assert_eq!(words, [17, 17, 16]);
        assert!(excerpts.texts()[1].starts_with("w17"));
    }

    #[test]
    fn another_text_or_another_order_is_another_digest() {
        let digest = |texts: &[&str]| Excerpts::of(&corpus(texts), 40).digest();
        let first = digest(&["Some text here.", "More of it."]);
        assert_eq!(first, digest(&["Some text here.", "More of it."]));
        assert_ne!(first, digest(&["More of it.", "Some text here."]));
        assert_ne!(first, digest(&["Some text here.", "More of that."]));
    }
}
