//! curve.csv of a pretraining: `step, tokens, elapsed_s, split, metric, value`.

use crate::PretrainError;
use crate::checkpoint::State;
use crate::held_out::Measured;
use crate::prepare;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The open file.
pub(crate) struct Curve {
    file: fs::File,
    path: PathBuf,
    tokens_a_step: u64,
}

impl Curve {
    /// Opens the curve and takes off what was written after the checkpoint that the training goes on from.
    pub(crate) fn open(dir: &Path, step: u64, tokens_a_step: u64) -> Result<Curve, PretrainError> {
        let path = dir.join("curve.csv");
        let old = fs::read_to_string(&path).unwrap_or_default();
        let kept = old.lines().filter(|line| {
            let at = line
                .split(',')
                .next()
                .and_then(|step| step.parse::<u64>().ok());
            at.is_some_and(|at| at <= step)
        });
        let header = "step,tokens,elapsed_s,split,metric,value";
        let text: String = std::iter::once(header)
            .chain(kept)
            .map(|line| format!("{line}\n"))
            .collect();
        prepare::write(&path, text.as_bytes())?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(PretrainError::file(&path))?;
        Ok(Curve {
            file,
            path,
            tokens_a_step,
        })
    }

    /// Adds a row.
    pub(crate) fn add(
        &mut self,
        state: State,
        split: &str,
        metric: &str,
        value: f64,
    ) -> Result<(), PretrainError> {
        let tokens = state.step * self.tokens_a_step;
        let line = format!(
            "{},{tokens},{:.2},{split},{metric},{value:.5}\n",
            state.step, state.elapsed_s
        );
        self.file
            .write_all(line.as_bytes())
            .map_err(PretrainError::file(&self.path))
    }

    /// Adds the rows of a measurement on held-out text.
    pub(crate) fn add_measured(
        &mut self,
        state: State,
        measured: Measured,
    ) -> Result<(), PretrainError> {
        self.add(state, "held_out", "loss", measured.loss)?;
        let others = [
            ("episode_accuracy", measured.episode_accuracy),
            ("teacher_cosine", measured.teacher_cosine),
            ("teacher_error", measured.teacher_error),
            ("teacher_divergence", measured.teacher_divergence),
        ];
        for (metric, value) in others {
            if let Some(value) = value {
                self.add(state, "held_out", metric, value)?;
            }
        }
        Ok(())
    }
}
