//! What a reader of a result must know beside its numbers.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Notes on one trial, each a sentence without its full stop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Notes {
    /// On the task's files: leaks between splits, repeated and empty texts, rules that were applied.
    pub task: Vec<String>,
    /// On the examples that limits drew from them: classes without an example, leaks among those drawn.
    pub draw: Vec<String>,
    /// On the model's files.
    pub model: Vec<String>,
}

impl Notes {
    /// Whether there is nothing to note.
    pub fn is_empty(&self) -> bool {
        self.task.is_empty() && self.draw.is_empty() && self.model.is_empty()
    }
}

/// Notes on a whole run, in its `run.json`: what was found before the first trial.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunNotes {
    /// On the files of each task, by its name as given.
    pub tasks: BTreeMap<String, Vec<String>>,
    /// On the files of each model, by its name as given.
    pub models: BTreeMap<String, Vec<String>>,
    /// Methods of the plan that were not run with a model.
    pub left_out: Vec<LeftOut>,
}

impl RunNotes {
    /// Whether there is nothing to note.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A method that cannot be used with a model, and so was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its name.
    pub method: String,
    /// The model as given.
    pub model: String,
    /// Why it cannot.
    pub reason: String,
}

/// How much of its texts a method read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Most tokens that were read of a text, or of both texts of a pair, special ones included: `--max-length`, or less where the model's
    /// window or a prompt leaves less. `None`: texts are read whole.
    pub longest: Option<u64>,
    /// The training examples of the trial.
    pub train: CutTexts,
    /// The validation split.
    pub validation: CutTexts,
    /// The test split.
    pub test: CutTexts,
}

/// How many texts of a split were longer than what was read of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutTexts {
    /// Texts, or pairs of texts.
    pub texts: u64,
    /// Those of them that were cut.
    pub cut: u64,
}
