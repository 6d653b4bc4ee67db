//! Each reader through the command that people give, and what must hold of what the command writes.

use super::corpus::Corpus;
use super::readers::{Place, Verdict};
use files::Tensors;
use std::fs;
use std::path::Path;

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

pub(super) fn read_model(corpus: &Corpus, place: &Place) -> Verdict {
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

pub(super) fn read_adapter(corpus: &Corpus, place: &Place) -> Verdict {
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

pub(super) fn read_texts(corpus: &Corpus, place: &Place) -> Verdict {
    let Some(input) = fs::read_dir(place.dir)
        .ok()
        .and_then(|mut files| files.next()?.ok())
    else {
        return Verdict::Refused("the file is missing".to_owned());
    };
    let (input, output) = (input.path(), place.out.join("predictions.csv"));
    // A model takes its time for each of a hundred thousand texts, and rightly so.
    let many = fs::metadata(&input).is_ok_and(|file| file.len() > 1 << 16);
    let method = if place.seed.is_multiple_of(2) || many {
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

pub(super) fn read_task(_: &Corpus, place: &Place) -> Verdict {
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

pub(super) fn read_run(_: &Corpus, place: &Place) -> Verdict {
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

pub(super) fn read_plan(_: &Corpus, place: &Place) -> Verdict {
    let plan = place.dir.join("plan.toml");
    command(&["run", text(&plan), "--out", text(place.out)], || None)
}

/// The first value that is no number, in a table of scores.
pub(super) fn not_finite_table(path: &Path) -> Option<String> {
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
