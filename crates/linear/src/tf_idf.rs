//! TF-IDF as scikit-learn's `TfidfVectorizer` defines it, for single texts and pairs.

use crate::Sparse;
use rayon::prelude::*;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

/// A text, and the second one of a pair.
pub type Text<'a> = (&'a str, Option<&'a str>);

/// How texts become terms, and terms weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TfIdfSettings {
    /// Words of the shortest and of the longest term.
    pub ngram_range: (usize, usize),
    /// `1 + ln(count)` in place of the count.
    pub sublinear_tf: bool,
    /// Terms that fewer training texts hold are left out.
    pub min_df: usize,
}

impl Default for TfIdfSettings {
    /// scikit-learn's.
    fn default() -> Self {
        Self {
            ngram_range: (1, 1),
            sublinear_tf: false,
            min_df: 1,
        }
    }
}

/// A vocabulary with its document frequencies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub struct TfIdf {
    kept: Kept,
    idf: Vec<f64>,
    places: HashMap<String, usize>,
}

/// What goes into a file; the rest follows from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    settings: TfIdfSettings,
    /// Number of training texts.
    documents: usize,
    /// Term and number of training texts that hold it, sorted by term.
    terms: Vec<(String, usize)>,
}

impl TryFrom<Kept> for TfIdf {
    type Error = String;

    /// Refuses numbers that no fit gives: they come from a file.
    fn try_from(kept: Kept) -> Result<Self, String> {
        let (shortest, longest) = kept.settings.ngram_range;
        if !(1..=longest).contains(&shortest) || longest > LONGEST_TERM {
            return Err(format!(
                "ngram_range is {shortest} to {longest}, expected rising numbers from 1 to {LONGEST_TERM}"
            ));
        }
        if kept.documents > MOST_TEXTS {
            return Err(format!(
                "documents is {}, expected at most {MOST_TEXTS}",
                kept.documents
            ));
        }
        let wrong = |(_, df): &&(String, usize)| !(1..=kept.documents).contains(df);
        if let Some((term, df)) = kept.terms.iter().find(wrong) {
            return Err(format!(
                "the term {term:?} stands in {df} of {} texts, expected at least 1 and at most all",
                kept.documents
            ));
        }
        match kept.terms.is_sorted_by(|(a, _), (b, _)| a < b) {
            true => Ok(Self::of(kept)),
            false => Err("the terms do not rise, expected each once, in order".to_owned()),
        }
    }
}

/// Most words of a term that a file may ask for.
const LONGEST_TERM: usize = 64;

/// So many are still told apart as f64.
const MOST_TEXTS: usize = 1 << 53;

impl TfIdf {
    fn of(kept: Kept) -> Self {
        let idf =
            |(_, df): &(String, usize)| ((1 + kept.documents) as f64 / (1 + df) as f64).ln() + 1.0;
        let places = kept
            .terms
            .iter()
            .enumerate()
            .map(|(place, (term, _))| (term.clone(), place))
            .collect();
        Self {
            idf: kept.terms.iter().map(idf).collect(),
            places,
            kept,
        }
    }
}

impl From<TfIdf> for Kept {
    fn from(tf_idf: TfIdf) -> Self {
        tf_idf.kept
    }
}

impl TfIdf {
    /// Takes the vocabulary from the texts and returns it with their weights.
    pub fn fit(texts: &[Text<'_>], settings: TfIdfSettings) -> (Self, Sparse) {
        let counts = count_all(texts, settings);
        let mut frequencies: BTreeMap<&str, usize> = BTreeMap::new();
        for term in counts.iter().flat_map(HashMap::keys) {
            *frequencies.entry(term).or_default() += 1;
        }
        let often = frequencies
            .into_iter()
            .filter(|(_, df)| *df >= settings.min_df);
        let terms = often.map(|(term, df)| (term.to_owned(), df)).collect();
        let fitted = Self::of(Kept {
            settings,
            documents: texts.len(),
            terms,
        });
        let weights = fitted.weigh(&counts);
        (fitted, weights)
    }

    /// Weights of new texts; terms that are not in the vocabulary are left out.
    pub fn transform(&self, texts: &[Text<'_>]) -> Sparse {
        self.weigh(&count_all(texts, self.kept.settings))
    }

    /// The terms, in the order of the columns: sorted by code point.
    pub fn vocabulary(&self) -> impl ExactSizeIterator<Item = &str> {
        self.kept.terms.iter().map(|(term, _)| term.as_str())
    }

    /// `ln((1 + texts) / (1 + texts that hold the term)) + 1` of each term.
    pub fn idf(&self) -> &[f64] {
        &self.idf
    }

    fn weigh(&self, counts: &[HashMap<String, usize>]) -> Sparse {
        let of_text = |counts: &HashMap<String, usize>| {
            let weight = |(term, &count): (&String, &usize)| {
                let place = *self.places.get(term)?;
                let tf = if self.kept.settings.sublinear_tf {
                    1.0 + (count as f64).ln()
                } else {
                    count as f64
                };
                Some((place, tf * self.idf[place]))
            };
            let mut row: Vec<(usize, f64)> = counts.iter().filter_map(weight).collect();
            row.sort_unstable_by_key(|(place, _)| *place);
            let length = row
                .iter()
                .map(|(_, weight)| weight * weight)
                .sum::<f64>()
                .sqrt();
            row.iter_mut().for_each(|(_, weight)| *weight /= length);
            row
        };
        Sparse::new(self.idf.len(), counts.par_iter().map(of_text).collect())
    }
}

fn count_all(texts: &[Text<'_>], settings: TfIdfSettings) -> Vec<HashMap<String, usize>> {
    texts
        .par_iter()
        .map(|text| count_terms(*text, settings))
        .collect()
}

/// How often each term stands in a text. Terms of a pair begin with `a:` or `b:`, so that a word weighs by the text it stands in.
fn count_terms((first, second): Text<'_>, settings: TfIdfSettings) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    match second {
        None => count_into(&mut counts, "", first, settings),
        Some(second) => {
            count_into(&mut counts, "a:", first, settings);
            count_into(&mut counts, "b:", second, settings);
        }
    }
    counts
}

fn count_into(
    counts: &mut HashMap<String, usize>,
    prefix: &str,
    text: &str,
    settings: TfIdfSettings,
) {
    let lower = text.to_lowercase();
    let words: Vec<&str> = WORD.find_iter(&lower).map(|word| word.as_str()).collect();
    let (shortest, longest) = settings.ngram_range;
    for size in shortest..=longest {
        for words in words.windows(size) {
            *counts
                .entry(format!("{prefix}{}", words.join(" ")))
                .or_default() += 1;
        }
    }
}

/// scikit-learn's `\b\w\w+\b` with Python's `\w`: letters, numbers and the underscore, but no combining marks.
static WORD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[\p{L}\p{N}_]{2,}").expect("a valid pattern"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_word_in_the_first_and_in_the_second_text_is_two_features() {
        let texts = [("red car", Some("a blue car")), ("blue car", Some("red"))];
        let (tf_idf, weights) = TfIdf::fit(&texts, TfIdfSettings::default());
        assert_eq!(
            tf_idf.vocabulary().collect::<Vec<_>>(),
            ["a:blue", "a:car", "a:red", "b:blue", "b:car", "b:red"]
        );
        assert_eq!(
            weights.row(1).map(|(column, _)| column).collect::<Vec<_>>(),
            [0, 1, 5]
        );
    }

    #[test]
    fn rare_terms_are_left_out_and_two_words_are_one_term() {
        let settings = TfIdfSettings {
            ngram_range: (1, 2),
            min_df: 2,
            ..TfIdfSettings::default()
        };
        let texts = [
            ("not good at all", None),
            ("not good", None),
            ("good, not bad", None),
        ];
        let (tf_idf, _) = TfIdf::fit(&texts, settings);
        assert_eq!(
            tf_idf.vocabulary().collect::<Vec<_>>(),
            ["good", "not", "not good"]
        );
    }

    #[test]
    fn a_vocabulary_read_back_gives_the_same_weights_bit_for_bit() {
        let texts = [
            ("one fish two fish", None),
            ("red fish blue fish", None),
            ("one two", None),
        ];
        let (tf_idf, weights) = TfIdf::fit(
            &texts,
            TfIdfSettings {
                sublinear_tf: true,
                ..TfIdfSettings::default()
            },
        );
        let read: TfIdf = serde_json::from_str(&serde_json::to_string(&tf_idf).unwrap()).unwrap();
        assert_eq!(read.transform(&texts), weights);
    }
}
