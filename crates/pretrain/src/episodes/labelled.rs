//! Labelled texts out of structure that a text carries itself: glosses under the classes of a dictionary, descriptions under the sections of a
//! catalogue, messages under the program they are from. Lines of `label<TAB>text`; a label may have a group before a slash, `noun/food`, and classes
//! are told apart within their group.

use super::Class;
use crate::PretrainError;
use crate::exclude::Excluded;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Texts that a class must have: one to show, and one to ask for.
const LEAST_TEXTS: usize = 2;
/// Words of a text; what is longer is cut.
const TEXT_WORDS: usize = 60;
/// Texts of a class in one episode, at most.
const CLASS_TEXTS: usize = 40;
/// Of a file with so many groups, every tenth is held out.
const GROUPS_TO_HOLD_OUT: usize = 20;

/// The texts of some files.
#[derive(Clone, Debug, Default)]
pub struct Labelled {
    files: Vec<Groups>,
    about: Vec<LabelledFile>,
}

/// What was read of a file.
#[derive(Clone, Debug)]
pub struct LabelledFile {
    /// The file.
    pub path: PathBuf,
    /// Texts that episodes can show.
    pub texts: usize,
    /// sha256 of its bytes.
    pub digest: String,
}

/// The groups of one file.
#[derive(Clone, Debug, Default)]
struct Groups(Vec<Group>);

/// Classes that stand against each other, at least two: each with its label and its texts.
type Group = Vec<(String, Vec<String>)>;

impl Labelled {
    /// Reads labelled files, without the texts that are excluded.
    ///
    /// # Errors
    /// A file that cannot be read, a line without a label or without a text, a file without two classes of one group.
    pub fn read(files: &[PathBuf], excluded: &Excluded) -> Result<Labelled, PretrainError> {
        let mut labelled = Labelled::default();
        for path in files {
            let text = fs::read_to_string(path).map_err(PretrainError::file(path))?;
            let groups = Groups::parse(&text, path, excluded)?;
            labelled.about.push(LabelledFile {
                path: path.clone(),
                texts: groups.texts(),
                digest: format!("{:x}", Sha256::digest(text.as_bytes())),
            });
            labelled.files.push(groups);
        }
        Ok(labelled)
    }

    /// What was read, in the order of the files.
    pub fn files(&self) -> Vec<LabelledFile> {
        self.about.clone()
    }

    /// Whether there are no files.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Every label, without its group.
    pub(crate) fn labels(&self) -> impl Iterator<Item = &str> {
        let groups = self.files.iter().flat_map(|file| &file.0);
        groups.flatten().map(|(label, _)| label.as_str())
    }

    /// Takes every tenth group out of each file that has at least twenty: classes and texts of which nothing is trained on.
    pub(crate) fn split_off_held_out(&mut self) -> Labelled {
        let mut held_out = Labelled::default();
        for file in &mut self.files {
            if file.0.len() >= GROUPS_TO_HOLD_OUT {
                let mut out = Groups::default();
                let groups = std::mem::take(&mut file.0);
                for (at, group) in groups.into_iter().enumerate() {
                    let side = if at % 10 == 0 { &mut out } else { &mut *file };
                    side.0.push(group);
                }
                held_out.files.push(out);
            }
        }
        held_out
    }

    /// At most so many classes of one group. A file is drawn in proportion to the root of its size: a small one is not repeated until it is known by
    /// heart, and a large one does not crowd out the others.
    ///
    /// # Panics
    /// If there are no files.
    pub(crate) fn classes(&self, count: usize, random: &mut ChaCha8Rng) -> Vec<Class<'_>> {
        let file = self
            .files
            .choose_weighted(random, |file| (file.texts() as f64).sqrt())
            .expect("at least one file, each with texts");
        let group = file.0.choose(random).expect("a file has a group");
        let mut classes: Vec<Class<'_>> = group
            .choose_multiple(random, count)
            .map(|(label, texts)| Class {
                name: Some(label.clone()),
                texts: texts.iter().map(String::as_str).collect(),
            })
            .collect();
        for class in &mut classes {
            class.texts.shuffle(random);
            class.texts.truncate(CLASS_TEXTS);
        }
        classes
    }
}

impl Groups {
    fn parse(text: &str, path: &Path, excluded: &Excluded) -> Result<Groups, PretrainError> {
        let refuse = |reason: String| {
            PretrainError::Settings(format!(
                "{}: {reason}; a line is `label<TAB>text` or `group/label<TAB>text`",
                path.display()
            ))
        };
        let mut groups: BTreeMap<&str, BTreeMap<&str, Vec<String>>> = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let (label, text) = line.split_once('\t').unwrap_or((line, ""));
            let (group, label) = label.rsplit_once('/').unwrap_or(("", label));
            let (label, text) = (label.trim(), text.trim());
            if label.is_empty() || text.is_empty() {
                return Err(refuse(format!(
                    "line {} has no {}",
                    number + 1,
                    if label.is_empty() { "label" } else { "text" }
                )));
            }
            if !excluded.is_in(text) {
                let class = groups.entry(group).or_default().entry(label).or_default();
                class.push(beginning(text));
            }
        }
        let groups = groups.into_values().map(|classes| {
            let enough = classes
                .into_iter()
                .filter(|(_, texts)| texts.len() >= LEAST_TEXTS);
            enough
                .map(|(label, texts)| (label.replace('_', " "), texts))
                .collect::<Group>()
        });
        let groups: Vec<Group> = groups.filter(|classes| classes.len() >= 2).collect();
        if groups.is_empty() {
            return Err(refuse(format!(
                "no group has two labels with {LEAST_TEXTS} texts each"
            )));
        }
        Ok(Groups(groups))
    }

    fn texts(&self) -> usize {
        self.0.iter().flatten().map(|(_, texts)| texts.len()).sum()
    }
}

/// The first words of a text.
fn beginning(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().take(TEXT_WORDS).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::random;

    fn parse(text: &str) -> Result<Groups, PretrainError> {
        Groups::parse(text, Path::new("kinds.tsv"), &Excluded::default())
    }

    #[test]
    fn classes_of_one_episode_are_of_one_group() {
        let rows: String = [("noun", ["food", "plant"]), ("verb", ["motion", "trade"])]
            .iter()
            .flat_map(|(group, labels)| labels.iter().map(move |label| (group, label)))
            .flat_map(|(group, label)| {
                (0..3).map(move |n| format!("{group}/{label}\ttext {n} of {label}\n"))
            })
            .collect();
        let labelled = Labelled {
            files: vec![parse(&rows).unwrap()],
            about: Vec::new(),
        };
        for number in 0..20 {
            let classes = labelled.classes(8, &mut random(1, "classes", number));
            let mut names: Vec<&str> = classes.iter().flat_map(|c| c.name.as_deref()).collect();
            names.sort();
            assert!(
                names == ["food", "plant"] || names == ["motion", "trade"],
                "{names:?}"
            );
            assert!(classes.iter().all(|class| class.texts.len() == 3));
        }
    }

    #[test]
    fn lines_without_a_label_or_a_text_are_named() {
        for (text, reason) in [
            ("a\tone\na\ttwo\nno tab\n", "line 3 has no text"),
            ("noun/\tone\n", "line 1 has no label"),
            ("a\tone\na\ttwo\nb\tone\n", "no group has two labels"),
            ("", "no group has two labels"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(
                error.contains(reason) && error.contains("kinds.tsv"),
                "{error}"
            );
        }
    }

    #[test]
    fn excluded_texts_are_not_read() {
        let mut excluded = Excluded::default();
        excluded.add("the battery died after two days");
        let rows = "a\tThe battery died, after two days.\na\tone\na\ttwo\nb\tthree\nb\tfour\n";
        let groups = Groups::parse(rows, Path::new("kinds.tsv"), &excluded).unwrap();
        assert_eq!(groups.texts(), 4);
    }

    #[test]
    fn held_out_groups_are_not_trained_on() {
        let rows: String = (0..20)
            .flat_map(|group| {
                ["a", "b"]
                    .into_iter()
                    .map(move |label| format!("{group:02}/{label}{group}\tone\n").repeat(2))
            })
            .collect();
        let mut labelled = Labelled {
            files: vec![parse(&rows).unwrap()],
            about: Vec::new(),
        };
        let held_out = labelled.split_off_held_out();
        let labels = |part: &Labelled| part.labels().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(labels(&held_out), ["a0", "b0", "a10", "b10"]);
        assert_eq!(labels(&labelled).len(), 36);
        assert!(!labels(&labelled).contains(&"a10".to_owned()));
    }
}
