//! The readers of foreign input, each through the command that people give; and what must hold of what comes out.

use super::change;
use super::corpus::Corpus;
use super::input::{Content, Input};
use super::random::Draws;
use files::Tensors;
use std::fs;
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
    part: &'static str,
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
pub(crate) const READERS: [Reader; 13] = [
    reader("config", 12, "models", &["config.json"], read_model),
    reader("weights", 8, "models", &[".safetensors"], read_model),
    reader(
        "index",
        4,
        "models",
        &["model.safetensors.index.json"],
        read_model,
    ),
    reader("tokenizer", 12, "models", &["tokenizer.json"], read_model),
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

const fn reader(
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

/// Readers with a fault each, which must be found.
pub(crate) const PLANTED: [Reader; 5] = [
    reader(
        "planted-panic",
        0,
        "plans",
        &["plan.toml"],
        |_, place| match place.seed {
            3 => panic!("a planted panic"),
            _ => Verdict::Accepted,
        },
    ),
    reader("planted-loop", 0, "plans", &["plan.toml"], |_, place| {
        while place.seed == 3 {
            std::hint::spin_loop();
        }
        Verdict::Accepted
    }),
    reader("planted-memory", 0, "plans", &["plan.toml"], |_, place| {
        let bytes = if place.seed == 3 { 2 << 30 } else { 1 << 20 };
        std::hint::black_box(vec![0u8; bytes]);
        Verdict::Accepted
    }),
    reader(
        "planted-overflow",
        0,
        "plans",
        &["plan.toml"],
        |_, place| {
            Verdict::Refused(descend(if place.seed == 3 { u64::MAX } else { 3 }).to_string())
        },
    ),
    reader("planted-nan", 0, "plans", &["plan.toml"], |_, place| {
        let value = if place.seed == 3 { "NaN" } else { "0.5" };
        let path = place.out.join("scores.csv");
        fs::write(
            &path,
            format!("row,label,logit_0,logit_1\n0,a,0.5,{value}\n"),
        )
        .expect("written");
        not_finite_table(&path).map_or(Verdict::Accepted, Verdict::NotFinite)
    }),
];

fn descend(depth: u64) -> u64 {
    let held = std::hint::black_box([depth; 64]);
    if depth == 0 {
        0
    } else {
        descend(depth - 1) + held[depth as usize % 64] % 2
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

/// Runs a command of the program and looks at what it wrote.
fn command(arguments: &[&str], look: impl FnOnce() -> Option<String>) -> Verdict {
    match runner::run_within(runner::METHODS, arguments) {
        Err(error) => Verdict::Refused(error),
        Ok(()) => look().map_or(Verdict::Accepted, Verdict::NotFinite),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

fn read_model(corpus: &Corpus, place: &Place) -> Verdict {
    let texts = corpus.texts();
    let output = place.out.join("features.safetensors");
    let pooling = ["none", "mean", "first", "last"][place.seed as usize % 4];
    let arguments = [
        "features",
        "--model",
        text(place.dir),
        "--input",
        text(&texts),
        "--output",
        text(&output),
        "--pooling",
        pooling,
    ];
    command(&arguments, || not_finite_tensors(&output))
}

fn read_adapter(corpus: &Corpus, place: &Place) -> Verdict {
    let texts = corpus.texts();
    let family = place.entry.split('+').next().unwrap_or_default();
    let output = place.out.join("predictions.csv");
    let model = corpus.model(family);
    let arguments = [
        "predict",
        "--model",
        text(&model),
        "--adapter",
        text(place.dir),
        "--input",
        text(&texts),
        "--output",
        text(&output),
    ];
    command(&arguments, || not_finite_table(&output))
}

fn read_texts(corpus: &Corpus, place: &Place) -> Verdict {
    let Some(input) = fs::read_dir(place.dir)
        .ok()
        .and_then(|mut files| files.next()?.ok())
    else {
        return Verdict::Refused("the file is missing".to_owned());
    };
    let (input, output) = (input.path(), place.out.join("predictions.csv"));
    let method = if place.seed.is_multiple_of(2) {
        "tf-idf"
    } else {
        "lora"
    };
    let (adapter, model) = (corpus.adapter("bert", method), corpus.model("bert"));
    let arguments = [
        "predict",
        "--model",
        text(&model),
        "--adapter",
        text(&adapter),
        "--input",
        text(&input),
        "--output",
        text(&output),
    ];
    command(&arguments, || not_finite_table(&output))
}

fn read_task(_: &Corpus, place: &Place) -> Verdict {
    let read = ["run", "--methods", "majority", "--task", text(place.dir)];
    command(&read, || {
        // What every trial computes of the answers, whatever the number of classes.
        let task = task::load(place.dir).ok()?;
        let labels: Vec<usize> = task.test.labels().into_iter().take(16).collect();
        let even = -(task.classes.len() as f32).ln();
        let even = vec![vec![even; task.classes.len()]; labels.len()];
        let loss = task::metrics::scores(&even, &labels).log_loss;
        (!loss.is_finite()).then(|| format!("loss {loss}"))
    })
}

fn read_run(_: &Corpus, place: &Place) -> Verdict {
    let dir = text(place.dir);
    let first = command(&["recommend", dir], || None);
    if first != Verdict::Accepted {
        return first;
    }
    let second = command(&["compare", dir, dir], || None);
    // Charts take most of the time of a report.
    if second != Verdict::Accepted || !place.seed.is_multiple_of(16) {
        return second;
    }
    command(&["report", dir], || None)
}

fn read_plan(_: &Corpus, place: &Place) -> Verdict {
    let plan = place.dir.join("plan.toml");
    command(&["run", text(&plan), "--out", text(place.out)], || None)
}

/// The first value that is no number, in a table of scores.
fn not_finite_table(path: &Path) -> Option<String> {
    let table = fs::read_to_string(path).ok()?;
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let scores = rows
        .headers()
        .ok()?
        .iter()
        .position(|name| name == "logit_0")?;
    for row in rows.records().flatten() {
        let mut scores = row.iter().skip(scores);
        if let Some(found) =
            scores.find(|cell| cell.parse().is_ok_and(|value: f32| !value.is_finite()))
        {
            return Some(format!(
                "{found} in row {} of {}",
                row.get(0).unwrap_or(""),
                path.display()
            ));
        }
    }
    None
}

fn not_finite_tensors(path: &Path) -> Option<String> {
    let tensors = Tensors::from_bytes(&fs::read(path).ok()?).ok()?;
    tensors.names().find_map(|name| {
        let (_, values) = tensors.get_floats(name).ok()?;
        let found = values.iter().find(|value| !value.is_finite())?;
        Some(format!("{found} in \"{name}\" of {}", path.display()))
    })
}
