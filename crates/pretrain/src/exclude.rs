//! Texts that must not be trained on: the sentences of tasks that a model is to be judged by, found in a corpus whatever their case, marks and spaces.

use crate::sentences::{normal_words, sentences};
use crate::{Corpus, PretrainError};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

/// Sentences of so many words and more are looked for anywhere, within a longer sentence as well. Shorter ones ("Thank you.") are parts of too many
/// others, and only a whole sentence is the same.
const RUN: usize = 4;

/// Sentences to leave out.
#[derive(Clone, Debug, Default)]
pub struct Excluded {
    /// By their first words.
    runs: HashMap<[u64; RUN], Vec<Vec<u64>>>,
    short: HashSet<Vec<u64>>,
}

impl Excluded {
    /// All texts of these tasks, of every split; both of a pair.
    ///
    /// # Errors
    /// A directory that is no task.
    pub fn of_tasks(dirs: &[PathBuf]) -> Result<Excluded, PretrainError> {
        let mut excluded = Excluded::default();
        for dir in dirs {
            let task = task::load(dir)?;
            for example in [&task.train, &task.validation, &task.test]
                .into_iter()
                .flatten()
            {
                excluded.add(&example.text);
                if let Some(second) = &example.second {
                    excluded.add(second);
                }
            }
        }
        Ok(excluded)
    }

    /// Adds the sentences of a text.
    pub fn add(&mut self, text: &str) {
        for sentence in sentences(text) {
            let words = normal_words(sentence);
            match words.first_chunk::<RUN>() {
                Some(&first) => self.runs.entry(first).or_default().push(words),
                None if !words.is_empty() => {
                    self.short.insert(words);
                }
                None => {}
            }
        }
    }

    /// Whether one of the sentences occurs in a text.
    pub fn is_in(&self, text: &str) -> bool {
        self.occurs_in(&sentences(text)).contains(&true)
    }

    /// For each sentence of a paragraph whether an excluded one is it, is a part of it, or runs on into it.
    fn occurs_in(&self, sentences: &[&str]) -> Vec<bool> {
        let words: Vec<Vec<u64>> = sentences.iter().map(|text| normal_words(text)).collect();
        let mut occurs: Vec<bool> = words.iter().map(|own| self.short.contains(own)).collect();
        let places: Vec<usize> = words
            .iter()
            .enumerate()
            .flat_map(|(sentence, own)| own.iter().map(move |_| sentence))
            .collect();
        let words = words.concat();
        for (at, first) in words.windows(RUN).enumerate() {
            let candidates = first
                .first_chunk::<RUN>()
                .and_then(|key| self.runs.get(key));
            for run in candidates.into_iter().flatten() {
                if words[at..].starts_with(run) {
                    occurs[places[at]..=places[at + run.len() - 1]].fill(true);
                }
            }
        }
        occurs
    }
}

impl Corpus {
    /// Takes the sentences out in which an excluded one occurs, and returns how many they were.
    pub fn leave_out(&mut self, excluded: &Excluded) -> usize {
        let mut count = 0;
        for document in &mut self.documents {
            for paragraph in &mut document.paragraphs {
                let own = sentences(paragraph);
                let occurs = excluded.occurs_in(&own);
                if occurs.contains(&true) {
                    count += occurs.iter().filter(|&&occurs| occurs).count();
                    let kept: Vec<&str> = own
                        .into_iter()
                        .zip(occurs)
                        .filter(|(_, occurs)| !occurs)
                        .map(|(sentence, _)| sentence)
                        .collect();
                    *paragraph = kept.join(" ");
                }
            }
            document
                .paragraphs
                .retain(|paragraph| !paragraph.is_empty());
        }
        self.documents
            .retain(|document| !document.paragraphs.is_empty());
        count
    }

    /// In how many paragraphs an excluded sentence occurs.
    pub fn overlap(&self, excluded: &Excluded) -> usize {
        let paragraphs = self
            .documents
            .iter()
            .flat_map(|document| &document.paragraphs);
        paragraphs.filter(|text| excluded.is_in(text)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    fn corpus(paragraphs: &[&str]) -> Corpus {
        let document = |text: &&str| Document {
            paragraphs: vec![(*text).to_owned()],
        };
        Corpus {
            documents: paragraphs.iter().map(document).collect(),
            ..Corpus::default()
        }
    }

    fn excluded(texts: &[&str]) -> Excluded {
        let mut excluded = Excluded::default();
        texts.iter().for_each(|text| excluded.add(text));
        excluded
    }

    #[test]
    fn a_sentence_is_found_whatever_its_case_and_marks_and_the_rest_stays() {
        let excluded = excluded(&[
            "Hello! Where's my parcel, please? It is late.",
            "no refund yet",
        ]);
        let mut corpus = corpus(&[
            "We waited. \"WHERE’S MY PARCEL — please?\" he asked. Nobody knew.",
            "He said: where's my parcel, please, it is late and I am tired. So it was.",
            "Where is my parcel, please?",
            "No refund. Yet the money came.",
            "Hello!",
            "Hello there.",
            "No refund yet.",
        ]);
        assert_eq!(corpus.overlap(&excluded), 4);
        assert_eq!(corpus.leave_out(&excluded), 4);
        assert_eq!(corpus.overlap(&excluded), 0);
        let left: Vec<&str> = corpus
            .documents
            .iter()
            .flat_map(|document| &document.paragraphs)
            .map(String::as_str)
            .collect();
        assert_eq!(
            left,
            [
                "We waited. he asked. Nobody knew.",
                "So it was.",
                "Where is my parcel, please?",
                "No refund. Yet the money came.",
                "Hello there.",
            ]
        );
    }

    #[test]
    fn a_sentence_that_runs_over_the_end_of_another_takes_both() {
        let excluded = excluded(&["the battery died after two days"]);
        let mut corpus = corpus(&["First. The battery died. After two days. Last."]);
        assert_eq!(corpus.leave_out(&excluded), 2);
        assert_eq!(corpus.documents[0].paragraphs, ["First. Last."]);
    }

    #[test]
    fn both_texts_of_a_pair_in_every_split_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        for (split, number) in [("train", "one"), ("validation", "two"), ("test", "three")] {
            let rows = format!(
                "text_a\ttext_b\tlabel\nThe first of {number} texts\tThe second of {number} texts\tsame\nAnother {number} to be told apart\tAnd {number} more of them\tdifferent\n"
            );
            std::fs::write(dir.path().join(format!("{split}.tsv")), rows).unwrap();
        }
        let excluded = Excluded::of_tasks(&[dir.path().to_path_buf()]).unwrap();
        for number in ["one", "two", "three"] {
            assert!(excluded.is_in(&format!("the second of {number} texts")));
            assert!(excluded.is_in(&format!("the first of {number} texts")));
        }
        assert!(!excluded.is_in("the second of four texts"));
    }
}
