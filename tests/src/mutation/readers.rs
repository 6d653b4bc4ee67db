//! The readers of foreign input, each through the command that people give; and what must hold of what comes out.

use super::change;
use super::commands::{read_adapter, read_model, read_plan, read_run, read_task, read_texts};
use super::corpus::Corpus;
use super::input::{Content, Input};
use super::planted::PLANTED;
use super::random::Draws;
use std::io;
use std::path::Path;

/// What came of one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// An error in words.
    Refused(String),
    Accepted,
    /// Numbers came out that are none: where.
    NotFinite(String),
}

/// One reader.
pub(crate) struct Reader {
    pub(crate) name: &'static str,
    /// How many of a hundred inputs are its.
    pub(crate) share: usize,
    /// The part of the corpus that it reads.
    pub(crate) part: &'static str,
    /// Names, or ends of names, of the files that are changed.
    targets: &'static [&'static str],
    read: fn(&Corpus, &Place) -> Verdict,
}

/// A sound input.
pub(crate) struct Entry {
    name: String,
    input: Input,
    /// The files that may be changed.
    targets: Vec<String>,
}

/// Where an input lies.
pub(crate) struct Place<'a> {
    /// The folder of the input's files.
    pub(crate) dir: &'a Path,
    /// An empty folder for what is written.
    pub(crate) out: &'a Path,
    /// The entry's name: `<family>+<adapter>` of adapters.
    pub(crate) entry: &'a str,
    pub(crate) seed: u64,
}

/// All of them; the shares add up to 100.
pub(crate) const READERS: [Reader; 14] = [
    reader("config", 12, "models", &["config.json"], read_model),
    reader("weights", 7, "models", &[".safetensors"], read_model),
    reader(
        "index",
        4,
        "models",
        &["model.safetensors.index.json"],
        read_model,
    ),
    reader("gguf", 3, "gguf", &["model.gguf"], read_model),
    reader("tokenizer", 10, "models", &["tokenizer.json"], read_model),
    reader(
        "tokenizer-settings",
        8,
        "models",
        &[
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
        ],
        read_model,
    ),
    reader(
        "vocabulary",
        6,
        "models",
        &["vocab.txt", "vocab.json", "merges.txt"],
        read_model,
    ),
    reader(
        "peft",
        11,
        "peft",
        &[
            "adapter_config.json",
            "adapter_model.safetensors",
            "labels.txt",
        ],
        read_adapter,
    ),
    reader("adapter", 11, "adapters", &[""], read_adapter),
    reader("task", 10, "tasks", &[""], read_task),
    reader("texts", 6, "texts", &[""], read_texts),
    reader(
        "record",
        5,
        "runs",
        &["run.json", "record.json", "predictions.csv"],
        read_run,
    ),
    reader(
        "archive",
        3,
        "archives",
        &["run.json", "records.tar.zst"],
        read_run,
    ),
    reader("plan", 4, "plans", &["plan.toml"], read_plan),
];

pub(super) const fn reader(
    name: &'static str,
    share: usize,
    part: &'static str,
    targets: &'static [&'static str],
    read: fn(&Corpus, &Place) -> Verdict,
) -> Reader {
    Reader {
        name,
        share,
        part,
        targets,
        read,
    }
}

/// The reader of a name.
pub(crate) fn find(name: &str) -> Option<&'static Reader> {
    READERS
        .iter()
        .chain(&PLANTED)
        .find(|reader| reader.name == name)
}

impl Reader {
    /// What its inputs are made of.
    pub(crate) fn entries(&self, corpus: &Corpus) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for folder in corpus.entries(self.part) {
            let name = folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let mut input = Input::of(&folder)?;
            if self.name == "tokenizer-settings" {
                // No fixture has one; many checkpoints have.
                let added = br#"{"[NEW]": 300, "<extra>": 12}"#.to_vec();
                input.set("added_tokens.json", Content::Bytes(added));
            }
            let targets: Vec<String> = input
                .files
                .keys()
                .filter(|file| self.changes(file))
                .cloned()
                .collect();
            if !targets.is_empty() {
                entries.push(Entry {
                    name,
                    input,
                    targets,
                });
            }
        }
        Ok(entries)
    }

    /// The input of a number, and the name of the entry that it is made of.
    pub(crate) fn input<'a>(&self, entries: &'a [Entry], seed: u64) -> (Input, &'a str) {
        let mut draws = Draws::of(self.name, seed);
        let entry = draws.one(entries);
        let mut input = entry.input.clone();
        let other = |file: &str, draws: &mut Draws| {
            let inputs = entries.iter().map(|entry| &entry.input);
            let same: Vec<&Input> = inputs
                .filter(|input| input.files.contains_key(file))
                .collect();
            match same.is_empty() {
                true => Vec::new(),
                false => draws.one(&same).bytes(file),
            }
        };
        change::change(&mut input, &entry.targets, other, &mut draws);
        (input, &entry.name)
    }

    fn changes(&self, file: &str) -> bool {
        self.targets.iter().any(|target| file.ends_with(target))
    }

    /// Reads it.
    pub(crate) fn read(&self, corpus: &Corpus, place: &Place) -> Verdict {
        (self.read)(corpus, place)
    }
}
