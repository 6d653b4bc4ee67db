//! What the data cards of the bundled tasks promise: no text twice, no near-duplicates across splits, splits that do not change.

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const SPLITS: [&str; 3] = ["train", "validation", "test"];

/// The folders of all bundled tasks.
fn tasks() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/runner/bundled/tasks");
    let entries = std::fs::read_dir(root).expect("bundled tasks");
    let mut all: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    all.sort();
    assert!(all.len() >= 3, "{all:?}");
    all
}

fn card(task: &Path) -> String {
    std::fs::read_to_string(task.join("CARD.md")).expect("a data card")
}

/// Every text of a task with the split it is in; both texts of a pair.
fn texts(task: &Path) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for split in SPLITS {
        let file = std::fs::read_to_string(task.join(format!("{split}.tsv"))).expect("a split");
        let mut lines = file.lines();
        let columns: Vec<&str> = lines.next().expect("a header").split('\t').collect();
        for line in lines {
            let fields = columns.iter().zip(line.split('\t'));
            let texts = fields.filter(|(column, _)| column.starts_with("text"));
            all.extend(texts.map(|(_, text)| (split, text.to_owned())));
        }
    }
    all
}

/// Lower-cased runs of letters and digits; an inner apostrophe belongs to its word.
fn tokens(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase().replace('’', "'");
    lower
        .split(|c: char| !(c.is_alphanumeric() || c == '\''))
        .map(|word| word.trim_matches('\'').to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// The pair of texts in different splits that share most, by the Jaccard index of their tokens, and that index.
fn nearest_across_splits(texts: &[(&'static str, String)]) -> (f64, [String; 2]) {
    let sets: Vec<BTreeSet<String>> = texts.iter().map(|(_, text)| tokens(text)).collect();
    // Only texts that share a token can overlap: the counts of shared tokens are gathered word by word.
    let mut by_word: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, set) in sets.iter().enumerate() {
        for word in set {
            by_word.entry(word).or_default().push(row);
        }
    }
    let mut best = (0.0, [0, 0]);
    for (row, set) in sets.iter().enumerate() {
        let mut shared = vec![0_usize; row];
        for word in set {
            let earlier = by_word[word.as_str()]
                .iter()
                .take_while(|&&other| other < row);
            earlier.for_each(|&other| shared[other] += 1);
        }
        for (other, &shared) in shared.iter().enumerate() {
            let overlap = shared as f64 / (set.len() + sets[other].len() - shared) as f64;
            if texts[row].0 != texts[other].0 && overlap > best.0 {
                best = (overlap, [other, row]);
            }
        }
    }
    (best.0, best.1.map(|row| texts[row].1.clone()))
}

/// The number behind `words` in a card.
fn stated(card: &str, words: &str) -> f64 {
    let card = card.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, rest) = card.split_once(words).expect("the card states it");
    let number: String = rest
        .trim_start()
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    number.trim_end_matches('.').parse().expect("a number")
}

#[test]
fn no_text_of_a_bundled_task_has_a_near_duplicate_in_another_split() {
    for task in tasks() {
        let limit = stated(&card(&task), "texts in different splits is at most");
        assert!((0.3..=0.5).contains(&limit), "{}: {limit}", task.display());
        let (overlap, [a, b]) = nearest_across_splits(&texts(&task));
        assert!(
            overlap <= limit,
            "{}: {overlap:.3} between {a:?} and {b:?}, the card says at most {limit}",
            task.display()
        );
        assert!(
            overlap > limit - 0.01,
            "{}: the card says {limit}, the largest overlap is {overlap:.3}: say so",
            task.display()
        );
    }
}

#[test]
fn a_reworded_row_of_another_split_is_found() {
    for task in tasks() {
        let mut all = texts(&task);
        let long = all
            .iter()
            .find(|(split, text)| *split == "train" && tokens(text).len() >= 9);
        let (_, text) = long.expect("a text of nine words").clone();
        let words: Vec<&str> = text.split_whitespace().collect();
        let planted = format!("{} {}?", words[1..].join(" "), words[0].to_uppercase());
        all.push(("test", planted));
        let (overlap, pair) = nearest_across_splits(&all);
        assert!(overlap > 0.6 && pair.contains(&text), "{overlap} {pair:?}");
    }
}

#[test]
fn no_text_of_a_bundled_task_occurs_twice() {
    for task in tasks() {
        let mut seen = BTreeSet::new();
        for (split, text) in texts(&task) {
            let spaced = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                seen.insert(spaced.to_lowercase()),
                "{}: {text:?} of {split} occurs twice",
                task.display()
            );
        }
    }
}

#[test]
fn the_splits_are_those_whose_digests_the_card_gives() {
    for task in tasks() {
        let card = card(&task);
        for split in SPLITS {
            let name = format!("{split}.tsv");
            let bytes = std::fs::read(task.join(&name)).expect("a split");
            let digest: String = Sha256::digest(bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let row = format!("| `{name}` | `{digest}` |");
            assert!(
                card.contains(&row),
                "{}: {name} has changed, its digest is {digest}",
                task.display()
            );
        }
    }
}
