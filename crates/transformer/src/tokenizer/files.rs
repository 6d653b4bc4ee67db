//! The vocabulary a tokenizer may come in: tokenizer.json, else the older vocab.txt (WordPiece), vocab.json + merges.txt (BPE), or a
//! SentencePiece model.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::TokenizerError;
use super::class::{Class, Lists};
use super::sentencepiece::Pieces;
use crate::load::LoadError;

/// Every file that a tokenizer is read from, where it is there.
pub(crate) const TOKENIZER_FILES: [&str; 11] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spm.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    ANY_PIECES,
];

/// A SentencePiece model that every class reads, before one of the class's own name.
const ANY_PIECES: &str = "tokenizer.model";

/// The largest tokenizer.json in use have 35 MB (Gemma 3).
const JSON_BYTES: u64 = 256 << 20;
/// The largest word lists in use have 5 MB.
const LIST_BYTES: u64 = 64 << 20;

/// Whether something stands there. What is not a regular file is refused where it is read.
pub(super) fn is_there(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}

/// tokenizer.json, if it is there.
pub(super) fn read_json(dir: &Path) -> Result<Option<(PathBuf, String)>, LoadError> {
    let file = dir.join("tokenizer.json");
    if !is_there(&file) {
        return Ok(None);
    }
    let text = text(&file, JSON_BYTES)?;
    Ok(Some((file, text)))
}

fn text(file: &Path, at_most: u64) -> Result<String, LoadError> {
    files::read_text(file, at_most).map_err(|source| LoadError::Read {
        file: file.to_path_buf(),
        source,
    })
}

/// The words of a model, as the part `model` of tokenizer.json has them.
pub(super) struct Vocabulary {
    /// An object of words and ids; for Unigram a list of words and scores.
    pub(super) words: Value,
    /// For BPE.
    pub(super) merges: Value,
    /// The normalizer that SentencePiece compiled; null where there is none.
    pub(super) charsmap: Value,
    /// Place of the word that stands for what no word spells, where the file says it.
    pub(super) unknown: Option<usize>,
    /// The first is the one to name in an error.
    pub(super) files: Vec<PathBuf>,
}

impl Vocabulary {
    fn of_lists(words: Map<String, Value>, merges: Value, files: Vec<PathBuf>) -> Vocabulary {
        Vocabulary {
            words: Value::Object(words),
            merges,
            charsmap: Value::Null,
            unknown: None,
            files,
        }
    }
}

/// What a folder without tokenizer.json has.
pub(super) enum Found {
    Lists(Vocabulary),
    Pieces(Pieces),
}

/// The class that reads a folder without tokenizer.json: where that is [`Class::AsWritten`], the one of the files that are there.
pub(super) fn class_of_lists(dir: &Path, class: Class, roberta: bool) -> Class {
    let there = |name: &str| is_there(&dir.join(name));
    match class {
        Class::AsWritten if there("vocab.json") && there("merges.txt") && roberta => Class::Roberta,
        Class::AsWritten if there("vocab.json") && there("merges.txt") => Class::Gpt2,
        Class::AsWritten if there("vocab.txt") => Class::Bert,
        class => class,
    }
}

/// Reads the word list of a class.
///
/// # Errors
/// None that the class can read, or a fault in one, which is named.
pub(super) fn read_lists(dir: &Path, class: Class) -> Result<Found, LoadError> {
    let at = |name: &str| Some(dir.join(name)).filter(|file| is_there(file));
    let found = match class.lists() {
        Lists::Words => {
            let Some(file) = at("vocab.txt") else {
                return Err(missing(dir, class).into());
            };
            let words = word_list(&text(&file, LIST_BYTES)?);
            Found::Lists(Vocabulary::of_lists(words, Value::Null, vec![file]))
        }
        Lists::WordsAndMerges => {
            let Some((vocab, merges)) = at("vocab.json").zip(at("merges.txt")) else {
                return Err(missing(dir, class).into());
            };
            let words = word_ids(&vocab)?;
            let pairs = Value::Array(merge_list(&merges, &words)?);
            Found::Lists(Vocabulary::of_lists(words, pairs, vec![vocab, merges]))
        }
        Lists::Pieces(name) => match at(ANY_PIECES).or(at(name)) {
            Some(file) => Found::Pieces(Pieces::read(&file, class)?),
            None => return Err(missing(dir, class).into()),
        },
    };
    Ok(found)
}

fn missing(dir: &Path, class: Class) -> TokenizerError {
    let others = ["tekken.json", "tiktoken.model"];
    let mut names = TOKENIZER_FILES.iter().chain(&others);
    let vocabulary = |name: &&&str| !name.ends_with("_config.json") && !name.ends_with("_map.json");
    let there = names.find(|name| {
        vocabulary(name) && **name != "added_tokens.json" && is_there(&dir.join(name))
    });
    let wanted = match class.lists() {
        Lists::Words => "vocab.txt",
        Lists::WordsAndMerges => "vocab.json with merges.txt",
        Lists::Pieces(name) => name,
    };
    let hint = match there {
        Some(name) => format!(
            "; {} is there, and the tokenizer class of this model, {}, reads {wanted}: convert it with `AutoTokenizer.from_pretrained(..).save_pretrained(..)` of transformers",
            dir.join(name).display(),
            class.name()
        ),
        None => ", nor vocab.txt, nor vocab.json with merges.txt, nor a SentencePiece model (spm.model, spiece.model, sentencepiece.bpe.model, tokenizer.model)".to_owned(),
    };
    let dir = dir.to_path_buf();
    TokenizerError::Missing { dir, hint }
}

/// One word a line; the line is the id. A word that stands there twice has the later one.
fn word_list(text: &str) -> Map<String, Value> {
    let lines = text.lines().enumerate();
    let words = lines.map(|(id, line)| (line.trim_end().to_owned(), Value::from(id)));
    words.collect()
}

fn word_ids(file: &Path) -> Result<Map<String, Value>, LoadError> {
    let refused = |problem: String| broken(file, problem.into());
    let words: Map<String, Value> = serde_json::from_str(&text(file, LIST_BYTES)?)
        .map_err(|error| broken(file, Box::new(error)))?;
    for (word, id) in &words {
        if id.as_u64().is_none_or(|id| id >= u64::from(u32::MAX)) {
            let word = word.chars().take(40).collect::<String>();
            return Err(refused(format!(
                "\"{word}\" has the id {id}, expected one below 2^32 - 1"
            ))
            .into());
        }
    }
    Ok(words)
}

/// Two words a line that the vocabulary has, as it has what they make together.
fn merge_list(file: &Path, words: &Map<String, Value>) -> Result<Vec<Value>, LoadError> {
    let text = text(file, LIST_BYTES)?;
    let mut pairs = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.starts_with("#version") {
            continue;
        }
        let refused = |problem: String| {
            let shown = line.chars().take(60).collect::<String>();
            broken(
                file,
                format!("line {}, \"{shown}\", {problem}", at + 1).into(),
            )
        };
        let Some((a, b)) = line.split_once(' ').filter(|(_, b)| !b.contains(' ')) else {
            let problem = "is not two words with a space between them";
            return Err(refused(problem.to_owned()).into());
        };
        for word in [a, b, &format!("{a}{b}")] {
            if !words.contains_key(word) {
                return Err(refused(format!("needs \"{word}\", which vocab.json has not")).into());
            }
        }
        pairs.push(Value::from(vec![a, b]));
    }
    Ok(pairs)
}

pub(super) fn broken(file: &Path, source: tokenizers::Error) -> TokenizerError {
    TokenizerError::Broken {
        file: file.to_path_buf(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_list_has_its_lines_as_ids_however_they_end() {
        let ids = |text: &str| {
            let words = word_list(text).into_iter();
            words
                .map(|(word, id)| (word, id.as_u64().unwrap()))
                .collect::<Vec<_>>()
        };
        let expected = [("a".to_owned(), 0), ("b".to_owned(), 1)];
        for text in ["a\nb\n", "a\r\nb\r\n", "a\nb", "a \nb\t"] {
            assert_eq!(ids(text), expected, "{text:?}");
        }
        assert_eq!(ids("a\nb\na"), [("a".to_owned(), 2), ("b".to_owned(), 1)]);
    }
}
